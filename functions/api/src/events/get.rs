//! `GET /v1/events/{id}`: one event of the log.

use axum::Json;
use axum::extract::State;
use sluice::engine::finder::EventFinder;

use super::EventView;
use crate::http::auth::{EventsRead, Needs};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Get an event
#[utoipa::path(
    get, path = "/v1/events/{id}", operation_id = "events.get", tag = "events",
    params(("id" = String, Path, description = "The event's id")),
    responses(
        (status = 200, description = "The event", body = EventView),
        (status = 404, description = "There is no such event", body = ErrorBody),
    ),
    security(("oauth2" = ["events:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn get(
    Needs { caller, .. }: Needs<EventsRead>,
    State(finder): State<EventFinder>,
    PathParams(id): PathParams<String>,
) -> Result<Json<EventView>, Problem> {
    let event = finder.find(&caller.scope, &id).await?;
    event.map(|event| Json(event.into())).ok_or_else(Problem::not_found)
}
