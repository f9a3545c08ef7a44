//! The progress of each ordered route, and its lease: one run at a time holds it.

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure};
use serde::{Deserialize, Serialize};

use super::{Db, Key, StoreError};
use crate::domain::ordering::Progress;
use crate::domain::partition::RouteFamily;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;

/// A run that has not written for this long is taken for dead. It writes every second.
pub const LEASE: Duration = Duration::from_secs(15);
/// While a run is under way, requeue at most one wake-up this often.
const WAKEUP_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Serialize, Deserialize)]
struct Record {
    progress: Progress,
    leased_until: Millis,
    revision: u64,
}

/// A route's progress, and the right to change it.
#[derive(Debug)]
pub struct Lease {
    key: Key,
    /// How far the route has come.
    pub progress: Progress,
    revision: u64,
}

/// The progress of every ordered route.
#[derive(Clone, Debug)]
pub struct Ordered {
    db: Db,
}

fn key(scope: &Scope, route: &str) -> Key {
    Key::new(&scope.route_partition(RouteFamily::Ordered, route), "progress")
}

fn wakeup_key(scope: &Scope, route: &str) -> Key {
    Key::new(&scope.route_partition(RouteFamily::Ordered, route), "wakeup")
}

impl Ordered {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Creates the progress of a route that begins at `start`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create(&self, scope: &Scope, route: &str, start: Millis) -> Result<(), StoreError> {
        let record = Record { progress: Progress::from(start), leased_until: Millis::ZERO, revision: 1 };
        self.db.put(&self.db.tables.activity, &key(scope, route), &record).await
    }

    /// How far a route has come.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn progress(&self, scope: &Scope, route: &str) -> Result<Option<Progress>, StoreError> {
        let record: Option<Record> = self.db.get(&self.db.tables.activity, &key(scope, route)).await?;
        Ok(record.map(|record| record.progress))
    }

    /// Takes a route's lease; `None` while another run holds it, or if the route is gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lease(&self, scope: &Scope, route: &str, now: Millis) -> Result<Option<Lease>, StoreError> {
        let key = key(scope, route);
        let record: Option<Record> = self.db.get(&self.db.tables.activity, &key).await?;
        let Some(Record { progress, revision, .. }) =
            record.filter(|record| record.leased_until <= self.db.run_out(LEASE, now))
        else {
            return Ok(None);
        };
        let mut lease = Lease { key, progress, revision };
        match self.write(&mut lease, now.plus(LEASE)).await {
            Ok(()) => Ok(Some(lease)),
            Err(StoreError::Conflict) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Saves the progress and keeps the lease.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the lease was lost.
    pub async fn keep(&self, lease: &mut Lease, now: Millis) -> Result<(), StoreError> {
        self.write(lease, now.plus(LEASE)).await
    }

    /// Saves the progress and releases the lease.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the lease was lost.
    pub async fn release(&self, mut lease: Lease) -> Result<(), StoreError> {
        self.write(&mut lease, Millis::ZERO).await
    }

    async fn write(&self, lease: &mut Lease, leased_until: Millis) -> Result<(), StoreError> {
        let read = lease.revision;
        lease.revision += 1;
        let record = Record { progress: lease.progress.clone(), leased_until, revision: lease.revision };
        self.db.replace(&self.db.tables.activity, &lease.key, &record, read).await
    }

    /// Whether to requeue a wake-up that came during another run: `true` for at most one of many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_wakeup(&self, scope: &Scope, route: &str, now: Millis) -> Result<bool, StoreError> {
        let number = |n: i64| AttributeValue::N(n.to_string());
        let key = wakeup_key(scope, route).attributes();
        let update = self.db.client.update_item().table_name(&self.db.tables.activity).set_key(Some(key));
        let answer = update
            .update_expression("SET since = :now, expires_at = :expires")
            .condition_expression("attribute_not_exists(since) OR since <= :before")
            .expression_attribute_values(":now", number(now.0))
            .expression_attribute_values(":before", number(now.minus(WAKEUP_INTERVAL).0))
            .expression_attribute_values(":expires", number(now.plus(Duration::from_secs(3_600)).as_secs()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        let Err(error) = answer else { return Ok(true) };
        match error.as_service_error() {
            // At this very moment: an earlier attempt of this call did it, and its answer was lost. Two wake-ups do no harm.
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                Ok(failed.item().and_then(|item| item.get("since")) == Some(&number(now.0)))
            }
            _ => Err(error.into()),
        }
    }

    /// Forgets a route.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete(&self, scope: &Scope, route: &str) -> Result<(), StoreError> {
        self.db.delete(&self.db.tables.activity, &wakeup_key(scope, route)).await?;
        self.db.delete(&self.db.tables.activity, &key(scope, route)).await.map(|_| ())
    }
}
