//! What was last seen on partners' servers, and when it is looked again.

use serde::{Deserialize, Serialize};

use super::{Db, Key, StoreError};
use crate::domain::partition::{GlobalPartition, ScopeFamily};
use crate::domain::partner::{LastLook, Look};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;

/// When a partner's server is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickupDue {
    /// The partner's scope.
    pub scope: Scope,
    /// Its id.
    pub partner: String,
    /// Its uid.
    pub uid: String,
    /// The next time.
    pub next: Millis,
    /// What the last look came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastLook>,
}

/// What was seen, and the times, of every scope.
#[derive(Clone, Debug)]
pub struct Pickups {
    db: Db,
}

#[derive(Serialize, Deserialize)]
struct Seen {
    look: Look,
}

fn look(scope: &Scope, uid: &str) -> Key {
    Key::new(&scope.partition(ScopeFamily::Pickups), uid)
}

/// One partition holds all times, so that the tick finds those due in one query.
fn due(scope: &Scope, uid: &str) -> Key {
    Key::global(GlobalPartition::Pickups, &scope.sort_key(uid))
}

impl Pickups {
    /// Over the configuration table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// What was last seen on the server of the partner with that uid.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn look(&self, scope: &Scope, uid: &str) -> Result<Look, StoreError> {
        let seen: Option<Seen> = self.db.get(&self.db.tables.config, &look(scope, uid)).await?;
        Ok(seen.map(|seen| seen.look).unwrap_or_default())
    }

    /// Remembers what was seen.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remember(&self, scope: &Scope, uid: &str, seen: &Look) -> Result<(), StoreError> {
        let seen = Seen { look: seen.clone() };
        self.db.put(&self.db.tables.config, &look(scope, uid), &seen).await
    }

    /// Every time that is due or to come.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn dues(&self) -> Result<Vec<PickupDue>, StoreError> {
        self.db.all(&self.db.tables.config, &GlobalPartition::Pickups).await
    }

    /// When the server of the partner with that uid is looked at.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due(&self, scope: &Scope, uid: &str) -> Result<Option<PickupDue>, StoreError> {
        self.db.get(&self.db.tables.config, &due(scope, uid)).await
    }

    /// Sets when a partner's server is looked at.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_due(&self, record: &PickupDue) -> Result<(), StoreError> {
        self.db.put(&self.db.tables.config, &due(&record.scope, &record.uid), record).await
    }

    /// Forgets the partners of a scope that is given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        for PickupDue { scope: of, uid, .. } in self.dues().await? {
            if of == *scope {
                self.forget(scope, &uid).await?;
            }
        }
        self.db.clear(&self.db.tables.config, &scope.partition(ScopeFamily::Pickups)).await
    }

    /// A partner's server is not looked at any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget(&self, scope: &Scope, uid: &str) -> Result<(), StoreError> {
        let table = &self.db.tables.config;
        self.db.delete(table, &due(scope, uid)).await?;
        self.db.delete(table, &look(scope, uid)).await.map(|_| ())
    }
}
