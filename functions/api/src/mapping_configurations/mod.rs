//! Mapping configurations: how records are read, and what becomes of their fields.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod preview;
pub(crate) mod schema;
pub(crate) mod update;

use serde::Serialize;
use serde_json::{Map, Value};
use sluice::domain::pipeline::config::Config;
use sluice::domain::pipeline::specification::MappingConfiguration;
use sluice::domain::time::Millis;

/// A mapping document with its id.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MappingDocument {
    #[schema(pattern = "^map_[0-9a-f]{32}$")]
    id: String,
    /// `name`, `entityType`, `extraction`, `normalization` and `transformation`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    document: Map<String, Value>,
    created_at: Millis,
    updated_at: Millis,
}

impl From<Config<MappingConfiguration>> for MappingDocument {
    fn from(config: Config<MappingConfiguration>) -> Self {
        let Config { id, body, created_at, updated_at, .. } = config;
        let document = serde_json::from_str(&body.document).unwrap_or_default();
        Self { id, document, created_at, updated_at }
    }
}
