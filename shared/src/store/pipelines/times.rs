//! When what a pipeline has written last of a record happened at its source.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};

use super::KEPT;
use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::store::{Db, Key, StoreError, was_made};

/// The times of every scope.
#[derive(Clone, Debug)]
pub struct Times {
    db: Db,
}

impl Times {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Notes a record's time; `false` if something newer was noted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn advance(&self, scope: &Scope, subject: &str, at: Millis) -> Result<bool, StoreError> {
        let update = self.db.client.update_item().table_name(&self.db.tables.activity);
        let written = update
            .set_key(Some(Key::new(&scope.partition(ScopeFamily::SyncTimes), subject).attributes()))
            .update_expression("SET #at = :at, expires_at = :end")
            .condition_expression("attribute_not_exists(pk) OR #at <= :at")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":at", AttributeValue::S(at.to_string()))
            .expression_attribute_values(":end", AttributeValue::N(at.plus(KEPT).as_secs().to_string()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        was_made(written)
    }
}
