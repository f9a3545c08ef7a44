//! `GET /v1/event-types/{name}`: one event type.

use axum::Json;
use axum::extract::State;
use sluice::domain::event::is_event_name;
use sluice::store::event_types::EventTypes;

use super::EventType;
use crate::http::auth::{EventsRead, Needs};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Get an event type
#[utoipa::path(
    get, path = "/v1/event-types/{name}", operation_id = "event_types.get", tag = "event_types",
    params(("name" = String, Path, description = "The name of its events")),
    responses(
        (status = 200, description = "The event type", body = EventType),
        (status = 404, description = "There is no such event type", body = ErrorBody),
    ),
    security(("oauth2" = ["events:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn get(
    Needs { caller, .. }: Needs<EventsRead>,
    State(types): State<EventTypes>,
    PathParams(name): PathParams<String>,
) -> Result<Json<EventType>, Problem> {
    let found = if is_event_name(&name) { types.get(&caller.scope, &name).await? } else { None };
    found.ok_or_else(Problem::not_found)?.try_into().map(Json)
}
