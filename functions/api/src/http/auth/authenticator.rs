//! Authenticates callers and issues access tokens.
//!
//! A token is good as long as the client's secret, or the key, that it was issued for: both look at the same records,
//! which are remembered for a few seconds. What is refused costs one read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sluice::domain::credentials::{Credential, CredentialKind, Permissions, SecretId, client_tenant, key_parts};
use sluice::domain::scope::{Environment, Scope, TenantId};
use sluice::domain::tenant::{Tenant, TenantStatus};
use sluice::domain::time::Millis;
use sluice::ports::Ports;
use sluice::store::StoreError;
use sluice::store::credentials::Credentials;
use sluice::store::tenants::Tenants;

use super::caller::Caller;
use super::failures::{Failures, Print, Source};
use super::tokens::{Claims, Token, Tokens};
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

/// A caller's identity, what it may do, and which secret it has.
struct Proven {
    identity: Arc<Identity>,
    permissions: Permissions,
    secret: Option<SecretId>,
}

/// A client or a key, and which of its secrets was presented.
#[derive(Debug)]
pub struct Presented {
    /// The client or key.
    pub credential: Credential,
    secret: SecretId,
}

/// Authenticates callers and issues access tokens.
pub struct Authenticator {
    credentials: Credentials,
    tenants: Tenants,
    limiter: Limiter,
    failures: Failures,
    tokens: Tokens,
    ports: Ports,
    remembered: Mutex<HashMap<String, Arc<Identity>>>,
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
        let failures = Failures::new(limiter.failures_per_minute(), ports.clone());
        Self { credentials, tenants, limiter, failures, tokens, ports, remembered: Mutex::default() }
    }

    /// The caller that an `Authorization` header speaks of, its request counted.
    ///
    /// # Errors
    /// 401, or 429 `rate_limited`.
    pub(super) async fn caller(
        &self,
        authorization: &str,
        environment: Environment,
        source: Source,
    ) -> Result<Caller, Problem> {
        let proven = match authorization.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => self.of_token(token.trim()).await?,
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("apikey") => self.of_key(key.trim(), source).await?,
            _ => None,
        };
        let Some(Proven { identity, permissions, secret }) = proven else {
            return Err(self.refuse(source, Problem::unauthorized()));
        };
        let Identity { credential, tenant, .. } = &*identity;
        self.limiter.count_request(&tenant.id, &credential.id).await?;
        Ok(Caller {
            scope: Scope { tenant: tenant.id.clone(), environment },
            actor: credential.id.clone(),
            secret,
            permissions,
            operator: tenant.operator,
            events_per_day: tenant.events_per_day,
        })
    }

    /// Counts bad credentials: the answer is `problem`, or 429 for a source that sends too many.
    pub(crate) fn refuse(&self, source: Source, problem: Problem) -> Problem {
        let turned_away = self.failures.admit(source).err();
        self.failures.count(source);
        turned_away.unwrap_or(problem)
    }

    /// Checks a caller again whose request has waited: revoked credentials are refused within 10 s here too.
    ///
    /// # Errors
    /// 401.
    pub async fn recheck(&self, caller: &Caller) -> Result<(), Problem> {
        let found = self.of_secret((&caller.scope.tenant, &caller.actor), caller.secret.as_ref()).await?;
        if found.is_some() { Ok(()) } else { Err(Problem::unauthorized()) }
    }

    /// A token of ours that is no longer good is not guessed: 401, and nothing is counted.
    async fn of_token(&self, token: &str) -> Result<Option<Proven>, Problem> {
        let claims = match self.tokens.read(token).await? {
            Token::Good(claims) => claims,
            Token::Expired => return Err(Problem::unauthorized()),
            Token::Unknown => return Ok(None),
        };
        let identity = self.of_secret((&claims.tenant, &claims.sub), claims.secret.as_ref()).await?;
        let identity = identity.ok_or_else(Problem::unauthorized)?;
        Ok(Some(Proven { identity, permissions: claims.scope.clone(), secret: claims.secret.clone() }))
    }

    /// The holder of a secret that was presented before. Tokens of older versions do not say which it was.
    async fn of_secret(
        &self,
        holder: (&TenantId, &str),
        secret: Option<&SecretId>,
    ) -> Result<Option<Arc<Identity>>, Problem> {
        let has = |credential: &Credential| {
            let now = self.ports.now();
            secret.map_or_else(|| credential.is_good(now), |secret| credential.has(secret, now)).then_some(())
        };
        // It is ours, whoever sent it: no source is asked for.
        let presented = secret.map_or("", SecretId::as_str);
        let found = self.find(holder, presented, Source::default(), BELIEVED, has).await?;
        Ok(found.map(|(identity, ())| identity))
    }

    async fn of_key(&self, text: &str, source: Source) -> Result<Option<Proven>, Problem> {
        let Some((tenant, id)) = key_parts(text) else { return Ok(None) };
        let accepts = |credential: &Credential| {
            let is_key = credential.kind == CredentialKind::Key;
            credential.accepts(text, self.ports.now()).filter(|_| is_key)
        };
        let found = self.find((&tenant, &id), text, source, BELIEVED, accepts).await?;
        Ok(found.map(|(identity, secret)| {
            let permissions = identity.credential.scopes.clone();
            Proven { identity, permissions, secret: Some(secret) }
        }))
    }

    /// A credential that `accepts` takes for good, and its tenant. What it takes as it is remembered is believed for
    /// some time; what it refuses is looked up, for the credential may have been rotated since.
    async fn find<T>(
        &self,
        (tenant, id): (&TenantId, &str),
        presented: &str,
        source: Source,
        believed: Duration,
        accepts: impl Fn(&Credential) -> Option<T>,
    ) -> Result<Option<(Arc<Identity>, T)>, Problem> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        let known = remembered.filter(|identity| identity.tenant.id == *tenant);
        let known = known.and_then(|identity| Some((accepts(&identity.credential)?, identity)));
        match known {
            Some((proof, identity)) if self.ports.now().since(identity.read_at) < believed => {
                return Ok(Some((identity, proof)));
            }
            // Others' failures do not turn away a caller that was good a moment ago.
            Some(_) => {}
            None => {
                let refused = [Print::of(&[tenant.as_str(), id]), Print::of(&[id, presented])];
                if refused.into_iter().any(|print| self.failures.knows(print)) {
                    return Ok(None);
                }
                self.failures.admit(source)?;
            }
        }
        Ok(self.look_up((tenant, id), presented, accepts).await?)
    }

    /// One read for what is refused, two for what is good.
    async fn look_up<T>(
        &self,
        (tenant, id): (&TenantId, &str),
        presented: &str,
        accepts: impl Fn(&Credential) -> Option<T>,
    ) -> Result<Option<(Arc<Identity>, T)>, StoreError> {
        let read_at = self.ports.now();
        let Some(credential) = self.credentials.get(tenant, id).await? else {
            self.failures.remember(Print::of(&[tenant.as_str(), id]));
            self.forget((tenant, id));
            return Ok(None);
        };
        let Some(proof) = accepts(&credential) else {
            self.failures.remember(Print::of(&[id, presented]));
            self.correct(credential);
            return Ok(None);
        };
        let Some(tenant) = self.tenants.get(tenant).await?.filter(|tenant| tenant.status == TenantStatus::Active)
        else {
            self.failures.remember(Print::of(&[id, presented]));
            self.forget((tenant, id));
            return Ok(None);
        };
        let identity = Arc::new(Identity { credential, tenant, read_at });
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(id.to_owned(), Arc::clone(&identity));
        Ok(Some((identity, proof)))
    }

    /// Forgets a credential; one of another tenant is another one.
    fn forget(&self, (tenant, id): (&TenantId, &str)) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.get(id).is_some_and(|identity| identity.tenant.id == *tenant) {
            remembered.remove(id);
        }
    }

    /// Puts a newer credential in the place of the remembered one, whose tenant is as old as it was.
    fn correct(&self, credential: Credential) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(identity) = remembered.get_mut(&credential.id) {
            let Identity { tenant, read_at, .. } = &**identity;
            *identity = Arc::new(Identity { credential, tenant: tenant.clone(), read_at: *read_at });
        }
    }

    /// The client whose id and secret these are, as of now, its request counted.
    ///
    /// # Errors
    /// 429 `rate_limited`, or the database's.
    pub(crate) async fn client(
        &self,
        client_id: &str,
        secret: &str,
        source: Source,
    ) -> Result<Option<Presented>, Problem> {
        let Some(tenant) = client_tenant(client_id) else { return Ok(None) };
        let accepts = |credential: &Credential| {
            let is_client = credential.kind == CredentialKind::Client;
            credential.accepts(secret, self.ports.now()).filter(|_| is_client)
        };
        let found = self.find((&tenant, client_id), secret, source, Duration::ZERO, accepts).await?;
        let Some((identity, secret)) = found else { return Ok(None) };
        self.counted(&identity, secret).await.map(Some)
    }

    /// The API key of that text, its request counted.
    ///
    /// # Errors
    /// 429 `rate_limited`, or the database's.
    pub(crate) async fn api_key(&self, text: &str, source: Source) -> Result<Option<Presented>, Problem> {
        match self.of_key(text, source).await? {
            Some(Proven { identity, secret: Some(secret), .. }) => self.counted(&identity, secret).await.map(Some),
            _ => Ok(None),
        }
    }

    async fn counted(&self, identity: &Identity, secret: SecretId) -> Result<Presented, Problem> {
        self.limiter.count_request(&identity.tenant.id, &identity.credential.id).await?;
        Ok(Presented { credential: identity.credential.clone(), secret })
    }

    /// An access token for a client or a key.
    ///
    /// # Errors
    /// 503, or 500 where there are no keys to sign with.
    pub async fn token(
        &self,
        Presented { credential, secret }: &Presented,
        scope: &Permissions,
    ) -> Result<String, Problem> {
        let now = self.ports.now().as_secs();
        let claims = Claims {
            sub: credential.id.clone(),
            tenant: credential.tenant.clone(),
            scope: scope.clone(),
            secret: Some(secret.clone()),
            iat: now,
            exp: now + TOKEN_SECONDS,
            jti: self.ports.unique("tok"),
        };
        self.tokens.sign(&claims).await
    }
}
