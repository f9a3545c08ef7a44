//! How much of a limit is used in a window. Processes take leases from these counters.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure};

use super::{Db, Item, Key, StoreError};
use crate::domain::allowance::Limit;
use crate::domain::partition::TenantFamily;
use crate::domain::scope::TenantId;
use crate::domain::time::Millis;

/// The counters of every tenant.
#[derive(Clone, Debug)]
pub struct Counters {
    db: Db,
}

impl Counters {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Takes `lease` from a limit in the window of `now`, all of it or nothing. `Err`: how much is left, which is less.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take(
        &self,
        (tenant, subject): (&TenantId, &str),
        lease: u64,
        limit: Limit,
        now: Millis,
    ) -> Result<Result<(), u64>, StoreError> {
        if lease > limit.amount {
            return Ok(Err(limit.amount));
        }
        let (window, rest) = limit.window_at(now);
        let key = Key::new(&tenant.partition(TenantFamily::Counter(subject)), window.to_string());
        let number = |n: u64| AttributeValue::N(n.to_string());
        let answer = self
            .db
            .client
            .update_item()
            .table_name(&self.db.tables.activity)
            .set_key(Some(key.attributes()))
            .update_expression("SET expires_at = :expires ADD used :lease")
            .condition_expression("attribute_not_exists(used) OR used <= :room")
            .expression_attribute_values(":lease", number(lease))
            .expression_attribute_values(":room", number(limit.amount - lease))
            .expression_attribute_values(":expires", AttributeValue::N(now.plus(rest).as_secs().to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        let Err(error) = answer else { return Ok(Ok(())) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(full)) => {
                let used = full.item().and_then(used).unwrap_or(limit.amount);
                Ok(Err(limit.amount.saturating_sub(used)))
            }
            _ => Err(error.into()),
        }
    }
}

fn used(item: &Item) -> Option<u64> {
    item.get("used")?.as_n().ok()?.parse().ok()
}
