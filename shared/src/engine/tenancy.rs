//! A tenant's life: the first one, made from outside the API, and the end of any.

use std::time::Duration;

use zeroize::Zeroizing;

use super::EngineError;
use super::lifecycle::Lifecycle;
use crate::domain::credentials::{Credential, CredentialKind, Grant, Permission, Permissions};
use crate::domain::ids::ChunkId;
use crate::domain::route::Route;
use crate::domain::scope::{Environment, Scope, TenantId};
use crate::domain::tenant::{Tenant, TenantStatus};
use crate::ports::Ports;
use crate::store::StoreError;
use crate::store::consumers::Consumers;
use crate::store::credentials::Credentials;
use crate::store::event_types::EventTypes;
use crate::store::identities::Identities;
use crate::store::log::EventLog;
use crate::store::partners::Partners;
use crate::store::pickups::Pickups;
use crate::store::pipelines::PipelineStores;
use crate::store::reader::Direction;
use crate::store::routes::Routes;
use crate::store::tenants::Tenants;

/// Makes and removes tenants.
#[derive(Clone)]
pub struct Tenancy {
    pub(crate) tenants: Tenants,
    pub(crate) credentials: Credentials,
    pub(crate) routes: Routes,
    pub(crate) event_types: EventTypes,
    pub(crate) consumers: Consumers,
    pub(crate) partners: Partners,
    pub(crate) identities: Identities,
    pub(crate) pickups: Pickups,
    pub(crate) pipelines: PipelineStores,
    pub(crate) log: EventLog,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) grace: Duration,
    pub(crate) ports: Ports,
}

/// A client with every scope, which is what a tenant begins with.
#[must_use]
pub fn first_client(tenant: &TenantId) -> Grant {
    let (tenant, name) = (tenant.clone(), "first".to_owned());
    Grant { kind: CredentialKind::Client, tenant, name, scopes: Permissions::all(), ends_at: None }
}

/// The result of [`Tenancy::bootstrap`].
#[derive(Debug)]
pub enum Bootstrap {
    /// A client was made: its id and its secret.
    Made(String, Zeroizing<String>),
    /// The tenant has an admin already.
    Exists,
    /// The tenant exists, and is not an operator's.
    NotAnOperator,
}

/// What a tenant has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Routes, in both environments.
    pub routes: usize,
    /// Whether it has a partner.
    pub partners: bool,
    /// Whether the log holds an event of it.
    pub events: bool,
}

impl Contents {
    /// Whether it has nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.routes == 0 && !self.partners && !self.events
    }
}

fn scopes(tenant: &TenantId) -> [Scope; 2] {
    [Environment::Production, Environment::Sandbox].map(|environment| Scope { tenant: tenant.clone(), environment })
}

impl Tenancy {
    /// Makes a tenant and its first client, and returns the client with its secret. `None` if the id is or was taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create(&self, tenant: &Tenant) -> Result<Option<(Credential, Zeroizing<String>)>, StoreError> {
        let ports = &self.ports;
        let (client, secret) = first_client(&tenant.id).issue(ports.bytes(), ports.bytes(), ports.now());
        match self.tenants.create(tenant, &client).await {
            Ok(()) => Ok(Some((client, secret))),
            Err(StoreError::Conflict) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes an operator's tenant and its first client. A tenant that has lost its last admin gets a new one; otherwise
    /// a second call changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn bootstrap(&self, id: &TenantId) -> Result<Bootstrap, StoreError> {
        let now = self.ports.now();
        if let Some((client, secret)) = self.create(&Tenant::new(id.clone(), true, now)).await? {
            return Ok(Bootstrap::Made(client.id, secret));
        }
        let tenant = self.tenants.get(id).await?;
        if !tenant.is_some_and(|tenant| tenant.operator && tenant.status == TenantStatus::Active) {
            return Ok(Bootstrap::NotAnOperator);
        }
        for kind in [CredentialKind::Client, CredentialKind::Key] {
            let known = self.credentials.list(id, kind).await?;
            if known.iter().any(|one| one.scopes.allow(Permission::Admin) && one.is_good(now)) {
                return Ok(Bootstrap::Exists);
            }
        }
        let (client, secret) = self.credentials.issue(first_client(id), &self.ports).await?;
        Ok(Bootstrap::Made(client.id, secret))
    }

    /// What a tenant has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn contents(&self, tenant: &TenantId) -> Result<Contents, StoreError> {
        let mut contents = Contents { routes: 0, partners: false, events: false };
        let now = self.ports.now();
        let (from, end) = (now.minus(self.log.retention()), now.plus(self.grace));
        let (from, end) = (ChunkId::floor(from), ChunkId::floor(end));
        for scope in scopes(tenant) {
            contents.routes += self.routes.list(&scope).await?.len();
            contents.partners |= !self.partners.page(&scope, None, 1).await?.0.is_empty();
            contents.events |=
                self.log.read(&scope, from, end, Direction::NewestFirst).next_readable().await?.is_some();
        }
        Ok(contents)
    }

    /// Removes a tenant: its credentials, then its routes, event types, consumers, partners and identities. What the log
    /// holds of it expires with the log's retention, and can be read by no one. It may be called again if it was interrupted.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn delete(&self, mut tenant: Tenant) -> Result<(), EngineError> {
        if tenant.status == TenantStatus::Active {
            // From now on its credentials are refused, so that nothing new comes while the rest is removed.
            tenant.status = TenantStatus::Deleting;
            self.tenants.update(&mut tenant).await?;
        }
        self.credentials.clear(&tenant.id).await?;
        for scope in scopes(&tenant.id) {
            for key in self.routes.list(&scope).await?.iter().map(Route::key) {
                self.lifecycle.delete(&scope, &key).await?;
            }
            self.event_types.clear(&scope).await?;
            self.consumers.clear(&scope).await?;
            self.partners.clear(&scope).await?;
            self.identities.clear(&scope).await?;
            self.pickups.clear(&scope).await?;
            self.pipelines.clear(&scope).await?;
        }
        tenant.status = TenantStatus::Deleted;
        Ok(self.tenants.update(&mut tenant).await?)
    }
}
