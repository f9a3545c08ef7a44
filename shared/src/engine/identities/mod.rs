//! Identities: making and changing them, and replacing their keys.

mod keys;

use std::sync::Arc;

use sluice_as2::keys::KeyError;

use crate::domain::identity::{Identity, IdentityKey, MAX_KEYS, problems};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::outbound::written::Faults;
use crate::outbound::{Refusal, Vault};
use crate::store::StoreError;
use crate::store::catalogue::Snapshot;
use crate::store::identities::Identities;
use crate::store::partners::{CreateError, Partners};

pub use keys::{GeneratedKey, WrittenKey};

/// How often an identity is written anew after another one was.
const TRIES: u32 = 16;

/// Makes and changes identities.
#[derive(Clone)]
pub struct IdentityRegistry {
    pub(crate) identities: Identities,
    pub(crate) partners: Partners,
    pub(crate) vault: Vault,
}

/// What a user says of a new identity.
pub struct WrittenIdentity {
    /// The id; generated if there is none.
    pub id: Option<String>,
    /// A name for people.
    pub name: String,
    /// Its AS2 name.
    pub as2_id: String,
    /// Its first key.
    pub key: WrittenKey,
}

/// Why something could not be done to an identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is no identity of that id.
    #[error("there is no such identity")]
    NotFound,
    /// The id is taken.
    #[error("an identity of that id exists already")]
    Exists,
    /// Another identity has that AS2 name.
    #[error("the identity {0} has that AS2 name")]
    NameTaken(String),
    /// The scope has as many as it may.
    #[error("the scope has the most identities")]
    LimitReached,
    /// It has as many keys as it may.
    #[error("the identity has {MAX_KEYS} keys")]
    TooManyKeys,
    /// The partners that name it.
    #[error("the identity is used by {0:?}")]
    InUse(Vec<String>),
    /// What was written is not accepted.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No key could be made.
    #[error("no key could be made: {0}")]
    Generation(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CreateError> for IdentityError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Exists => Self::Exists,
            CreateError::LimitReached => Self::LimitReached,
            CreateError::Store(error) => Self::Store(error),
        }
    }
}

impl IdentityRegistry {
    /// Makes an identity.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn create(&self, scope: &Scope, written: WrittenIdentity) -> Result<Identity, IdentityError> {
        let WrittenIdentity { id, name, as2_id, key } = written;
        check(&name, &as2_id)?;
        // Before a key is made, which takes its time.
        self.beside(scope, &as2_id, None).await?;
        let (ports, now) = (self.vault.ports(), self.vault.ports().now());
        let key = self.key(scope, key, &name, now).await?;
        let identity = Identity {
            id: id.unwrap_or_else(|| ports.unique("identity")),
            uid: ports.unique("idt"),
            name,
            as2_id,
            keys: vec![key],
            created_at: now,
            updated_at: now,
            revision: 1,
        };
        for _ in 0..TRIES {
            let seen = self.beside(scope, &identity.as2_id, None).await?;
            match self.identities.create(scope, &identity, &seen).await {
                Ok(()) => return Ok(identity),
                Err(CreateError::Store(StoreError::Conflict)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Changes the name or the AS2 name.
    ///
    /// # Errors
    /// [`IdentityError`]; [`StoreError::Conflict`] if it, or another one, was changed at the same time.
    pub async fn update(
        &self,
        scope: &Scope,
        id: &str,
        (name, as2_id): (Option<String>, Option<String>),
    ) -> Result<Identity, IdentityError> {
        let mut identity = self.find(scope, id).await?;
        identity.name = name.unwrap_or(identity.name);
        identity.as2_id = as2_id.unwrap_or(identity.as2_id);
        check(&identity.name, &identity.as2_id)?;
        let seen = self.beside(scope, &identity.as2_id, Some(id)).await?;
        identity.updated_at = self.vault.ports().now();
        self.identities.update(scope, &mut identity, Some(&seen)).await?;
        Ok(identity)
    }

    /// Adds the next key, which signs from a time on.
    ///
    /// # Errors
    /// [`IdentityError`]; [`StoreError::Conflict`] if it was changed at the same time.
    pub async fn rotate(
        &self,
        scope: &Scope,
        id: &str,
        key: WrittenKey,
        signs_from: Millis,
    ) -> Result<Identity, IdentityError> {
        let mut identity = self.find(scope, id).await?;
        let key = self.key(scope, key, &identity.name, signs_from).await?;
        if identity.keys.iter().any(|one| one.certificate.fingerprint == key.certificate.fingerprint) {
            return Err(fault("/key", "is a key of this identity already").into());
        }
        let now = self.vault.ports().now();
        if !identity.add(key, now) {
            return Err(IdentityError::TooManyKeys);
        }
        identity.updated_at = now;
        self.identities.update(scope, &mut identity, None).await?;
        Ok(identity)
    }

    /// Deletes an identity that no partner names.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn delete(&self, scope: &Scope, id: &str) -> Result<(), IdentityError> {
        self.find(scope, id).await?;
        let names = |identity: Option<&String>| identity.is_some_and(|named| named == id);
        let partners = self.partners.list(scope).await?;
        let uses =
            partners.iter().filter(|partner| names(partner.profile.as2.as_ref().and_then(|as2| as2.identity.as_ref())));
        let uses: Vec<String> = uses.map(|partner| partner.id.clone()).collect();
        if !uses.is_empty() {
            return Err(IdentityError::InUse(uses));
        }
        if self.identities.delete(scope, id).await? { Ok(()) } else { Err(IdentityError::NotFound) }
    }

    /// The identity of that id.
    ///
    /// # Errors
    /// [`IdentityError::NotFound`], and the database's.
    pub async fn find(&self, scope: &Scope, id: &str) -> Result<Identity, IdentityError> {
        self.identities.get(scope, id).await?.ok_or(IdentityError::NotFound)
    }

    /// The identities, if no other one has that AS2 name: partners name us by it alone.
    async fn beside(
        &self,
        scope: &Scope,
        as2_id: &str,
        own: Option<&str>,
    ) -> Result<Arc<Snapshot<Identity>>, IdentityError> {
        let all = self.identities.snapshot(scope).await?;
        match all.entries.iter().find(|one| one.as2_id == as2_id && own != Some(&one.id)) {
            Some(other) => Err(IdentityError::NameTaken(other.id.clone())),
            None => Ok(all),
        }
    }

    async fn key(
        &self,
        scope: &Scope,
        written: WrittenKey,
        name: &str,
        signs_from: Millis,
    ) -> Result<IdentityKey, IdentityError> {
        let (private_key, certificate) = keys::read(written, name, self.vault.ports().now(), signs_from).await?;
        let private_key = self.vault.seal(scope, &private_key).map_err(Refusal::from)?;
        Ok(IdentityKey { private_key, certificate, signs_from })
    }
}

fn check(name: &str, as2_id: &str) -> Result<(), Refusal> {
    let mut faults = Faults::default();
    faults.extend(problems(name, as2_id));
    faults.finish(Some(()))
}

fn fault(pointer: &str, message: impl Into<String>) -> Refusal {
    let fault = crate::outbound::Fault { pointer: pointer.to_owned(), message: message.into(), code: None };
    Refusal::Faults(vec![fault])
}

impl From<KeyError> for IdentityError {
    fn from(error: KeyError) -> Self {
        Self::Generation(error.to_string())
    }
}
