//! `PUT /v1/event-types/{name}`: makes or replaces an event type.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use sluice::deep;
use sluice::domain::event::name_fault;
use sluice::domain::event_type::{self, MAX_DESCRIPTION_BYTES, MAX_EVENT_TYPES};
use sluice::domain::label::{PLAIN, is_description};
use sluice::domain::schema::Schema;
use sluice::ports::Ports;
use sluice::store::event_types::{EventTypes, Placed};

use super::EventType;
use crate::http::auth::{EventsWrite, Needs};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, FieldError, Problem};
use crate::http::query::PathParams;

/// A complete event type: it replaces the stored one.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "description": "An order was placed",
    "schema": {"type": "object", "required": ["number"], "properties": {"number": {"type": "string"}}},
}))]
pub(crate) struct PutEventType {
    /// A description for people; at most 1,024 bytes.
    #[serde(default)]
    #[schema(max_length = 1024)]
    description: Option<String>,
    /// The JSON Schema, draft 2020-12, that payloads are checked against; at most 64 KiB. References stay inside it
    /// (`#...`), or are to the draft's own schema: nothing is fetched. Patterns have neither look-around nor back
    /// references. At most 200 of its keywords may apply to one place of a payload.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    schema: Option<Value>,
}

/// Create or replace an event type
///
/// Events published under its name from then on are validated against its schema, everywhere within 5 seconds.
#[utoipa::path(
    put, path = "/v1/event-types/{name}", operation_id = "event_types.put", tag = "event_types",
    params(("name" = String, Path, description = "The name of its events: 1 to 128 of `[A-Za-z0-9_.-]`")),
    request_body = PutEventType,
    responses(
        (status = 200, description = "Replaced", body = EventType),
        (status = 201, description = "Created", body = EventType),
        (status = 400, description = "`validation_failed`, `event_type_limit_exceeded`", body = ErrorBody),
    ),
    security(("oauth2" = ["events:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn put(
    Needs { caller, .. }: Needs<EventsWrite>,
    State(types): State<EventTypes>,
    State(ports): State<Ports>,
    PathParams(name): PathParams<String>,
    JsonBody(request): JsonBody<PutEventType>,
) -> Result<(StatusCode, Json<EventType>), Problem> {
    let (faults, schema) = request.faults(&name).await?;
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let now = ports.now();
    let description = request.description;
    let mut event_type =
        event_type::EventType { name, description, schema, created_at: now, updated_at: now, revision: 0 };
    let status = match types.put(&caller.scope, &mut event_type).await? {
        Placed::Created => StatusCode::CREATED,
        Placed::Replaced => StatusCode::OK,
        Placed::LimitReached => {
            let message = format!("There are {MAX_EVENT_TYPES} event types already, which is the limit.");
            return Err(Problem::bad_request("event_type_limit_exceeded", message));
        }
    };
    Ok((status, Json(event_type.try_into()?)))
}

impl PutEventType {
    /// Its errors, or its schema as text.
    async fn faults(&self, name: &str) -> Result<(Vec<FieldError>, Option<String>), Problem> {
        let mut faults = Vec::new();
        if let Some(message) = name_fault(name) {
            faults.push(FieldError::new("?name", message));
        }
        if self.description.as_ref().is_some_and(|text| text.len() > MAX_DESCRIPTION_BYTES) {
            faults.push(FieldError::new("/description", format!("at most {MAX_DESCRIPTION_BYTES} bytes")));
        }
        if self.description.as_ref().is_some_and(|text| !is_description(text)) {
            faults.push(FieldError::new("/description", format!("must be {PLAIN}, but may have several lines")));
        }
        let Some(schema) = self.schema.clone() else { return Ok((faults, None)) };
        let text = schema.to_string();
        let compiled = deep::run(move || Schema::compile(&schema).err().unwrap_or_default()).await;
        let found = compiled.map_err(|error| Problem::unavailable(&error))?.into_iter();
        faults.extend(found.map(|fault| FieldError::new(format!("/schema{}", fault.pointer), fault.message)));
        Ok((faults, Some(text)))
    }
}
