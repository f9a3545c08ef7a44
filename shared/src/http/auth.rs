//! Who is calling, and what they may do. A handler states what it needs in its signature: [`Needs`].

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts, OriginalUri};
use http::request::Parts;
use http::{StatusCode, header};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use crate::domain::credentials::{ApiClient, Digest256, Permission, Permissions};
use crate::domain::ids::unique;
use crate::domain::scope::{Environment, Scope, TenantId};
use crate::domain::time::Millis;
use crate::ports::Ports;
use crate::secrets::Keyring;
use crate::store::StoreError;
use crate::store::credentials::Credentials;

/// How long an access token is good, in seconds.
pub const TOKEN_SECONDS: i64 = 3_600;
/// How long a key's record is believed without a look: a revoked key is refused within 10 s everywhere.
const BELIEVED: Duration = Duration::from_secs(5);
/// The most keys remembered; past that the cache starts anew.
const MAX_REMEMBERED: usize = 10_000;

/// A caller with valid credentials.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whose data the request is about.
    pub scope: Scope,
    /// The client or key, for the audit log.
    pub actor: String,
    /// What it may do.
    pub permissions: Permissions,
}

/// Who a pair of credentials belongs to.
#[derive(Clone, Debug)]
struct Identity {
    tenant: TenantId,
    actor: String,
    permissions: Permissions,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    tenant: TenantId,
    scope: Permissions,
    iat: i64,
    exp: i64,
    jti: String,
}

/// Tells who a caller is, and makes access tokens.
#[derive(Clone)]
pub struct Authenticator {
    credentials: Credentials,
    keys: Keyring,
    ports: Ports,
    remembered: Arc<Mutex<HashMap<String, (Millis, Identity)>>>,
}

impl Authenticator {
    /// Over the stored credentials and the master keys.
    #[must_use]
    pub fn new(credentials: Credentials, keys: Keyring, ports: Ports) -> Self {
        Self { credentials, keys, ports, remembered: Arc::default() }
    }

    /// The client whose id and secret these are.
    ///
    /// # Errors
    /// The database's.
    pub async fn client(&self, client_id: &str, secret: &str) -> Result<Option<ApiClient>, StoreError> {
        // An id nobody has is compared all the same: the time tells nothing.
        let found = if client_id.len() <= 128 { self.credentials.client(client_id).await? } else { None };
        let digest = found.as_ref().map_or_else(|| Digest256::of(""), |client| client.secret.clone());
        let matches = digest.matches(secret);
        Ok(found.filter(|_| matches))
    }

    /// An access token for a tenant's client or key.
    ///
    /// # Errors
    /// 500 where the key ring cannot sign.
    pub fn token(&self, tenant: &TenantId, subject: &str, scope: &Permissions) -> Result<String, Problem> {
        let now = self.ports.now().as_secs();
        let claims = Claims {
            sub: subject.to_owned(),
            tenant: tenant.clone(),
            scope: scope.clone(),
            iat: now,
            exp: now + TOKEN_SECONDS,
            jti: unique("tok"),
        };
        let (id, key) = self.keys.token_key().ok_or_else(|| Problem::internal(&"no token key"))?;
        let header = Header { kid: Some(id.to_owned()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(key)).map_err(|e| Problem::internal(&e))
    }

    async fn identify(&self, authorization: &str) -> Result<Option<Identity>, StoreError> {
        let Some((scheme, credentials)) = authorization.split_once(' ') else { return Ok(None) };
        if scheme.eq_ignore_ascii_case("bearer") {
            Ok(self.of_token(credentials.trim()))
        } else if scheme.eq_ignore_ascii_case("apikey") {
            self.of_key(credentials.trim()).await
        } else {
            Ok(None)
        }
    }

    fn of_token(&self, token: &str) -> Option<Identity> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        let key = self.keys.token_key_of(header.kid.as_deref()?)?;
        let mut validation = Validation::new(Algorithm::HS256);
        // The time comes through the port, below.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(key), &validation).ok()?.claims;
        let good = claims.exp > self.ports.now().as_secs();
        good.then_some(Identity { tenant: claims.tenant, actor: claims.sub, permissions: claims.scope })
    }

    async fn of_key(&self, key: &str) -> Result<Option<Identity>, StoreError> {
        if !key.starts_with("slc_") || key.len() > 128 {
            return Ok(None);
        }
        let (digest, now) = (Digest256::of(key), self.ports.now());
        if let Some(identity) = self.recall(digest.as_str(), now) {
            return Ok(Some(identity));
        }
        let Some(found) = self.credentials.key(key).await? else { return Ok(None) };
        let identity = Identity { tenant: found.tenant, actor: found.id, permissions: found.scopes };
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(digest.as_str().to_owned(), (now, identity.clone()));
        Ok(Some(identity))
    }

    fn recall(&self, digest: &str, now: Millis) -> Option<Identity> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, identity) = remembered.get(digest)?;
        (now.since(*at) < BELIEVED).then(|| identity.clone())
    }

    /// The tenant, name and permissions behind an API key, for the token endpoint.
    ///
    /// # Errors
    /// 401 where the key is not good.
    pub async fn key_holder(&self, authorization: &str) -> Result<(TenantId, String, Permissions), Problem> {
        let identity = match authorization.split_once(' ') {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("apikey") => self.of_key(key.trim()).await?,
            _ => None,
        };
        let identity = identity.ok_or_else(Problem::unauthorized)?;
        Ok((identity.tenant, identity.actor, identity.permissions))
    }
}

impl<S> FromRequestParts<S> for Caller
where
    Authenticator: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // The guard before the handler has asked already.
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        let authorization = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let identity =
            Authenticator::from_ref(state).identify(authorization.ok_or_else(Problem::unauthorized)?).await?;
        let Identity { tenant, actor, permissions } = identity.ok_or_else(Problem::unauthorized)?;
        let path = parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |uri| uri.path());
        let environment = Environment::of_path(path);
        Ok(Self { scope: Scope { tenant, environment }, actor, permissions })
    }
}

/// A permission as a type.
pub trait Requirement: Send {
    /// The permission.
    const PERMISSION: Permission;
}

macro_rules! requirements {
    ($($name:ident),+) => {
        $(
            #[doc = concat!("A handler that takes `Needs<", stringify!($name), ">` asks for this scope.")]
            #[derive(Clone, Copy, Debug)]
            pub struct $name;

            impl Requirement for $name {
                const PERMISSION: Permission = Permission::$name;
            }
        )+
    };
}

requirements!(EventsWrite, EventsRead, IntegrationsRead, IntegrationsWrite, Admin);

/// A caller who has the permission `R`.
#[derive(Clone, Debug)]
pub struct Needs<R> {
    /// Who it is.
    pub caller: Caller,
    permission: PhantomData<R>,
}

impl<S, R> FromRequestParts<S> for Needs<R>
where
    Authenticator: FromRef<S>,
    S: Send + Sync,
    R: Requirement,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        if caller.permissions.allow(R::PERMISSION) {
            return Ok(Self { caller, permission: PhantomData });
        }
        let scope = R::PERMISSION.as_str();
        let message = format!("These credentials lack the scope {scope}.");
        let problem = Problem::new(StatusCode::FORBIDDEN, "insufficient_scope", message);
        Err(problem.detail(serde_json::json!({ "scope": scope })))
    }
}
