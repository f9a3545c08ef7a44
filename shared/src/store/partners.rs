//! Trading partners: a catalogue, each record sealed but for its id.

use std::time::Duration;

use super::catalogue::{Catalogue, Page, Record, Sealer};
pub use super::catalogue::{CreateError, Placed};
use super::{Db, Item, StoreError};
use crate::domain::partition::ScopeFamily;
use crate::domain::partner::{MAX_PARTNERS, Partner, StoredProfile, is_partner_id};
use crate::domain::scope::Scope;
use crate::secrets::Keyring;

const KIND: &str = "partner";
const PROFILE: &str = "profile";

/// What is looked up of all partners.
#[derive(Debug)]
pub struct Summary {
    id: String,
    /// The delivery time that was promised to it.
    within: Option<Duration>,
    /// Its AS2 name.
    as2_id: Option<String>,
}

impl Record for Partner {
    type Compiled = Summary;

    const FAMILY: ScopeFamily<'static> = ScopeFamily::Partners;

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

    /// Partners are read one by one.
    fn compile(self, _: Option<&Summary>) -> Option<Summary> {
        let within = self.profile.sla.map(|sla| Duration::from_secs(sla.deliver_within_seconds.into()));
        let as2_id = self.profile.as2.map(|as2| as2.as2_id);
        (within.is_some() || as2_id.is_some()).then_some(Summary { id: self.id, within, as2_id })
    }

    /// The profile is sealed whole: URLs hold secrets of their own, and contacts are people.
    fn seal(&self, item: &mut Item, sealer: &Sealer<'_>) -> Result<(), StoreError> {
        sealer.seal(item, PROFILE, &self.profile)
    }

    fn unseal(item: &mut Item, sealer: &Sealer<'_>) -> Result<(), StoreError> {
        sealer.unseal::<StoredProfile>(item, PROFILE)
    }
}

/// The partners of every scope.
#[derive(Clone)]
pub struct Partners {
    catalogue: Catalogue<Partner>,
}

impl Partners {
    /// Over the configuration table.
    #[must_use]
    pub fn new(db: Db, keys: Keyring) -> Self {
        Self { catalogue: Catalogue::new(db, keys) }
    }

    /// One partner.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, scope: &Scope, id: &str) -> Result<Option<Partner>, StoreError> {
        // The id may come from a path.
        if is_partner_id(id) { self.catalogue.get(scope, KIND, id).await } else { Ok(None) }
    }

    /// The delivery time that was promised to a partner, as of `age` ago at most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn promise(&self, scope: &Scope, id: &str, age: Duration) -> Result<Option<Duration>, StoreError> {
        let snapshot = self.catalogue.recent(scope, age).await?;
        Ok(snapshot.entries.iter().find(|partner| partner.id == id).and_then(|partner| partner.within))
    }

    /// The ids of the partners with that AS2 name: one small read if no partner has changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn by_as2_id(&self, scope: &Scope, as2_id: &str) -> Result<Vec<String>, StoreError> {
        let snapshot = self.catalogue.snapshot(scope).await?;
        let named = snapshot.entries.iter().filter(|partner| partner.as2_id.as_deref() == Some(as2_id));
        Ok(named.map(|partner| partner.id.clone()).collect())
    }

    /// Every partner of a scope, by id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, scope: &Scope) -> Result<Vec<Partner>, StoreError> {
        self.catalogue.list(scope).await
    }

    /// Some partners, by id; the database may give fewer than `limit` although there are more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn page(&self, scope: &Scope, after: Option<&str>, limit: usize) -> Result<Page<Partner>, StoreError> {
        self.catalogue.page(scope, KIND, after, limit).await
    }

    /// Creates a partner, if the scope has fewer than [`MAX_PARTNERS`].
    ///
    /// # Errors
    /// [`CreateError`].
    pub async fn create(&self, scope: &Scope, partner: &Partner) -> Result<(), CreateError> {
        self.catalogue.create(scope, partner, MAX_PARTNERS).await
    }

    /// Creates a partner, or replaces the configuration of the one that is there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put(&self, scope: &Scope, partner: &mut Partner) -> Result<Placed, StoreError> {
        let inherit = |new: &mut Partner, old: &Partner| {
            new.uid.clone_from(&old.uid);
            new.created_at = old.created_at;
        };
        self.catalogue.put(scope, partner, MAX_PARTNERS, inherit).await
    }

    /// Writes a partner over the revision it was read at, and raises that revision.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it was written in between.
    pub async fn update(&self, scope: &Scope, partner: &mut Partner) -> Result<(), StoreError> {
        self.catalogue.update(scope, partner).await
    }

    /// Deletes a partner; `false` if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete(&self, scope: &Scope, id: &str) -> Result<bool, StoreError> {
        Ok(is_partner_id(id) && self.catalogue.remove(scope, KIND, id).await?.is_some())
    }

    /// Deletes the partners of a scope that is given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        self.catalogue.clear(scope).await
    }
}
