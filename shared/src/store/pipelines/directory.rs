//! Whose an instance is: a shop that calls does not know.

use serde::{Deserialize, Serialize};

use crate::domain::partition::{GlobalPartition, SortKey};
use crate::domain::scope::Scope;
use crate::store::{Db, Key, StoreError};

/// The longest id that is looked up.
const MAX_ID_BYTES: usize = 100;

#[derive(Serialize, Deserialize)]
struct Owner {
    scope: Scope,
}

/// The instances of every scope.
#[derive(Clone, Debug)]
pub struct Directory {
    db: Db,
}

fn key(instance: &str) -> Key {
    Key::global(GlobalPartition::Instances, &SortKey::of_unique(instance))
}

impl Directory {
    /// Over the configuration table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Notes whose an instance is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note(&self, scope: &Scope, instance: &str) -> Result<(), StoreError> {
        self.db.put(&self.db.tables.config, &key(instance), &Owner { scope: scope.clone() }).await
    }

    /// Whose an instance is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn owner(&self, instance: &str) -> Result<Option<Scope>, StoreError> {
        if !(1..=MAX_ID_BYTES).contains(&instance.len()) {
            return Ok(None);
        }
        let owner: Option<Owner> = self.db.get(&self.db.tables.config, &key(instance)).await?;
        Ok(owner.map(|owner| owner.scope))
    }

    /// Forgets an instance.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget(&self, instance: &str) -> Result<(), StoreError> {
        self.db.delete(&self.db.tables.config, &key(instance)).await.map(|_| ())
    }
}
