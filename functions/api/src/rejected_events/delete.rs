//! `DELETE /v1/integrations/{id}/rejected_events/{event_id}`: forgets a rejected event.

use axum::extract::State;
use http::StatusCode;
use sluice::store::routes::Routes;
use sluice::store::undelivered::{UndeliveredEvents, UndeliveredKind};

use super::{Place, find};
use crate::http::auth::{IntegrationsWrite, Needs};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Delete a rejected event
#[utoipa::path(
    delete, path = "/v1/integrations/{id}/rejected_events/{event_id}", operation_id = "rejected_events.delete",
    tag = "rejected_events",
    params(("id" = String, Path, description = "The integration"), ("event_id" = String, Path, description = "The event")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such rejected event", body = ErrorBody),
    ),
    security(("oauth2" = ["integrations:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn delete(
    Needs { caller, .. }: Needs<IntegrationsWrite>,
    State(routes): State<Routes>,
    State(letters): State<UndeliveredEvents>,
    PathParams(place): PathParams<Place>,
) -> Result<StatusCode, Problem> {
    let (_, letter) = find(&routes, &letters, &caller.scope, &place).await?;
    let deleted = letters.discard(&caller.scope, UndeliveredKind::Rejected, &letter).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}
