//! Makes sources and targets of stored systems, and tests whether a system can be reached.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use tokio::time::{Instant, timeout};

use super::parts::{ConnectorParts, Events, SourceSpec, TargetSpec};
use super::{ConnectorError, Source, Target, event_stream, flat_file, generic_api, shopify, woo_commerce};
use crate::domain::pipeline::load::LoadOptions;
use crate::domain::pipeline::system::{OpenSystem, StoredSystem, System};
use crate::domain::scope::Scope;
use crate::outbound::{ClientOptions, Reach, S3Clients, Vault, WebhookClient};

/// The longest that a test of a connection takes.
const TEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections that are kept to all systems together.
const MAX_KEPT: usize = 64;

/// What connectors are made of.
#[derive(Clone)]
pub struct ConnectorSettings {
    /// Opens the secrets of systems.
    pub vault: Vault,
    /// Which addresses may be reached.
    pub reach: Reach,
    /// A request's time, from the name lookup to the last byte of its response.
    pub timeout: Duration,
    /// The tenants' own events.
    pub events: Events,
    /// Sees every AWS call, to count it.
    pub observer: Option<SharedInterceptor>,
}

/// Every system that pipelines connect. Cheap to clone.
#[derive(Clone)]
pub struct Connectors {
    vault: Vault,
    parts: Arc<ConnectorParts>,
}

/// What a test of a connection found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestReport {
    /// Whether the system can be reached with these parameters.
    pub ok: bool,
    /// What it said, or why it could not be reached. It tells no secret.
    pub message: String,
    /// How long it took.
    pub latency_ms: u64,
}

impl Connectors {
    /// Connectors under these settings.
    ///
    /// # Errors
    /// The HTTP client cannot be built.
    pub fn new(settings: ConnectorSettings) -> Result<Self, reqwest::Error> {
        let ConnectorSettings { vault, reach, timeout, events, observer } = settings;
        let client = WebhookClient::new(reach, ClientOptions { max_kept: MAX_KEPT, ..ClientOptions::default() })?;
        let (ports, s3) = (vault.ports().clone(), S3Clients::new(reach.of_buckets(), observer));
        Ok(Self { vault, parts: Arc::new(ConnectorParts { client, ports, timeout, events, s3 }) })
    }

    /// A stored system with its secrets.
    ///
    /// # Errors
    /// [`ConnectorError`] if they cannot be opened.
    pub fn open(&self, scope: &Scope, system: &StoredSystem) -> Result<OpenSystem, ConnectorError> {
        let opened = system.clone().map_secrets(|_, sealed| self.vault.open(scope, &sealed));
        opened.map_err(|error| ConnectorError::transient(error.to_string()))
    }

    /// The source of a pipeline.
    ///
    /// # Errors
    /// [`ConnectorError::Permanent`] if the mapping does not fit the system.
    pub fn source(&self, system: &StoredSystem, spec: &SourceSpec<'_>) -> Result<Box<dyn Source>, ConnectorError> {
        match &self.open(spec.scope, system)? {
            System::GenericApi(api) => generic_api::source(&self.parts, api, spec),
            System::Shopify(shop) => shopify::source(&self.parts, shop, spec),
            System::WooCommerce(shop) => woo_commerce::source(&self.parts, shop, spec),
            System::EventStream(_) => event_stream::source(&self.parts, spec),
            System::FlatFile(file) => flat_file::source(&self.parts, file, spec),
        }
    }

    /// The target of a pipeline.
    ///
    /// # Errors
    /// [`ConnectorError::Permanent`] if the options do not fit the system.
    pub fn target(&self, system: &StoredSystem, spec: &TargetSpec<'_>) -> Result<Box<dyn Target>, ConnectorError> {
        match (&self.open(spec.scope, system)?, spec.load) {
            (System::GenericApi(api), LoadOptions::GenericApi(load)) => {
                generic_api::target(&self.parts, api, load, spec)
            }
            (System::Shopify(shop), LoadOptions::Shopify(load)) => shopify::target(&self.parts, shop, load, spec),
            (System::EventStream(_), LoadOptions::EventStream(load)) => {
                Ok(event_stream::target(&self.parts, load, spec))
            }
            (System::FlatFile(file), LoadOptions::FlatFile(load)) => {
                Ok(flat_file::target(&self.parts, file, load, spec))
            }
            (system, load) => Err(ConnectorError::Permanent(format!(
                "options for {} do not fit a profile of {}",
                load.kind().name(),
                system.kind().name()
            ))),
        }
    }

    /// Whether a system can be reached: by a real request that changes nothing, within 10 s.
    pub async fn test(&self, scope: &Scope, system: &StoredSystem) -> TestReport {
        let started = Instant::now();
        let tested = timeout(TEST_TIMEOUT, self.try_out(scope, system)).await;
        let (ok, message) = match tested {
            Ok(Ok(message)) => (true, message),
            Ok(Err(error)) => (false, error.to_string()),
            Err(_elapsed) => (false, format!("no response within {} s", TEST_TIMEOUT.as_secs())),
        };
        TestReport { ok, message, latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX) }
    }

    async fn try_out(&self, scope: &Scope, system: &StoredSystem) -> Result<String, ConnectorError> {
        match &self.open(scope, system)? {
            System::GenericApi(api) => generic_api::test(&self.parts, api).await,
            System::Shopify(shop) => shopify::test(&self.parts, shop).await,
            System::WooCommerce(shop) => woo_commerce::test(&self.parts, shop).await,
            System::EventStream(_) => event_stream::test(&self.parts, scope).await,
            System::FlatFile(file) => flat_file::test(&self.parts, file).await,
        }
    }
}
