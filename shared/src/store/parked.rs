//! Deliveries that were under way when their route was stopped: kept until it starts again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::db::first;
use super::{Db, Key, StoreError};
use crate::domain::partition::{Partition, RouteFamily};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;

/// How many messages are read at a time.
const SOME: usize = 10;
const KEPT: Duration = Duration::from_secs(31 * 86_400);

/// A parked message.
#[derive(Clone, Debug)]
pub struct Parked {
    sk: String,
    /// The message as it stood in the queue.
    pub message: String,
}

#[derive(Serialize, Deserialize)]
struct Record {
    sk: String,
    message: String,
    expires_at: i64,
}

/// The parked messages of every route.
#[derive(Clone, Debug)]
pub struct ParkingLot {
    db: Db,
}

fn partition(scope: &Scope, route: &str) -> Partition {
    scope.route_partition(RouteFamily::Parked, route)
}

impl ParkingLot {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Parks a message of the route of that uid.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn park(&self, scope: &Scope, route: &str, message: String, now: Millis) -> Result<(), StoreError> {
        let sk = format!("{:013}#{}", now.0, self.db.ports.unique("park"));
        let record = Record { sk: sk.clone(), message, expires_at: now.plus(KEPT).as_secs() };
        self.db.put(&self.db.tables.activity, &Key::new(&partition(scope, route), sk), &record).await
    }

    /// The oldest parked messages of a route, some at a time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn oldest(&self, scope: &Scope, route: &str) -> Result<Vec<Parked>, StoreError> {
        let query = self.db.query(&self.db.tables.activity, &partition(scope, route)).consistent_read(true);
        let records: Vec<Record> = first(query, SOME).await?;
        Ok(records.into_iter().map(|record| Parked { sk: record.sk, message: record.message }).collect())
    }

    /// Forgets a message that has been sent again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget(&self, scope: &Scope, route: &str, parked: &Parked) -> Result<(), StoreError> {
        let key = Key::new(&partition(scope, route), parked.sk.clone());
        self.db.delete(&self.db.tables.activity, &key).await.map(|_| ())
    }
}
