//! `GET /v1/integrations/{id}/rejected_events`: the newest 30 that the target answered with 400.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use sluice::domain::time::Millis;
use sluice::store::routes::Routes;
use sluice::store::undelivered::{UndeliveredEvents, UndeliveredKind, UndeliveredSummary};

use crate::http::auth::{IntegrationsRead, Needs};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::integrations;

/// A rejected event.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RejectedEvent {
    /// The event's id.
    #[schema(pattern = "^[A-Za-z0-9_:-]{1,100}$")]
    id: String,
    /// The event's name.
    #[schema(pattern = "^[A-Za-z0-9_.-]{1,128}$")]
    name: String,
    /// The time at which the target rejected it.
    created_at: Millis,
    /// The beginning of the target's response.
    reason: String,
}

impl From<UndeliveredSummary> for RejectedEvent {
    fn from(summary: UndeliveredSummary) -> Self {
        let UndeliveredSummary { event_id: id, name, at: created_at, error: reason, .. } = summary;
        Self { id, name, created_at, reason }
    }
}

/// The newest 30 rejected events.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RejectedEventList {
    /// Newest first.
    rejected_events: Vec<RejectedEvent>,
}

/// List rejected events
#[utoipa::path(
    get, path = "/v1/integrations/{id}/rejected_events", operation_id = "rejected_events.list", tag = "rejected_events",
    params(("id" = String, Path, description = "The integration")),
    responses(
        (status = 200, description = "The newest 30", body = RejectedEventList),
        (status = 404, description = "There is no such integration", body = ErrorBody),
    ),
    security(("oauth2" = ["integrations:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<IntegrationsRead>,
    State(routes): State<Routes>,
    State(letters): State<UndeliveredEvents>,
    PathParams(id): PathParams<String>,
) -> Result<Json<RejectedEventList>, Problem> {
    let route = integrations::find(&routes, &caller.scope, &id).await?;
    let letters = letters.newest(&caller.scope, UndeliveredKind::Rejected, &route.uid).await?;
    Ok(Json(RejectedEventList { rejected_events: letters.into_iter().map(RejectedEvent::from).collect() }))
}
