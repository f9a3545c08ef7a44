//! The log of an integration: what happened to it, newest first.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Db, Key, StoreError};
use crate::domain::integration::LogAction;
use crate::domain::partition::{Partition, RouteFamily};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;

/// How many entries are shown.
pub const SHOWN: usize = 50;
const KEPT: Duration = Duration::from_secs(31 * 86_400);

/// One entry.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LogEntry {
    /// What happened.
    pub action: LogAction,
    /// Why, in words.
    pub reason: String,
    /// When.
    pub created_at: Millis,
}

#[derive(Serialize)]
struct Record<'a> {
    #[serde(flatten)]
    entry: &'a LogEntry,
    expires_at: i64,
}

/// The logs of every integration.
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
    pub async fn note(
        &self,
        scope: &Scope,
        route: &str,
        action: LogAction,
        reason: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        let entry = LogEntry { action, reason: reason.to_owned(), created_at: now };
        let record = Record { entry: &entry, expires_at: now.plus(KEPT).as_secs() };
        let sk = format!("{:013}#{}", now.0, self.db.ports.unique("log"));
        self.db.put(&self.db.tables.activity, &Key::new(&partition(scope, route), sk), &record).await
    }

    /// The newest entries.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn entries(&self, scope: &Scope, route: &str) -> Result<Vec<LogEntry>, StoreError> {
        self.db.newest(&self.db.tables.activity, &partition(scope, route), SHOWN).await
    }
}
