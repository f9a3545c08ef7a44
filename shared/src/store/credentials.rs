//! API clients and API keys: one partition a tenant. Of a secret only the digest is stored.

use zeroize::Zeroizing;

use super::{Db, Key, StoreError};
use crate::domain::credentials::{Credential, CredentialKind, Grant};
use crate::domain::partition::TenantFamily;
use crate::domain::scope::TenantId;
use crate::ports::Ports;

/// No id of ours is longer; the database refuses keys that are too long.
const MAX_ID_BYTES: usize = 128;

/// The credentials of every tenant.
#[derive(Clone, Debug)]
pub struct Credentials {
    db: Db,
}

pub(super) fn key(tenant: &TenantId, id: &str) -> Key {
    Key::new(&tenant.partition(TenantFamily::Credentials), id)
}

impl Credentials {
    /// Over the configuration table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Creates a credential; gives it with its secret, which is shown once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn issue(&self, grant: Grant, ports: &Ports) -> Result<(Credential, Zeroizing<String>), StoreError> {
        let (credential, secret) = grant.issue(ports.bytes(), ports.bytes(), ports.now());
        let key = key(&credential.tenant, &credential.id);
        self.db.create(&self.db.tables.config, &key, &credential).await?;
        Ok((credential, secret))
    }

    /// The credential of that id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, tenant: &TenantId, id: &str) -> Result<Option<Credential>, StoreError> {
        if id.len() > MAX_ID_BYTES {
            return Ok(None);
        }
        self.db.get(&self.db.tables.config, &key(tenant, id)).await
    }

    /// Every credential of a kind that a tenant has, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, tenant: &TenantId, kind: CredentialKind) -> Result<Vec<Credential>, StoreError> {
        let mut all: Vec<Credential> =
            self.db.all(&self.db.tables.config, &tenant.partition(TenantFamily::Credentials)).await?;
        all.retain(|credential| credential.kind == kind);
        all.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(all)
    }

    /// Writes a credential over the revision it was read at, and raises that revision.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it has been changed or deleted since.
    pub async fn update(&self, credential: &mut Credential) -> Result<(), StoreError> {
        let read = credential.revision;
        credential.revision += 1;
        let key = key(&credential.tenant, &credential.id);
        self.db.replace(&self.db.tables.config, &key, credential, read).await
    }

    /// Deletes a credential; `false` if there was none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete(&self, credential: &Credential) -> Result<bool, StoreError> {
        self.db.delete(&self.db.tables.config, &key(&credential.tenant, &credential.id)).await
    }

    /// Deletes every credential of a tenant.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear(&self, tenant: &TenantId) -> Result<(), StoreError> {
        self.db.clear(&self.db.tables.config, &tenant.partition(TenantFamily::Credentials)).await
    }
}
