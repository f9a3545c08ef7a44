//! `DELETE /v1/event-types/{name}`: an event type and its schema.

use axum::extract::State;
use http::StatusCode;
use sluice::domain::event::is_event_name;
use sluice::store::event_types::EventTypes;

use crate::http::auth::{EventsWrite, Needs};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Delete an event type
///
/// Payloads of its events are no longer validated, everywhere within 5 seconds.
#[utoipa::path(
    delete, path = "/v1/event-types/{name}", operation_id = "event_types.delete", tag = "event_types",
    params(("name" = String, Path, description = "The name of its events")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such event type", body = ErrorBody),
    ),
    security(("oauth2" = ["events:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn delete(
    Needs { caller, .. }: Needs<EventsWrite>,
    State(types): State<EventTypes>,
    PathParams(name): PathParams<String>,
) -> Result<StatusCode, Problem> {
    let deleted = is_event_name(&name) && types.delete(&caller.scope, &name).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}
