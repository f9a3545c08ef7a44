//! Deliveries that are due later than a queue can delay them.
//!
//! Each is one record of its route. One more record a route, its wake-up, says when the first of them is due: the tick
//! finds all wake-ups in one query, and has a worker send what is due. So a delivery that waits for a day costs one
//! write, and nothing while it waits.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, ReturnValue};
use serde::{Deserialize, Serialize};

use super::db::first;
use super::key::version;
use super::{Db, Item, Key, StoreError, read, was_made};
use crate::domain::partition::{GlobalPartition, Partition, RouteFamily};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;

/// Records read at once: each can be as large as a message.
const SOME: usize = 10;
/// How long a record is kept after it is due.
const KEPT: Duration = Duration::from_secs(31 * 86_400);

/// A delivery message that waits for its time.
#[derive(Clone, Debug)]
pub struct ScheduledDelivery {
    sk: String,
    /// The message.
    pub message: String,
}

#[derive(Serialize, Deserialize)]
struct Record {
    sk: String,
    message: String,
    expires_at: i64,
}

/// When the first scheduled delivery of a route is due, or when to look again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WakeUp {
    /// Whose.
    pub scope: Scope,
    /// The route's uid.
    pub route: String,
    /// When.
    pub at: Millis,
    /// Counts the deliveries that were scheduled, from a number that no earlier wake-up of the route had: so a look at
    /// them knows whether it saw all.
    scheduled: u64,
}

/// Scheduled deliveries.
#[derive(Clone, Debug)]
pub struct Scheduled {
    db: Db,
}

fn partition(scope: &Scope, route: &str) -> Partition {
    scope.route_partition(RouteFamily::Scheduled, route)
}

fn wake_up_key(scope: &Scope, route: &str) -> Key {
    Key::global(GlobalPartition::WakeUps, &scope.sort_key(route))
}

fn time(at: Millis) -> AttributeValue {
    AttributeValue::S(at.to_string())
}

impl Scheduled {
    /// Over the database.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Keeps a message until it is due.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn schedule(&self, scope: &Scope, route: &str, message: String, due: Millis) -> Result<(), StoreError> {
        let sk = format!("{:013}#{}", due.0, self.db.ports.unique("due"));
        let record = Record { sk: sk.clone(), message, expires_at: due.plus(KEPT).as_secs() };
        // The delivery first: a wake-up that finds nothing does no harm.
        self.db.put(&self.db.tables.activity, &Key::new(&partition(scope, route), sk), &record).await?;
        let wake_up = self.count(scope, route, due).await?;
        if wake_up.at <= due { Ok(()) } else { self.advance(scope, route, due).await }
    }

    async fn count(&self, scope: &Scope, route: &str, due: Millis) -> Result<WakeUp, StoreError> {
        let names = [("#at", "at"), ("#scope", "scope"), ("#route", "route")];
        let scope_value = serde_dynamo::to_attribute_value(scope).map_err(|e| StoreError::Malformed(e.to_string()))?;
        let values = [
            (":v", version()),
            (":one", AttributeValue::N("1".to_owned())),
            // Greater than any count of a wake-up that was removed.
            (":first", AttributeValue::N(self.db.ports.now().0.saturating_mul(1_000).to_string())),
            (":at", time(due)),
            (":scope", scope_value),
            (":route", AttributeValue::S(route.to_owned())),
        ];
        let update = self.db.client.update_item().table_name(&self.db.tables.config);
        let answer = update
            .set_key(Some(wake_up_key(scope, route).attributes()))
            .update_expression(
                "SET #at = if_not_exists(#at, :at), #scope = :scope, #route = :route, \
                 scheduled = if_not_exists(scheduled, :first) + :one, v = if_not_exists(v, :v)",
            )
            .set_expression_attribute_names(Some(names.map(|(key, name)| (key.to_owned(), name.to_owned())).into()))
            .set_expression_attribute_values(Some(values.map(|(key, value)| (key.to_owned(), value)).into()))
            .return_values(ReturnValue::AllNew)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        read(answer.attributes.unwrap_or_default())
    }

    /// Has a route woken at that time, if it is not woken earlier.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn advance(&self, scope: &Scope, route: &str, due: Millis) -> Result<(), StoreError> {
        let values = Item::from([(":at".to_owned(), time(due))]);
        match self.set(scope, route, ("#at > :at", values)).await {
            // Another delivery is due earlier still, or all were sent.
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn set(&self, scope: &Scope, route: &str, (condition, values): (&str, Item)) -> Result<WakeUp, StoreError> {
        let update = self.db.client.update_item().table_name(&self.db.tables.config);
        let answer = update
            .set_key(Some(wake_up_key(scope, route).attributes()))
            .update_expression("SET #at = :at")
            .condition_expression(condition)
            .expression_attribute_names("#at", "at")
            .set_expression_attribute_values(Some(values))
            .return_values(ReturnValue::AllNew)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        read(answer.attributes.unwrap_or_default())
    }

    /// The wake-ups of every route.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn wake_ups(&self) -> Result<Vec<WakeUp>, StoreError> {
        self.db.all(&self.db.tables.config, &GlobalPartition::WakeUps).await
    }

    /// Puts a route's wake-up off until `again`, for the caller that is about to send what is due. `None` if nothing is
    /// due, or another worker is at it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take(&self, scope: &Scope, route: &str, again: Millis) -> Result<Option<WakeUp>, StoreError> {
        let now = self.db.ports.now();
        let values = Item::from([(":at".to_owned(), time(again)), (":now".to_owned(), time(now))]);
        match self.set(scope, route, ("attribute_exists(pk) AND #at <= :now", values)).await {
            Ok(wake_up) => Ok(Some(wake_up)),
            // Unless an earlier attempt of this very call put it off, and its answer was lost.
            Err(StoreError::Conflict) => Ok(self.wake_up(scope, route).await?.filter(|found| found.at == again)),
            Err(error) => Err(error),
        }
    }

    /// A route's wake-up as it is now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn wake_up(&self, scope: &Scope, route: &str) -> Result<Option<WakeUp>, StoreError> {
        self.db.get(&self.db.tables.config, &wake_up_key(scope, route)).await
    }

    /// Some deliveries of a route that are due, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due(&self, scope: &Scope, route: &str, now: Millis) -> Result<Vec<ScheduledDelivery>, StoreError> {
        let query = self.db.query(&self.db.tables.activity, &partition(scope, route)).consistent_read(true);
        let query = query
            .key_condition_expression("pk = :pk AND sk < :end")
            .expression_attribute_values(":end", AttributeValue::S(format!("{:013}", now.0 + 1)));
        let records: Vec<Record> = first(query, SOME).await?;
        Ok(records.into_iter().map(|record| ScheduledDelivery { sk: record.sk, message: record.message }).collect())
    }

    /// Removes a delivery that was sent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget(&self, scope: &Scope, route: &str, sent: &ScheduledDelivery) -> Result<(), StoreError> {
        let key = Key::new(&partition(scope, route), sent.sk.clone());
        self.db.delete(&self.db.tables.activity, &key).await.map(|_| ())
    }

    /// Sets a route's wake-up to its next delivery, or removes it; `false` if more was scheduled since it was taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rearm(&self, taken: &WakeUp) -> Result<bool, StoreError> {
        let WakeUp { scope, route, scheduled, .. } = taken;
        let query = self.db.query(&self.db.tables.activity, &partition(scope, route)).consistent_read(true);
        let keys: Vec<NextKey> = first(query.projection_expression("sk"), 1).await?;
        let seen = (":seen".to_owned(), AttributeValue::N(scheduled.to_string()));
        let rearmed = match keys.first().and_then(|key| key.due()) {
            Some(next) => {
                let values = Item::from([seen, (":at".to_owned(), time(next))]);
                self.set(scope, route, ("scheduled = :seen", values)).await.map(|_| ())
            }
            None => self.remove(scope, route, seen).await,
        };
        was_made(rearmed)
    }

    async fn remove(&self, scope: &Scope, route: &str, seen: (String, AttributeValue)) -> Result<(), StoreError> {
        let delete = self.db.client.delete_item().table_name(&self.db.tables.config);
        delete
            .set_key(Some(wake_up_key(scope, route).attributes()))
            .condition_expression("scheduled = :seen")
            .expression_attribute_values(seen.0, seen.1)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        Ok(())
    }
}

/// The sort key of a scheduled delivery.
#[derive(Deserialize)]
struct NextKey {
    sk: String,
}

impl NextKey {
    fn due(&self) -> Option<Millis> {
        self.sk.split('#').next()?.parse().ok().map(Millis)
    }
}
