//! `POST /v1/integrations/{id}/rejected_events/{event_id}/_retry`: sends a rejected event again, now.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::json;
use sluice::domain::attempt::Verdict;
use sluice::engine::send_now::SendNow;
use sluice::store::routes::Routes;
use sluice::store::undelivered::{UndeliveredEvents, UndeliveredKind};

use super::{Place, find};
use crate::http::audit::{self, Changed};
use crate::http::auth::{IntegrationsWrite, Needs};
use crate::http::body::EmptyBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Retry a rejected event
///
/// Sends it at once, even if the integration is stopped. It leaves the list when the target accepts it. The target has
/// 20 seconds, even if its timeout is longer. A target that responds with 410 is gone: the integration is stopped.
#[utoipa::path(
    post, path = "/v1/integrations/{id}/rejected_events/{event_id}/_retry", operation_id = "rejected_events.retry",
    tag = "rejected_events",
    params(("id" = String, Path, description = "The integration"), ("event_id" = String, Path, description = "The event")),
    responses(
        (status = 204, description = "The target accepted it"),
        (status = 404, description = "There is no such rejected event", body = ErrorBody),
        (status = 502, description = "`delivery_failed`, with the target's status in `details`", body = ErrorBody),
    ),
    security(("oauth2" = ["integrations:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn retry(
    Needs { caller, .. }: Needs<IntegrationsWrite>,
    State(routes): State<Routes>,
    State(letters): State<UndeliveredEvents>,
    State(send_now): State<SendNow>,
    PathParams(place): PathParams<Place>,
    EmptyBody: EmptyBody,
) -> Result<Response, Problem> {
    let (route, letter) = find(&routes, &letters, &caller.scope, &place).await?;
    let attempt = send_now.send(&caller.scope, &route, &letter.event).await?;
    if !attempt.is_delivered() {
        let message = format!("The target did not accept the event: {}.", attempt.reason);
        let detail = serde_json::json!({ "status": attempt.status, "error": attempt.reason });
        let problem = Problem::new(StatusCode::BAD_GATEWAY, "delivery_failed", message).detail(detail);
        return if attempt.verdict == Verdict::Gone { Ok(stopped(problem)) } else { Err(problem) };
    }
    letters.discard(&caller.scope, UndeliveredKind::Rejected, &letter).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The answer of a target that is gone: the integration was stopped, which the audit log has to say.
fn stopped(problem: Problem) -> Response {
    let details = audit::with(problem, [("integration_status", json!("stopped"))]);
    (Extension(Changed), details).into_response()
}
