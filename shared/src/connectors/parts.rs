//! What connectors are made of, and what they are asked to do.

use std::time::Duration;

use crate::domain::mapping::Mapping;
use crate::domain::pipeline::extraction::Extraction;
use crate::domain::pipeline::load::LoadOptions;
use crate::domain::scope::Scope;
use crate::engine::allowances::EventQuota;
use crate::engine::poll::LogPoller;
use crate::engine::publish::Publisher;
use crate::outbound::{S3Clients, WebhookClient};
use crate::ports::Ports;
use crate::store::event_types::EventTypes;

/// The parts of every connector.
#[derive(Clone)]
pub(super) struct ConnectorParts {
    pub(super) client: WebhookClient,
    pub(super) ports: Ports,
    pub(super) timeout: Duration,
    pub(super) events: Events,
    pub(super) s3: S3Clients,
}

/// The tenant's events, as the engine offers them.
#[derive(Clone)]
pub struct Events {
    /// Reads what has settled of the log.
    pub poller: LogPoller,
    /// Accepts events.
    pub publisher: Publisher,
    /// What their payloads must be like.
    pub types: EventTypes,
    /// How many a tenant may publish.
    pub quota: EventQuota,
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

impl<'a> SourceSpec<'a> {
    /// What a mapping reads.
    #[must_use]
    pub fn of(scope: &'a Scope, mapping: &'a Mapping) -> Self {
        Self { scope, entity_type: mapping.entity_type(), extraction: mapping.extraction() }
    }
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
