//! `POST /v1/integrations/{id}/_recover`: sends what the log holds for a window once more.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use sluice::domain::route::Way;
use sluice::domain::time::Millis;
use sluice::engine::lifecycle::Lifecycle;
use sluice::outbound::Destinations;
use sluice::ports::Ports;
use sluice::store::routes::Routes;

use super::{Integration, find};
use crate::http::audit;
use crate::http::auth::{IntegrationsWrite, Needs};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// The most recoveries that wait at the same time.
const MAX_WAITING: usize = 10;

/// A range of log times.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from": "2026-01-31T00:00:00.000Z", "to": "2026-01-31T12:00:00.000Z"}))]
pub(crate) struct RecoverRequest {
    /// From this log time on.
    from: Millis,
    /// Up to this log time, exclusive; default now.
    #[serde(default)]
    to: Option<Millis>,
}

/// Replay a range of the log
///
/// Every matching event of the range is sent once more, with the header `webhook-replay: true`
/// and its original `webhook-id`. A stopped integration sends them when it starts. For webhook integrations only.
#[utoipa::path(
    post, path = "/v1/integrations/{id}/_recover", operation_id = "integrations.recover", tag = "integrations",
    params(("id" = String, Path, description = "The integration")),
    request_body = RecoverRequest,
    responses(
        (status = 202, description = "The integration; its events are being sent", body = Integration),
        (status = 400, description = "An invalid range, an S3 or ordered integration, or too many recoveries at once", body = ErrorBody),
        (status = 404, description = "There is no such integration", body = ErrorBody),
    ),
    security(("oauth2" = ["integrations:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn recover(
    Needs { caller, .. }: Needs<IntegrationsWrite>,
    State(routes): State<Routes>,
    State(lifecycle): State<Lifecycle>,
    State(destinations): State<Destinations>,
    State(ports): State<Ports>,
    PathParams(id): PathParams<String>,
    JsonBody(request): JsonBody<RecoverRequest>,
) -> Result<Response, Problem> {
    let (from, now) = (request.from, ports.now());
    let to = request.to.unwrap_or(now);
    if from >= to {
        return Err(Problem::field("/to", "must be after from"));
    }
    if to > now {
        return Err(Problem::field("/to", "cannot be in the future"));
    }
    let route = find(&routes, &caller.scope, &id).await?;
    match route.way {
        Way::Live => {}
        Way::Export => {
            let message = "An S3 integration cannot replay a range: its files stay in the bucket.";
            return Err(Problem::bad_request("not_a_webhook", message));
        }
        Way::Ordered => {
            let message = "An ordered integration cannot replay a range: the events would be out of order.";
            return Err(Problem::bad_request("integration_ordered", message));
        }
    }
    if route.state.backlog().len() >= MAX_WAITING {
        return Err(Problem::bad_request(
            "too_many_recoveries",
            "Too many recoveries are waiting; try again once one has ended.",
        ));
    }
    let route = lifecycle.replay(&caller.scope, &route.key(), (from, to)).await?;
    let route = route.ok_or_else(Problem::not_found)?;
    let window = [("from", from.to_string().into()), ("to", to.to_string().into())];
    Ok(audit::with((StatusCode::ACCEPTED, Json(Integration::of(&destinations, route)?)), window).into_response())
}
