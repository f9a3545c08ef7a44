//! Event types: the catalogue of what is published, and the schemas that payloads are checked against.

pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod put;

use serde::Serialize;
use serde_json::value::RawValue;
use sluice::domain::event_type;
use sluice::domain::time::Millis;

use crate::http::problem::Problem;

/// An event type.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct EventType {
    /// The name of its events.
    #[schema(example = "order.created", pattern = "^[A-Za-z0-9_.-]{1,128}$")]
    name: String,
    /// The description.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    description: Option<String>,
    /// The JSON Schema, draft 2020-12, that payloads are checked against.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    schema: Option<Box<RawValue>>,
    created_at: Millis,
    updated_at: Millis,
}

impl TryFrom<event_type::EventType> for EventType {
    type Error = Problem;

    fn try_from(stored: event_type::EventType) -> Result<Self, Problem> {
        let schema = stored.schema.map(RawValue::from_string).transpose();
        Ok(Self {
            name: stored.name,
            description: stored.description,
            schema: schema.map_err(|error| Problem::internal(&error))?,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        })
    }
}
