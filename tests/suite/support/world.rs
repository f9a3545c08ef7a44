//! A running system, and tenants on it: each test has one of its own.

use std::convert::identity;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sluice::app::App;
use sluice::domain::credentials::{CredentialKind, Grant, Permissions};
use sluice::domain::ids::ChunkId;
use sluice::domain::scope::{Environment, Scope, TenantId};
use sluice::domain::tenant::Tenant as TenantRecord;
use sluice::outbound::Destinations;
use sluice::ports::{Clock, Ports};
use sluice_local::chaos::Chaos;
use sluice_local::provision::S3Access;
use sluice_local::system::{Options, System, local_settings};
use tempfile::TempDir;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::OnceCell;

use super::Api;

/// Short times, so that what takes minutes in production can be waited for.
pub(crate) const SETTINGS: [(&str, &str); 4] = [
    ("SLUICE_EXPORT_INTERVAL_SECONDS", "2"),
    ("SLUICE_LOG_GRACE_MILLISECONDS", "1500"),
    ("SLUICE_RETRY_STREAM", "100ms,100ms,100ms,100ms"),
    ("SLUICE_REQUEST_TIMEOUT_SECONDS", "5"),
];

/// A system over a folder of its own.
pub(crate) struct World {
    pub(crate) system: System,
    /// Where it runs: a connection that it keeps must not belong to a test's runtime, which ends with the test.
    runtime: Handle,
    _folder: Option<TempDir>,
}

/// A tenant with credentials of its own.
#[derive(Clone)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) api_key: String,
    /// A client with every scope.
    pub(crate) api: Api,
    /// The embedded bucket, which all tenants share.
    pub(crate) s3: S3Access,
}

impl World {
    /// Over a fresh folder, with these settings above the short ones.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Result<Self> {
        Self::with(settings, identity).await
    }

    /// The same with more kinds of destination.
    pub(crate) async fn with(
        settings: &[(&str, &str)],
        destinations: fn(Destinations) -> Destinations,
    ) -> Result<Self> {
        Self::start_with(settings, destinations, (Ports::system(), None)).await
    }

    /// The same on another clock; the embedded servers keep the machine's.
    pub(crate) async fn on_clock(settings: &[(&str, &str)], clock: impl Clock) -> Result<Self> {
        Self::start_with(settings, identity, (Ports::new(clock, sluice::ports::System), None)).await
    }

    /// The same over an AWS that is unkind.
    pub(crate) async fn under(chaos: &Chaos, settings: &[(&str, &str)]) -> Result<Self> {
        Self::start_with(settings, identity, (Ports::system(), Some(chaos.clone()))).await
    }

    async fn start_with(
        settings: &[(&str, &str)],
        destinations: fn(Destinations) -> Destinations,
        world: (Ports, Option<Chaos>),
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let system = start_with(folder.path(), settings, destinations, world).await?;
        Ok(Self { system, runtime: Handle::current(), _folder: Some(folder) })
    }

    /// Over a folder that outlives it.
    pub(crate) fn of(system: System) -> Self {
        Self { system, runtime: Handle::current(), _folder: None }
    }

    pub(crate) async fn stop(self) {
        self.system.stop().await;
    }

    /// A client without credentials.
    pub(crate) fn open(&self) -> Result<Api> {
        Api::open(&self.system.credentials.base_url)
    }

    /// The operator, with every scope.
    pub(crate) fn operator(&self) -> Result<Api> {
        Ok(self.open()?.with(&format!("ApiKey {}", self.system.credentials.api_key)))
    }

    /// A new tenant with every scope.
    pub(crate) async fn tenant(&self) -> Result<Tenant> {
        let (app, open, s3) = (self.system.app.clone(), self.open()?, self.system.credentials.s3.clone());
        self.runtime.spawn(async move { tenant_of(&app, &open, s3).await }).await?
    }

    /// A client of a tenant's that may do just this.
    pub(crate) async fn limited(&self, tenant: &Tenant, scopes: &str) -> Result<Api> {
        let key = self.key(&tenant.id, scopes.parse()?).await?;
        Ok(tenant.api.with(&format!("ApiKey {key}")))
    }

    /// EventIdClaims an event's id for a publish that never comes to its end.
    pub(crate) async fn claim(&self, scope: &Scope, id: &str) -> Result<()> {
        let (app, scope, id) = (self.system.app.clone(), scope.clone(), id.to_owned());
        let chunk = ChunkId::new(app.ports.now(), app.ports.bytes());
        self.runtime.spawn(async move { app.stores.claims.claim(&scope, &id, chunk, None).await }).await??;
        Ok(())
    }

    /// A stored secret of a partner in production, opened.
    pub(crate) async fn secret_of_partner(
        &self,
        tenant: &Tenant,
        id: &'static str,
        pointer: &'static str,
    ) -> Result<Option<String>> {
        let scope = tenant.scope();
        let app = self.system.app.clone();
        let opened = self.runtime.spawn(async move {
            let partner = app.stores.partners.get(&scope, id).await?.context("no such partner")?;
            partner.profile.secret(pointer).map(|sealed| Ok(app.keys.open(&scope, sealed)?.to_string())).transpose()
        });
        opened.await?
    }

    /// How many partners are stored of a tenant, in both environments.
    pub(crate) async fn partners_of(&self, tenant: &TenantId) -> Result<usize> {
        let mut count = 0;
        for environment in [Environment::Production, Environment::Sandbox] {
            let (app, scope) = (self.system.app.clone(), Scope { tenant: tenant.clone(), environment });
            let page = self.runtime.spawn(async move { app.stores.partners.page(&scope, None, 100).await }).await??;
            count += page.0.len();
        }
        Ok(count)
    }

    async fn key(&self, tenant: &TenantId, scopes: Permissions) -> Result<String> {
        let (app, tenant) = (self.system.app.clone(), tenant.clone());
        self.runtime.spawn(async move { key_of(&app, &tenant, scopes).await }).await?
    }
}

/// A new tenant with every scope, whose client is `open` with its key.
pub(crate) async fn tenant_of(app: &App, open: &Api, s3: S3Access) -> Result<Tenant> {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let id: TenantId = format!("t{}", NUMBER.fetch_add(1, Ordering::Relaxed)).parse()?;
    let record = TenantRecord::new(id.clone(), false, app.ports.now());
    let (client, secret) = app.engine.tenancy.create(&record).await?.context("the tenant exists")?;
    let api_key = key_of(app, &id, Permissions::all()).await?;
    let api = open.with(&format!("ApiKey {api_key}"));
    Ok(Tenant { id, client_id: client.id, client_secret: secret.to_string(), api_key, api, s3 })
}

async fn key_of(app: &App, tenant: &TenantId, scopes: Permissions) -> Result<String> {
    let (tenant, name) = (tenant.clone(), "test".to_owned());
    let grant = Grant { kind: CredentialKind::Key, tenant, name, scopes, ends_at: None };
    Ok(app.stores.credentials.issue(grant, &app.ports).await?.1.to_string())
}

/// A system over a folder that outlives it.
pub(crate) async fn start(folder: &Path, settings: &[(&str, &str)]) -> Result<System> {
    start_with(folder, settings, identity, (Ports::system(), None)).await
}

async fn start_with(
    folder: &Path,
    settings: &[(&str, &str)],
    destinations: fn(Destinations) -> Destinations,
    (ports, chaos): (Ports, Option<Chaos>),
) -> Result<System> {
    let settings: Vec<(&str, &str)> = settings.iter().chain(&SETTINGS).copied().collect();
    let settings = local_settings(&settings)?;
    let (listen, data) = (([127, 0, 0, 1], 0).into(), folder.to_owned());
    Ok(System::start(Options { listen, data, settings, destinations, ports, chaos, workers: None }).await?)
}

impl Tenant {
    /// Its production.
    pub(crate) fn scope(&self) -> Scope {
        Scope { tenant: self.id.clone(), environment: Environment::Production }
    }

    /// Registers a webhook integration for everything.
    pub(crate) async fn webhook(&self, id: &str, url: &str) -> Result<Value> {
        self.webhook_with(id, json!({ "callback_url": url }), json!({})).await
    }

    /// Registers a webhook integration with these parameters, and these filter conditions.
    pub(crate) async fn webhook_with(&self, id: &str, parameters: Value, filter: Value) -> Result<Value> {
        let body = json!({
            "id": id, "integration_type": "permanent", "callback_parameters": parameters, "filter_conditions": filter,
        });
        self.api.post("/v1/integrations", &body).await?.json(200)
    }

    /// What an S3 integration is registered with.
    pub(crate) fn s3_parameters(&self, prefix: &str) -> Value {
        json!({
            "aws_access_key_id": self.s3.access_key_id, "aws_secret_access_key": self.s3.secret_access_key,
            "aws_region": self.s3.region, "bucket": self.s3.bucket, "key_prefix": prefix,
            "endpoint_url": self.s3.endpoint_url,
        })
    }

    /// Registers an S3 integration for everything.
    pub(crate) async fn files(&self, id: &str, parameters: Value) -> Result<Value> {
        let body = json!({"id": id, "integration_type": "permanent", "s3_parameters": parameters});
        self.api.post("/v1/integrations", &body).await?.json(200)
    }

    /// The log of an integration as `(action, reason)`, newest first.
    pub(crate) async fn log(&self, id: &str) -> Result<Vec<(String, String)>> {
        let log = self.api.get(&format!("/v1/integrations/{id}/log")).await?.json(200)?;
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let entries = log["entries"].as_array().context("a list")?;
        Ok(entries.iter().map(|entry| (text(entry, "action"), text(entry, "reason"))).collect())
    }

    pub(crate) async fn stop(&self, id: &str) -> Result<Value> {
        self.api.act(&format!("/v1/integrations/{id}/_stop")).await?.json(200)
    }

    pub(crate) async fn start(&self, id: &str) -> Result<Value> {
        self.api.act(&format!("/v1/integrations/{id}/_start")).await?.json(200)
    }

    /// Publishes `n` events `name` with payloads `{"n": from + i}`; gives their ids.
    pub(crate) async fn publish(&self, name: &str, numbers: std::ops::Range<usize>) -> Result<Vec<String>> {
        let mut ids = Vec::with_capacity(numbers.len());
        let all: Vec<usize> = numbers.collect();
        for batch in all.chunks(1_000) {
            let events: Vec<Value> = batch.iter().map(|n| json!({"name": name, "payload": {"n": n}})).collect();
            let answer = self.api.publish(&json!({ "events": events })).await?.json(202)?;
            let events = answer["events"].as_array().context("a list")?;
            ids.extend(events.iter().filter_map(|event| event["id"].as_str().map(str::to_owned)));
        }
        Ok(ids)
    }
}

/// The system that tests share which need no settings of their own. It has a runtime of its own, for each test's
/// runtime ends with the test.
///
/// # Panics
/// Where it cannot start: then nothing can be tested.
pub(crate) async fn shared() -> &'static World {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    static WORLD: OnceCell<World> = OnceCell::const_new();
    let runtime = RUNTIME.get_or_init(|| Runtime::new().expect("a runtime"));
    let world = WORLD.get_or_init(|| async {
        let started = runtime.spawn(async {
            let system = start(&shared_folder()?, &[]).await?;
            anyhow::Ok(World::of(system))
        });
        started.await.expect("no panic").expect("a running system")
    });
    world.await
}

/// A folder for this process. Nothing can be done when a test process ends, so the next one removes what is left.
fn shared_folder() -> Result<PathBuf> {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shared");
    std::fs::create_dir_all(&base)?;
    for entry in std::fs::read_dir(&base)? {
        let path = entry?.path();
        let lock = std::fs::File::open(path.join("lock"));
        if lock.is_ok_and(|file| file.try_lock().is_ok()) {
            std::fs::remove_dir_all(path)?;
        }
    }
    Ok(base.join(Ports::system().unique("run")))
}
