//! The published JSON Schema of mapping documents.

use std::sync::LazyLock;

use serde_json::Value;

static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("schema.json")).unwrap_or_default());

/// The JSON Schema (draft 2020-12) of mapping documents: their structure, without what only a compiler sees.
#[must_use]
pub fn published_schema() -> Value {
    SCHEMA.clone()
}
