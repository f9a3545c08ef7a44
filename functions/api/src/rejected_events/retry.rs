//! `POST /v1/integrations/{id}/rejected_events/{event_id}/_retry`: sends a rejected event again, now.

use crate::http::auth::{IntegrationsWrite, Needs};
use crate::http::body::EmptyBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use axum::extract::State;
use http::StatusCode;
use sluice::app::App;
use sluice::domain::retry::Answer;
use sluice::engine::lifecycle::stop_route;
use sluice::engine::sender::{answer, words};
use sluice::store::undelivered::UndeliveredKind;

use super::{Place, find};

/// Retry a rejected event
///
/// Sends it at once, whether or not the integration runs. It leaves the list when the target takes it.
#[utoipa::path(
    post, path = "/v1/integrations/{id}/rejected_events/{event_id}/_retry", operation_id = "rejected_events.retry",
    tag = "rejected_events",
    params(("id" = String, Path, description = "The integration"), ("event_id" = String, Path, description = "The event")),
    responses(
        (status = 204, description = "The target took it"),
        (status = 404, description = "There is no such rejected event", body = ErrorBody),
        (status = 502, description = "`delivery_failed`, with the target's status in `details`", body = ErrorBody),
    ),
    security(("oauth2" = ["integrations:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn retry(
    Needs { caller, .. }: Needs<IntegrationsWrite>,
    State(app): State<App>,
    PathParams(place): PathParams<Place>,
    EmptyBody: EmptyBody,
) -> Result<StatusCode, Problem> {
    let (route, letter) = find(&app.routes, &app.letters, &caller.scope, &place).await?;
    let target = route.webhook().ok_or_else(Problem::not_found)?;
    let prepared = app.sender.prepare(&caller.scope, &route, target)?;
    let attempt = app.sender.send(&prepared, &caller.scope, &letter.event, false).await?;
    if answer(&attempt) == Answer::Gone {
        let reason = "The target answered 410 Gone.";
        stop_route(&app.routes, &app.journal, &app.ports, &caller.scope, &route, reason).await?;
    }
    if answer(&attempt) != Answer::Delivered {
        let message = format!("The target did not take the event: {}.", words(&attempt));
        let detail = serde_json::json!({ "status": attempt.status, "error": attempt.error });
        return Err(Problem::new(StatusCode::BAD_GATEWAY, "delivery_failed", message).detail(detail));
    }
    app.letters.discard(&caller.scope, UndeliveredKind::Rejected, &letter).await?;
    Ok(StatusCode::NO_CONTENT)
}
