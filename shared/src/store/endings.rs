//! When temporary routes end. One partition holds all, so that the tick finds those due in one query.

use serde::{Deserialize, Serialize};

use super::{Db, Key, StoreError};
use crate::domain::face::FaceKind;
use crate::domain::partition::GlobalPartition;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;

/// A temporary route's end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ending {
    /// The route's scope.
    pub scope: Scope,
    /// The kind of its face.
    pub face: FaceKind,
    /// The id its user knows.
    pub id: String,
    /// Its uid.
    pub route: String,
    /// The log time at which it ends, exclusive.
    pub ends_at: Millis,
}

/// The endings of every scope.
#[derive(Clone, Debug)]
pub struct Endings {
    db: Db,
}

fn key(scope: &Scope, route: &str) -> Key {
    Key::global(GlobalPartition::Endings, &scope.sort_key(route))
}

impl Endings {
    /// Over the configuration table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Notes when a route ends.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note(&self, ending: &Ending) -> Result<(), StoreError> {
        self.db.put(&self.db.tables.config, &key(&ending.scope, &ending.route), ending).await
    }

    /// Every ending to come, and every one that is due.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn all(&self) -> Result<Vec<Ending>, StoreError> {
        self.db.all(&self.db.tables.config, &GlobalPartition::Endings).await
    }

    /// Forgets a route's end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget(&self, scope: &Scope, route: &str) -> Result<(), StoreError> {
        self.db.delete(&self.db.tables.config, &key(scope, route)).await.map(|_| ())
    }
}
