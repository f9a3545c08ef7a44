//! `GET /v1/integrations/{id}/rejected_events`: the newest 30 that the target answered with 400.

use crate::http::auth::{IntegrationsRead, Needs};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use sluice::domain::time::Millis;
use sluice::store::routes::Routes;
use sluice::store::undelivered::{UndeliveredEvents, UndeliveredKind, UndeliveredSummary};

use crate::integrations;

/// A rejected event.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RejectedEvent {
    /// The event's id.
    event_id: String,
    /// The event's name.
    name: String,
    /// When the event happened.
    published_at: Millis,
    /// When the target rejected it.
    rejected_at: Millis,
    /// The target's status.
    status: Option<u16>,
    /// The beginning of the target's answer.
    reason: String,
}

impl From<UndeliveredSummary> for RejectedEvent {
    fn from(summary: UndeliveredSummary) -> Self {
        Self {
            event_id: summary.event_id,
            name: summary.name,
            published_at: summary.published_at,
            rejected_at: summary.at,
            status: summary.status,
            reason: summary.error,
        }
    }
}

/// The newest 30 rejected events.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RejectedEvents {
    /// Newest first.
    rejected_events: Vec<RejectedEvent>,
}

/// List rejected events
#[utoipa::path(
    get, path = "/v1/integrations/{id}/rejected_events", operation_id = "rejected_events.list", tag = "rejected_events",
    params(("id" = String, Path, description = "The integration")),
    responses(
        (status = 200, description = "The newest 30", body = RejectedEvents),
        (status = 404, description = "There is no such integration", body = ErrorBody),
    ),
    security(("oauth2" = ["integrations:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<IntegrationsRead>,
    State(routes): State<Routes>,
    State(letters): State<UndeliveredEvents>,
    PathParams(id): PathParams<String>,
) -> Result<Json<RejectedEvents>, Problem> {
    let route = integrations::find(&routes, &caller.scope, &id).await?;
    let letters = letters.newest(&caller.scope, UndeliveredKind::Rejected, &route.uid).await?;
    Ok(Json(RejectedEvents { rejected_events: letters.into_iter().map(RejectedEvent::from).collect() }))
}
