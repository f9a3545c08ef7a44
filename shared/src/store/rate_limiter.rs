//! The rate limits of routes: workers reserve time here, so that all together keep the rate.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, ReturnValue};

use super::{Db, Key, StoreError};
use crate::domain::partition::RouteFamily;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;

/// How often a reservation is tried again after another one.
const TRIES: usize = 20;
const KEPT: Duration = Duration::from_secs(86_400);

/// The reserved time of every route that has a rate.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    db: Db,
}

impl RateLimiter {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Reserves `length` of a route's time; gives when it begins: now, or when earlier reservations end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reserve(
        &self,
        scope: &Scope,
        route: &str,
        length: Duration,
        now: Millis,
    ) -> Result<Millis, StoreError> {
        let length = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        for _ in 0..TRIES {
            // Either the time reserved so far ends in the future, and ours follows it, or it begins now.
            let behind = ("SET free_at = free_at + :length, expires_at = :expires", "free_at > :now");
            let at_once =
                ("SET free_at = :end, expires_at = :expires", "attribute_not_exists(free_at) OR free_at <= :now");
            for (change, condition) in [behind, at_once] {
                if let Some(free_at) = self.try_reserve(scope, route, (change, condition), length, now).await? {
                    return Ok(Millis(free_at - length));
                }
            }
        }
        Err(StoreError::Conflict)
    }

    async fn try_reserve(
        &self,
        scope: &Scope,
        route: &str,
        (change, condition): (&str, &str),
        length: i64,
        now: Millis,
    ) -> Result<Option<i64>, StoreError> {
        let number = |n: i64| AttributeValue::N(n.to_string());
        let key = Key::new(&scope.route_partition(RouteFamily::RateLimiter, route), "pace");
        let mut update =
            self.db.client.update_item().table_name(&self.db.tables.activity).set_key(Some(key.attributes()));
        update = if change.contains(":length") {
            update.expression_attribute_values(":length", number(length))
        } else {
            update.expression_attribute_values(":end", number(now.0 + length))
        };
        let answer = update
            .update_expression(change)
            .condition_expression(condition)
            .expression_attribute_values(":now", number(now.0))
            .expression_attribute_values(":expires", number(now.plus(KEPT).as_secs()))
            .return_values(ReturnValue::UpdatedNew)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match answer.map_err(StoreError::from) {
            Ok(answer) => {
                let free_at = answer.attributes.and_then(|item| item.get("free_at")?.as_n().ok()?.parse().ok());
                free_at.map(Some).ok_or_else(|| StoreError::Malformed("reserved time".to_owned()))
            }
            Err(StoreError::Conflict) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
