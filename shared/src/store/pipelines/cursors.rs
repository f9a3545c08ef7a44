//! How far an instance has read the records of an entity type.

use serde::{Deserialize, Serialize};

use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::store::{Db, Key, StoreError};

#[derive(Serialize, Deserialize)]
struct Cursor {
    value: String,
    run: String,
    updated_at: Millis,
}

/// The cursors of every scope.
#[derive(Clone, Debug)]
pub struct Cursors {
    db: Db,
}

fn key(scope: &Scope, instance: &str, entity_type: &str) -> Key {
    Key::new(&scope.partition(ScopeFamily::SyncCursors), format!("{instance}#{entity_type}"))
}

impl Cursors {
    /// Over the configuration table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// A cursor, if a run has moved it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, scope: &Scope, instance: &str, entity_type: &str) -> Result<Option<String>, StoreError> {
        let cursor: Option<Cursor> = self.db.get(&self.db.tables.config, &key(scope, instance, entity_type)).await?;
        Ok(cursor.map(|cursor| cursor.value))
    }

    /// Moves a cursor.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set(
        &self,
        scope: &Scope,
        (instance, entity_type): (&str, &str),
        value: &str,
        run: &str,
    ) -> Result<(), StoreError> {
        let cursor = Cursor { value: value.to_owned(), run: run.to_owned(), updated_at: self.db.ports.now() };
        self.db.put(&self.db.tables.config, &key(scope, instance, entity_type), &cursor).await
    }

    /// Forgets a cursor.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget(&self, scope: &Scope, instance: &str, entity_type: &str) -> Result<(), StoreError> {
        self.db.delete(&self.db.tables.config, &key(scope, instance, entity_type)).await.map(|_| ())
    }

    /// Forgets those of a scope that is given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        self.db.clear(&self.db.tables.config, &scope.partition(ScopeFamily::SyncCursors)).await
    }
}
