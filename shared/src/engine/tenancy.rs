//! A tenant's life: the first one, made from outside the API, and the end of any.

use zeroize::Zeroizing;

use super::{EngineError, lifecycle};
use crate::app::App;
use crate::domain::credentials::{Credential, CredentialKind, Grant, Permission, Permissions};
use crate::domain::ids::ChunkId;
use crate::domain::scope::{Environment, Scope, TenantId};
use crate::domain::tenant::{Tenant, TenantStatus};
use crate::store::StoreError;
use crate::store::reader::Direction;

/// A client with every scope, which is what a tenant begins with.
#[must_use]
pub fn first_client(tenant: &TenantId) -> Grant {
    let (tenant, name) = (tenant.clone(), "first".to_owned());
    Grant { kind: CredentialKind::Client, tenant, name, scopes: Permissions::all(), ends_at: None }
}

/// Makes a tenant and its first client; gives that with its secret. `None` where the id is taken, or was.
///
/// # Errors
/// [`StoreError`].
pub async fn create(app: &App, tenant: &Tenant) -> Result<Option<(Credential, Zeroizing<String>)>, StoreError> {
    let (client, secret) = first_client(&tenant.id).issue(app.ports.bytes(), app.ports.bytes(), app.ports.now());
    match app.tenants.create(tenant, &client).await {
        Ok(()) => Ok(Some((client, secret))),
        Err(StoreError::Conflict) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What [`bootstrap`] came to.
#[derive(Debug)]
pub enum Bootstrap {
    /// There is a client now: its id and its secret.
    Made(String, Zeroizing<String>),
    /// The tenant has an admin already.
    Exists,
    /// The tenant exists, and is not an operator's.
    NotAnOperator,
}

/// Makes an operator's tenant and its first client. A tenant that has lost its last admin gets a new one; otherwise
/// a second call changes nothing.
///
/// # Errors
/// [`StoreError`].
pub async fn bootstrap(app: &App, id: &TenantId) -> Result<Bootstrap, StoreError> {
    let now = app.ports.now();
    if let Some((client, secret)) = create(app, &Tenant::new(id.clone(), true, now)).await? {
        return Ok(Bootstrap::Made(client.id, secret));
    }
    let tenant = app.tenants.get(id).await?;
    if !tenant.is_some_and(|tenant| tenant.operator && tenant.status == TenantStatus::Active) {
        return Ok(Bootstrap::NotAnOperator);
    }
    for kind in [CredentialKind::Client, CredentialKind::Key] {
        let known = app.credentials.list(id, kind).await?;
        if known.iter().any(|one| one.scopes.allow(Permission::Admin) && one.is_good(now)) {
            return Ok(Bootstrap::Exists);
        }
    }
    let (client, secret) = app.credentials.issue(first_client(id), &app.ports).await?;
    Ok(Bootstrap::Made(client.id, secret))
}

/// What a tenant still has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Routes, in both environments.
    pub routes: usize,
    /// Whether the log holds an event of it.
    pub events: bool,
}

impl Standing {
    /// Whether that is nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.routes == 0 && !self.events
    }
}

fn scopes(tenant: &TenantId) -> [Scope; 2] {
    [Environment::Production, Environment::Sandbox].map(|environment| Scope { tenant: tenant.clone(), environment })
}

/// What a tenant has.
///
/// # Errors
/// [`StoreError`].
pub async fn standing(app: &App, tenant: &TenantId) -> Result<Standing, StoreError> {
    let mut standing = Standing { routes: 0, events: false };
    let now = app.ports.now();
    let (from, end) = (now.minus(app.log.retention()), now.plus(app.settings.log_grace));
    let (from, end) = (ChunkId::floor(from), ChunkId::floor(end));
    for scope in scopes(tenant) {
        standing.routes += app.routes.list(&scope).await?.len();
        standing.events |= app.log.read(&scope, from, end, Direction::NewestFirst).next().await?.is_some();
    }
    Ok(standing)
}

/// Removes a tenant: its credentials, then its routes and event types. What the log holds of it goes with the log's retention, and can
/// be read by nobody. It may be called again where it did not come to its end.
///
/// # Errors
/// [`EngineError`].
pub async fn delete(app: &App, mut tenant: Tenant) -> Result<(), EngineError> {
    if tenant.status == TenantStatus::Active {
        // From now on its credentials are refused, so that nothing new comes while the rest is taken down.
        tenant.status = TenantStatus::Deleting;
        app.tenants.update(&mut tenant).await?;
    }
    app.credentials.clear(&tenant.id).await?;
    for scope in scopes(&tenant.id) {
        for route in app.routes.list(&scope).await? {
            lifecycle::delete(app, &scope, route.kind, &route.id).await?;
        }
        app.event_types.clear(&scope).await?;
    }
    tenant.status = TenantStatus::Deleted;
    Ok(app.tenants.update(&mut tenant).await?)
}
