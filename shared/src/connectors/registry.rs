//! Makes sources and targets of stored systems, and tests whether a system can be reached.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{ConnectorError, Source, Target, generic_api};
use crate::domain::pipeline::extraction::Extraction;
use crate::domain::pipeline::load::LoadOptions;
use crate::domain::pipeline::system::{OpenSystem, System};
use crate::domain::scope::Scope;
use crate::outbound::{ClientOptions, TargetPolicy, WebhookClient};
use crate::ports::Ports;

/// The longest that a test of a connection takes.
const TEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What connectors are made of.
#[derive(Clone)]
pub struct ConnectorParts {
    pub(super) client: WebhookClient,
    pub(super) ports: Ports,
    /// A request's time, from the name lookup to the last byte of its response.
    pub(super) timeout: Duration,
}

/// Every system that pipelines connect. Cheap to clone.
#[derive(Clone)]
pub struct Connectors {
    parts: ConnectorParts,
}

/// What is read of a system.
#[derive(Clone, Copy, Debug)]
pub struct SourceSpec<'a> {
    /// Whose pipeline it is.
    pub scope: &'a Scope,
    /// What the records are, such as `order`.
    pub entity_type: &'a str,
    /// How the mapping reads them.
    pub extraction: &'a Extraction,
}

/// How records are written to a system.
#[derive(Clone, Copy, Debug)]
pub struct TargetSpec<'a> {
    /// Whose pipeline it is.
    pub scope: &'a Scope,
    /// The pipeline. Events of two pipelines are never taken for each other.
    pub pipeline: &'a str,
    /// The run. Files of two runs never overwrite each other.
    pub run: &'a str,
    /// The fields of a record, in the order of the mapping: the columns of a table.
    pub columns: &'a [String],
    /// How they are written.
    pub load: &'a LoadOptions,
    /// The most requests at once.
    pub concurrency: usize,
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
    /// Connectors that reach what `policy` permits; a request has `timeout` to be answered.
    ///
    /// # Errors
    /// The HTTP client cannot be built.
    pub fn new(policy: TargetPolicy, timeout: Duration, ports: Ports) -> Result<Self, reqwest::Error> {
        let client = WebhookClient::new(policy, ClientOptions::default())?;
        Ok(Self { parts: ConnectorParts { client, ports, timeout } })
    }

    /// The source of a pipeline.
    ///
    /// # Errors
    /// [`ConnectorError::Permanent`] if the mapping does not fit the system.
    pub fn source(&self, system: &OpenSystem, spec: &SourceSpec<'_>) -> Result<Box<dyn Source>, ConnectorError> {
        match system {
            System::GenericApi(api) => generic_api::source(&self.parts, api, spec),
            other => Err(ConnectorError::Permanent(format!("{} is no source", other.kind().name()))),
        }
    }

    /// The target of a pipeline.
    ///
    /// # Errors
    /// [`ConnectorError::Permanent`] if the options do not fit the system.
    pub fn target(&self, system: &OpenSystem, spec: &TargetSpec<'_>) -> Result<Box<dyn Target>, ConnectorError> {
        match (system, spec.load) {
            (System::GenericApi(api), LoadOptions::GenericApi(load)) => {
                generic_api::target(&self.parts, api, load, spec)
            }
            (system, load) => Err(ConnectorError::Permanent(format!(
                "options for {} do not fit a profile of {}",
                load.kind().name(),
                system.kind().name()
            ))),
        }
    }

    /// Whether a system can be reached: by a real request that changes nothing, within 10 s.
    pub async fn test(&self, _scope: &Scope, system: &OpenSystem) -> TestReport {
        let started = Instant::now();
        let tested = timeout(TEST_TIMEOUT, self.try_out(system)).await;
        let (ok, message) = match tested {
            Ok(Ok(message)) => (true, message),
            Ok(Err(error)) => (false, error.to_string()),
            Err(_elapsed) => (false, format!("no response within {} s", TEST_TIMEOUT.as_secs())),
        };
        TestReport { ok, message, latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX) }
    }

    async fn try_out(&self, system: &OpenSystem) -> Result<String, ConnectorError> {
        match system {
            System::GenericApi(api) => generic_api::test(&self.parts, api).await,
            other => Ok(format!("{} cannot be tested", other.kind().name())),
        }
    }
}
