//! Who we are to trading partners: a catalogue. Of each identity only the private keys are sealed.

use std::sync::Arc;

use super::catalogue::{Catalogue, CreateError, Page, Record, Snapshot};
use super::{Db, StoreError};
use crate::domain::identity::{Identity, MAX_IDENTITIES};
use crate::domain::partition::ScopeFamily;
use crate::domain::partner::is_partner_id;
use crate::domain::scope::Scope;
use crate::secrets::Keyring;

const KIND: &str = "identity";

impl Record for Identity {
    type Compiled = Self;

    const FAMILY: ScopeFamily<'static> = ScopeFamily::Identities;

    fn kind(&self) -> &'static str {
        KIND
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn uid(&self) -> Option<&str> {
        Some(&self.uid)
    }

    fn revision_mut(&mut self) -> &mut u64 {
        &mut self.revision
    }

    fn compile(self, _: Option<&Self>) -> Option<Self> {
        Some(self)
    }
}

/// The identities of every scope.
#[derive(Clone)]
pub struct Identities {
    catalogue: Catalogue<Identity>,
}

impl Identities {
    /// Over the configuration table.
    #[must_use]
    pub fn new(db: Db, keys: Keyring) -> Self {
        Self { catalogue: Catalogue::new(db, keys) }
    }

    /// One identity.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, scope: &Scope, id: &str) -> Result<Option<Identity>, StoreError> {
        // The id may come from a path.
        if is_partner_id(id) { self.catalogue.get(scope, KIND, id).await } else { Ok(None) }
    }

    /// All identities, by id: one small read if nothing has changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn all(&self, scope: &Scope) -> Result<Vec<Arc<Identity>>, StoreError> {
        Ok(self.snapshot(scope).await?.entries.clone())
    }

    /// All identities, to write one more that agrees with them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn snapshot(&self, scope: &Scope) -> Result<Arc<Snapshot<Identity>>, StoreError> {
        self.catalogue.snapshot(scope).await
    }

    /// Some identities, by id; the database may give fewer than `limit` although there are more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn page(&self, scope: &Scope, after: Option<&str>, limit: usize) -> Result<Page<Identity>, StoreError> {
        self.catalogue.page(scope, KIND, after, limit).await
    }

    /// Creates an identity beside those that were seen, if these are fewer than [`MAX_IDENTITIES`].
    ///
    /// # Errors
    /// [`CreateError`]; [`StoreError::Conflict`] if any was written since.
    pub async fn create(
        &self,
        scope: &Scope,
        identity: &Identity,
        seen: &Snapshot<Identity>,
    ) -> Result<(), CreateError> {
        self.catalogue.create_beside(scope, identity, MAX_IDENTITIES, Some(seen)).await
    }

    /// Writes an identity over the revision it was read at, beside those that were seen, and raises that revision.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it was written in between, or any was since they were seen.
    pub async fn update(
        &self,
        scope: &Scope,
        identity: &mut Identity,
        seen: Option<&Snapshot<Identity>>,
    ) -> Result<(), StoreError> {
        self.catalogue.update_beside(scope, identity, seen).await
    }

    /// Deletes an identity; `false` if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete(&self, scope: &Scope, id: &str) -> Result<bool, StoreError> {
        Ok(is_partner_id(id) && self.catalogue.remove(scope, KIND, id).await?.is_some())
    }

    /// Deletes the identities of a scope that is given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        self.catalogue.clear(scope).await
    }
}
