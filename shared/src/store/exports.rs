//! The progress of each export route. One partition holds all, so that the tick finds those due in one query.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, ReturnValue};
use serde::{Deserialize, Serialize};

use super::{Db, Key, StoreError};
use crate::domain::export::Cursor;
use crate::domain::partition::{GlobalPartition, RouteFamily, SortKey};
use crate::domain::scope::Scope;

/// The export cursors of every scope.
#[derive(Clone, Debug)]
pub struct Exports {
    db: Db,
}

fn key(scope: &Scope, route: &str) -> Key {
    Key::global(GlobalPartition::Exports, &scope.sort_key(route))
}

fn waiting_key(scope: &Scope, route: &str) -> Key {
    Key::new(&scope.route_partition(RouteFamily::Export, route), "waiting")
}

fn tick_key() -> Key {
    Key::global(GlobalPartition::Ticks, &SortKey::of_unique("exports"))
}

/// The place of a cursor among all.
#[must_use]
pub fn place(cursor: &Cursor) -> String {
    cursor.scope.sort_key(&cursor.route).as_str().to_owned()
}

#[derive(Serialize, Deserialize)]
struct StoppedAt {
    cursor: String,
}

#[derive(Deserialize)]
struct Waiting {
    waiting: i64,
}

impl Exports {
    /// Over the configuration table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Creates a route's cursor.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it has one.
    pub async fn create(&self, cursor: &Cursor) -> Result<(), StoreError> {
        self.db.create(&self.db.tables.config, &key(&cursor.scope, &cursor.route), cursor).await
    }

    /// A route's cursor.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, scope: &Scope, route: &str) -> Result<Option<Cursor>, StoreError> {
        self.db.get(&self.db.tables.config, &key(scope, route)).await
    }

    /// Every cursor, by its place.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn all(&self) -> Result<Vec<Cursor>, StoreError> {
        self.db.all(&self.db.tables.config, &GlobalPartition::Exports).await
    }

    /// Where the tick stopped whose time was over: at which cursor.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stopped_at(&self) -> Result<Option<String>, StoreError> {
        let record: Option<StoppedAt> = self.db.get(&self.db.tables.config, &tick_key()).await?;
        Ok(record.map(|record| record.cursor))
    }

    /// Notes where the tick stopped, or that it came to its end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stop_at(&self, cursor: Option<&Cursor>) -> Result<(), StoreError> {
        let Some(cursor) = cursor else {
            return self.db.delete(&self.db.tables.config, &tick_key()).await.map(drop);
        };
        self.db.put(&self.db.tables.config, &tick_key(), &StoppedAt { cursor: place(cursor) }).await
    }

    /// Writes a cursor over the revision it was read at, and raises that revision.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it has changed since.
    pub async fn update(&self, cursor: &mut Cursor) -> Result<(), StoreError> {
        let read = cursor.revision;
        cursor.revision += 1;
        self.db.replace(&self.db.tables.config, &key(&cursor.scope, &cursor.route), cursor, read).await
    }

    /// Adds to the bytes that wait to be exported for a route; gives the new total.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_waiting(&self, scope: &Scope, route: &str, bytes: i64) -> Result<i64, StoreError> {
        let update = self.db.client.update_item().table_name(&self.db.tables.config);
        let answer = update
            .set_key(Some(waiting_key(scope, route).attributes()))
            .update_expression("ADD waiting :bytes")
            .expression_attribute_values(":bytes", AttributeValue::N(bytes.to_string()))
            .return_values(ReturnValue::UpdatedNew)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        let total = answer.attributes.and_then(|item| item.get("waiting")?.as_n().ok()?.parse().ok());
        total.ok_or_else(|| StoreError::Malformed("waiting bytes".to_owned()))
    }

    /// How many bytes wait to be exported for a route; an estimate, for redelivered messages count twice.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waiting(&self, scope: &Scope, route: &str) -> Result<i64, StoreError> {
        let record: Option<Waiting> = self.db.get(&self.db.tables.config, &waiting_key(scope, route)).await?;
        Ok(record.map_or(0, |record| record.waiting))
    }
}
