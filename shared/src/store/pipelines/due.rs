//! When schedules are due. One partition holds all, so that the tick finds those due in one query.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};

use crate::domain::partition::GlobalPartition;
use crate::domain::pipeline::schedule::Due;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::store::{Db, Key, StoreError};

/// The due times of every scope.
#[derive(Clone, Debug)]
pub struct Dues {
    db: Db,
}

fn key(scope: &Scope, schedule: &str) -> Key {
    Key::global(GlobalPartition::Schedules, &scope.sort_key(schedule))
}

impl Dues {
    /// Over the configuration table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Those of every schedule that is enabled.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn all(&self) -> Result<Vec<Due>, StoreError> {
        self.db.all(&self.db.tables.config, &GlobalPartition::Schedules).await
    }

    /// A schedule's.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, scope: &Scope, schedule: &str) -> Result<Option<Due>, StoreError> {
        self.db.get(&self.db.tables.config, &key(scope, schedule)).await
    }

    /// Sets a schedule's.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set(&self, due: &Due) -> Result<(), StoreError> {
        self.db.put(&self.db.tables.config, &key(&due.scope, &due.schedule), due).await
    }

    /// Moves a schedule's on from the time it was read at.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it was changed or moved in between.
    pub async fn advance(&self, due: &Due, read: Millis) -> Result<(), StoreError> {
        let put = self.db.client.put_item().table_name(&self.db.tables.config);
        put.set_item(Some(key(&due.scope, &due.schedule).item(due)?))
            .condition_expression("#next = :read")
            .expression_attribute_names("#next", "next")
            .expression_attribute_values(":read", AttributeValue::S(read.to_string()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        Ok(())
    }

    /// Forgets a schedule's.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget(&self, scope: &Scope, schedule: &str) -> Result<(), StoreError> {
        self.db.delete(&self.db.tables.config, &key(scope, schedule)).await.map(|_| ())
    }
}
