//! `GET /v1/integrations/{id}/rejected_events/{event_id}`: the envelope that the target rejected.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use serde::Serialize;
use sluice::domain::time::Millis;
use sluice::store::routes::Routes;
use sluice::store::undelivered::UndeliveredEvents;

use super::{Place, find};
use crate::http::auth::{IntegrationsRead, Needs};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// The body that a target receives. Only documentation: the response has the bytes that were sent.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EventEnvelope)]
pub(crate) struct EnvelopeView {
    #[schema(pattern = "^[a-z0-9-]{1,40}$")]
    tenant: String,
    #[schema(pattern = "^[A-Za-z0-9_.-]{1,128}$")]
    name: String,
    published_at: Millis,
    #[schema(value_type = Object)]
    payload: (),
}

/// Get a rejected event
#[utoipa::path(
    get, path = "/v1/integrations/{id}/rejected_events/{event_id}", operation_id = "rejected_events.get",
    tag = "rejected_events",
    params(("id" = String, Path, description = "The integration"), ("event_id" = String, Path, description = "The event")),
    responses(
        (status = 200, description = "The envelope as it was sent", body = EnvelopeView),
        (status = 404, description = "There is no such rejected event", body = ErrorBody),
    ),
    security(("oauth2" = ["integrations:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn get(
    Needs { caller, .. }: Needs<IntegrationsRead>,
    State(routes): State<Routes>,
    State(letters): State<UndeliveredEvents>,
    PathParams(place): PathParams<Place>,
) -> Result<Response, Problem> {
    let (_, letter) = find(&routes, &letters, &caller.scope, &place).await?;
    let envelope = letter.event.envelope(&caller.scope.tenant);
    Ok(([(header::CONTENT_TYPE, "application/json")], envelope).into_response())
}
