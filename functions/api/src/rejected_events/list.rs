//! `GET /v1/integrations/{id}/rejected_events`: the newest 30 that the target answered with 400.

use crate::http::auth::{IntegrationsRead, Needs};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use sluice::domain::time::Millis;
use sluice::store::letters::{Fate, Letter, Letters};
use sluice::store::routes::Routes;

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
    /// When the target rejected it.
    created_at: Millis,
    /// The beginning of the target's answer.
    reason: String,
}

impl From<Letter> for RejectedEvent {
    fn from(letter: Letter) -> Self {
        Self { id: letter.event.id, name: letter.event.name, created_at: letter.at, reason: letter.error }
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
    State(letters): State<Letters>,
    PathParams(id): PathParams<String>,
) -> Result<Json<RejectedEventList>, Problem> {
    let route = integrations::find(&routes, &caller.scope, &id).await?;
    let letters = letters.newest(&caller.scope, Fate::Rejected, &route.uid).await?;
    Ok(Json(RejectedEventList { rejected_events: letters.into_iter().map(RejectedEvent::from).collect() }))
}
