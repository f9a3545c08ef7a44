//! Access tokens: signed by the one function that has the keys, verified everywhere by the public ones.

mod verifier;

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sluice::app::App;
use sluice::domain::credentials::{Permissions, SecretId};
use sluice::domain::scope::TenantId;
use sluice::store::StoreError;
use sluice::store::verification_keys::VerificationKeys;
use sluice::tokens::{PublishedKeys, SigningKeys, TokenRing};

use crate::http::problem::Problem;
use verifier::Verifier;

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: String,
    pub(crate) tenant: TenantId,
    pub(crate) scope: Permissions,
    /// The secret that it was issued for, with which it ends. Older versions did not name it.
    #[serde(rename = "secret_id", default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<SecretId>,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    pub(crate) jti: String,
}

/// What a text that was presented as a token is.
#[derive(Debug)]
pub(super) enum Token {
    /// A token that is good.
    Good(Arc<Claims>),
    /// One of ours that has expired.
    Expired,
    /// None of ours.
    Unknown,
}

/// Signs and verifies access tokens.
#[derive(Clone)]
pub(crate) struct Tokens {
    ring: Option<TokenRing>,
    store: VerificationKeys,
    verifier: Verifier,
    published: Arc<Mutex<Option<Arc<SigningKeys>>>>,
}

impl Tokens {
    /// Those of an app.
    pub(crate) fn new(app: &App) -> Self {
        let store = app.stores.verification_keys.clone();
        let verifier = Verifier::new(store.clone(), app.ports.clone());
        Self { ring: app.tokens.clone(), store, verifier, published: Arc::default() }
    }

    /// Whether a token is ours, and what it says.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn read(&self, token: &str) -> Result<Token, StoreError> {
        self.verifier.read(token).await
    }

    /// A signed token. Its key is published before.
    ///
    /// # Errors
    /// 503 while this process has not read the newest ring; 500 where it has none.
    pub(super) async fn sign(&self, claims: &Claims) -> Result<String, Problem> {
        let ring = self.ring.as_ref().ok_or_else(|| Problem::internal(&"this function issues no tokens"))?;
        let mut keys = ring.keys();
        if !self.publish(&keys).await? {
            // A newer ring is published, and this key is not on it.
            keys = ring.look_again();
            if !self.publish(&keys).await? {
                return Err(Problem::unavailable(&"the ring of token keys is older than the one that is published"));
            }
        }
        keys.sign(claims).map_err(|error| Problem::internal(&error))
    }

    /// The public keys as they are now. A process with the ring sees to it that it is published.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn public_keys(&self) -> Result<PublishedKeys, StoreError> {
        if let Some(ring) = &self.ring {
            self.publish(&ring.keys()).await?;
        }
        self.store.get().await
    }

    /// Publishes keys, once a process; whether tokens that they sign are good.
    async fn publish(&self, keys: &Arc<SigningKeys>) -> Result<bool, StoreError> {
        let published = self.published.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if published.is_some_and(|published| Arc::ptr_eq(&published, keys)) {
            return Ok(true);
        }
        let good = self.store.publish(keys.public()).await?.has(keys.kid());
        if good {
            // This process may have just seen that there is no such key.
            self.verifier.look_again();
            *self.published.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(keys));
        }
        Ok(good)
    }
}
