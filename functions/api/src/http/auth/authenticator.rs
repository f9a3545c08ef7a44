//! Authenticates callers and issues access tokens.
//!
//! A token is good as long as the client or key it was made for: both look at the same records, which are remembered
//! for a few seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sluice::domain::credentials::{Credential, CredentialKind, Digest256, Permissions, client_tenant, key_parts};
use sluice::domain::scope::{Environment, Scope, TenantId};
use sluice::domain::tenant::{Tenant, TenantStatus};
use sluice::domain::time::Millis;
use sluice::ports::Ports;
use sluice::store::StoreError;
use sluice::store::credentials::Credentials;
use sluice::store::tenants::Tenants;

use super::caller::Caller;
use super::tokens::{Claims, Tokens};
use crate::http::limits::Limiter;
use crate::http::problem::Problem;

/// How long an access token is good, in seconds.
pub const TOKEN_SECONDS: i64 = 3_600;
/// How long a record is believed without a look: a revoked key is refused within 10 s everywhere.
const BELIEVED: Duration = Duration::from_secs(5);
/// The most records remembered; past that the cache starts anew.
const MAX_REMEMBERED: usize = 10_000;

/// A credential and its tenant, as they were read.
#[derive(Debug)]
struct Identity {
    credential: Credential,
    tenant: Tenant,
    read_at: Millis,
}

/// Authenticates callers and issues access tokens.
#[derive(Clone)]
pub struct Authenticator {
    credentials: Credentials,
    tenants: Tenants,
    limiter: Limiter,
    tokens: Tokens,
    ports: Ports,
    remembered: Arc<Mutex<HashMap<String, Arc<Identity>>>>,
}

impl Authenticator {
    /// Over the stored credentials and the keys of tokens.
    #[must_use]
    pub(crate) fn new(
        credentials: Credentials,
        tenants: Tenants,
        limiter: Limiter,
        tokens: Tokens,
        ports: Ports,
    ) -> Self {
        Self { credentials, tenants, limiter, tokens, ports, remembered: Arc::default() }
    }

    /// The caller that an `Authorization` header speaks of, its request counted.
    ///
    /// # Errors
    /// 401, or 429 `rate_limited`.
    pub(super) async fn caller(&self, authorization: &str, environment: Environment) -> Result<Caller, Problem> {
        let identity = match authorization.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => self.of_token(token.trim()).await?,
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("apikey") => self.of_key(key.trim()).await?,
            _ => None,
        };
        let (identity, permissions) = identity.ok_or_else(Problem::unauthorized)?;
        let Identity { credential, tenant, .. } = &*identity;
        self.limiter.count_request(&tenant.id, &credential.id).await?;
        Ok(Caller {
            scope: Scope { tenant: tenant.id.clone(), environment },
            actor: credential.id.clone(),
            permissions,
            operator: tenant.operator,
            events_per_day: tenant.events_per_day,
        })
    }

    /// Checks a caller again whose request has waited: revoked credentials are refused within 10 s here too.
    ///
    /// # Errors
    /// 401.
    pub async fn recheck(&self, caller: &Caller) -> Result<(), Problem> {
        let identity = self.identity(&caller.scope.tenant, &caller.actor).await?;
        let good = identity.is_some_and(|identity| identity.credential.is_good(self.ports.now()));
        if good { Ok(()) } else { Err(Problem::unauthorized()) }
    }

    async fn of_token(&self, token: &str) -> Result<Option<(Arc<Identity>, Permissions)>, StoreError> {
        let Some(claims) = self.tokens.claims(token).await? else { return Ok(None) };
        let identity = self.identity(&claims.tenant, &claims.sub).await?;
        let good = identity.filter(|identity| identity.credential.is_good(self.ports.now()));
        Ok(good.map(|identity| (identity, claims.scope.clone())))
    }

    async fn of_key(&self, text: &str) -> Result<Option<(Arc<Identity>, Permissions)>, StoreError> {
        let Some((tenant, id)) = key_parts(text) else { return Ok(None) };
        let accepts = |identity: &Arc<Identity>| {
            let Identity { credential, .. } = &**identity;
            credential.kind == CredentialKind::Key && credential.accepts(text, self.ports.now())
        };
        let known = self.identity(&tenant, &id).await?.filter(accepts);
        // Refused as remembered: it may have been rotated since.
        let identity = if known.is_some() { known } else { self.look_up(&tenant, &id).await?.filter(accepts) };
        Ok(identity.map(|identity| (Arc::clone(&identity), identity.credential.scopes.clone())))
    }

    /// The credential of that id and its tenant, as remembered or as they are.
    async fn identity(&self, tenant: &TenantId, id: &str) -> Result<Option<Arc<Identity>>, StoreError> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        let now = self.ports.now();
        let fresh =
            remembered.filter(|identity| identity.tenant.id == *tenant && now.since(identity.read_at) < BELIEVED);
        if fresh.is_some() { Ok(fresh) } else { self.look_up(tenant, id).await }
    }

    async fn look_up(&self, tenant: &TenantId, id: &str) -> Result<Option<Arc<Identity>>, StoreError> {
        let read_at = self.ports.now();
        let (credential, tenant) = tokio::try_join!(self.credentials.get(tenant, id), self.tenants.get(tenant))?;
        let tenant = tenant.filter(|tenant| tenant.status == TenantStatus::Active);
        let identity = credential.zip(tenant).map(|(credential, tenant)| Identity { credential, tenant, read_at });
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(identity) = identity.map(Arc::new) else {
            remembered.remove(id);
            return Ok(None);
        };
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(id.to_owned(), Arc::clone(&identity));
        Ok(Some(identity))
    }

    /// The client whose id and secret these are, as of now.
    ///
    /// # Errors
    /// The database's.
    pub async fn client(&self, client_id: &str, secret: &str) -> Result<Option<Credential>, StoreError> {
        let found = match client_tenant(client_id) {
            Some(tenant) => self.look_up(&tenant, client_id).await?,
            None => None,
        };
        let Some(identity) = found else {
            // An unknown id is compared too, so that the time does not reveal it.
            let _ = Digest256::of("").matches(secret);
            return Ok(None);
        };
        let credential = identity.credential.clone();
        let good = credential.kind == CredentialKind::Client && credential.accepts(secret, self.ports.now());
        Ok(good.then_some(credential))
    }

    /// The API key of that text.
    ///
    /// # Errors
    /// The database's.
    pub async fn api_key(&self, text: &str) -> Result<Option<Credential>, StoreError> {
        Ok(self.of_key(text).await?.map(|(identity, _)| identity.credential.clone()))
    }

    /// An access token for a client or a key.
    ///
    /// # Errors
    /// 503, or 500 where there are no keys to sign with.
    pub async fn token(&self, credential: &Credential, scope: &Permissions) -> Result<String, Problem> {
        let now = self.ports.now().as_secs();
        let claims = Claims {
            sub: credential.id.clone(),
            tenant: credential.tenant.clone(),
            scope: scope.clone(),
            iat: now,
            exp: now + TOKEN_SECONDS,
            jti: self.ports.unique("tok"),
        };
        self.tokens.sign(&claims).await
    }
}
