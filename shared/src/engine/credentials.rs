//! A credential's life: issued, rotated, revoked, deleted. API clients and API keys are alike in this.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::domain::credentials::{Credential, CredentialKind, Grant};
use crate::domain::scope::TenantId;
use crate::domain::time::Millis;
use crate::ports::Ports;
use crate::store::StoreError;
use crate::store::credentials::Credentials;

/// The most clients, and the most keys, of one tenant.
pub const MAX_CREDENTIALS: usize = 100;

/// Issues and changes credentials.
#[derive(Clone)]
pub struct Issuer {
    pub(crate) credentials: Credentials,
    pub(crate) ports: Ports,
}

/// Why a credential could not be issued or changed.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The tenant has as many as it may.
    #[error("the tenant has {MAX_CREDENTIALS} credentials of the kind")]
    LimitReached,
    /// It is revoked or expired.
    #[error("the credential is not active")]
    NotActive,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A credential with a new secret, and until when its old one is good.
#[derive(Debug)]
pub struct Rotated {
    /// The credential.
    pub credential: Credential,
    /// Its new secret, shown once.
    pub secret: Zeroizing<String>,
    /// Until when the old secret is good.
    pub old_ends_at: Millis,
}

impl Issuer {
    /// Makes a credential; gives it with its secret, which is shown once.
    ///
    /// # Errors
    /// [`IssueError`].
    pub async fn issue(&self, grant: Grant) -> Result<(Credential, Zeroizing<String>), IssueError> {
        if self.credentials.list(&grant.tenant, grant.kind).await?.len() >= MAX_CREDENTIALS {
            return Err(IssueError::LimitReached);
        }
        Ok(self.credentials.issue(grant, &self.ports).await?)
    }

    /// A tenant's credential of that kind and id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(
        &self,
        tenant: &TenantId,
        kind: CredentialKind,
        id: &str,
    ) -> Result<Option<Credential>, StoreError> {
        Ok(self.credentials.get(tenant, id).await?.filter(|credential| credential.kind == kind))
    }

    /// Gives a credential a new secret; the old one stays valid for `grace`.
    ///
    /// # Errors
    /// [`IssueError`].
    pub async fn rotate(&self, mut credential: Credential, grace: Duration) -> Result<Rotated, IssueError> {
        let now = self.ports.now();
        if !credential.is_good(now) {
            return Err(IssueError::NotActive);
        }
        let secret = credential.rotate(self.ports.bytes(), grace, now);
        self.credentials.update(&mut credential).await?;
        Ok(Rotated { credential, secret, old_ends_at: now.plus(grace) })
    }

    /// Revokes a credential; it is refused everywhere soon after. Revoking it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke(&self, mut credential: Credential) -> Result<Credential, StoreError> {
        if credential.revoke(self.ports.now()) {
            self.credentials.update(&mut credential).await?;
        }
        Ok(credential)
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.ports.now()
    }

    /// Deletes a credential; `false` if it was gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete(&self, credential: &Credential) -> Result<bool, StoreError> {
        self.credentials.delete(credential).await
    }
}
