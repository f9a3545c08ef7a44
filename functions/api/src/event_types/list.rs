//! `GET /v1/event-types`: the catalogue, by name.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use sluice::domain::event::is_event_name;
use sluice::domain::event_type;
use sluice::domain::time::Millis;
use sluice::store::event_types::EventTypes;

use crate::http::auth::{EventsRead, Needs};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::{self, PageParams, Params, bad_cursor};

/// An event type without its schema, which can be large.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct EventTypeSummary {
    /// The name of its events.
    #[schema(example = "order.created", pattern = "^[A-Za-z0-9_.-]{1,128}$")]
    name: String,
    /// The description.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    description: Option<String>,
    /// Whether payloads are checked against a schema.
    has_schema: bool,
    created_at: Millis,
    updated_at: Millis,
}

impl From<event_type::EventType> for EventTypeSummary {
    fn from(stored: event_type::EventType) -> Self {
        Self {
            name: stored.name,
            description: stored.description,
            has_schema: stored.schema.is_some(),
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}

/// A page of the catalogue.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct EventTypePage {
    /// By name.
    event_types: Vec<EventTypeSummary>,
    /// The cursor of the next page; missing on the last one. A page can be short without being the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List event types
#[utoipa::path(
    get, path = "/v1/event-types", operation_id = "event_types.list", tag = "event_types",
    params(PageParams),
    responses(
        (status = 200, description = "A page of the catalogue", body = EventTypePage),
        (status = 400, description = "A bad parameter", body = ErrorBody),
    ),
    security(("oauth2" = ["events:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<EventsRead>,
    State(types): State<EventTypes>,
    Params(params): Params<PageParams>,
) -> Result<Json<EventTypePage>, Problem> {
    let limit = query::limit(params.limit, 100, 500)?;
    let after = params.cursor.as_deref().map(query::decode_cursor).transpose()?;
    if after.as_deref().is_some_and(|name| !is_event_name(name)) {
        return Err(bad_cursor());
    }
    let (found, next) = types.page(&caller.scope, after.as_deref(), limit).await?;
    let event_types = found.into_iter().map(EventTypeSummary::from).collect();
    Ok(Json(EventTypePage { event_types, next_cursor: next.as_deref().map(query::encode_cursor) }))
}
