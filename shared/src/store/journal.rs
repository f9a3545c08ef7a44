//! The log of a route: what happened to it, newest first.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Db, Key, StoreError};
use crate::domain::activity::Activity;
use crate::domain::partition::{Partition, RouteFamily};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;

/// How many entries are shown.
pub const SHOWN: usize = 50;
const KEPT: Duration = Duration::from_secs(31 * 86_400);

/// One entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The activity.
    pub activity: Activity,
    /// The time.
    pub created_at: Millis,
}

#[derive(Serialize)]
struct Record<'a> {
    activity: &'a Activity,
    created_at: Millis,
    expires_at: i64,
}

/// The logs of every route.
#[derive(Clone, Debug)]
pub struct Journal {
    db: Db,
}

fn partition(scope: &Scope, route: &str) -> Partition {
    scope.route_partition(RouteFamily::Journal, route)
}

impl Journal {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Adds an entry to the log of the route of that uid.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note(&self, scope: &Scope, route: &str, activity: &Activity, now: Millis) -> Result<(), StoreError> {
        let record = Record { activity, created_at: now, expires_at: now.plus(KEPT).as_secs() };
        let sk = format!("{:013}#{}", now.0, self.db.ports.unique("log"));
        self.db.put(&self.db.tables.activity, &Key::new(&partition(scope, route), sk), &record).await
    }

    /// The newest entries.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn entries(&self, scope: &Scope, route: &str) -> Result<Vec<Entry>, StoreError> {
        self.db.newest(&self.db.tables.activity, &partition(scope, route), SHOWN).await
    }
}
