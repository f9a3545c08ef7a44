//! `POST /v1/webhooks/subscriptions/{id}/secret/rotate`: a new secret; the old one signs too for 24 hours.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use sluice::engine::lifecycle::Lifecycle;
use sluice::outbound::Destinations;
use sluice::ports::Ports;
use sluice::store::routes::Routes;

use super::{Subscription, TARGET, find};
use crate::http::auth::{Needs, WebhooksWrite};
use crate::http::body::EmptyBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// How long the old secret signs beside the new one.
const OVERLAP: Duration = Duration::from_secs(86_400);

/// Rotate the secret of a webhook subscription
///
/// Both secrets sign for 24 hours, the newer one first.
#[utoipa::path(
    post, path = "/v1/webhooks/subscriptions/{id}/secret/rotate", operation_id = "subscriptions.rotate_secret",
    tag = "subscriptions",
    params(("id" = String, Path, description = "The subscription")),
    responses(
        (status = 200, description = "The subscription, with its new secret", body = Subscription),
        (status = 404, description = "There is no such subscription", body = ErrorBody),
        (status = 409, description = "`conflict`: it was changed at the same time", body = ErrorBody),
    ),
    security(("oauth2" = ["webhooks:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn rotate_secret(
    Needs { caller, .. }: Needs<WebhooksWrite>,
    State(routes): State<Routes>,
    State(lifecycle): State<Lifecycle>,
    State(destinations): State<Destinations>,
    State(ports): State<Ports>,
    PathParams(id): PathParams<String>,
    EmptyBody: EmptyBody,
) -> Result<Json<Subscription>, Problem> {
    let mut route = find(&routes, &caller.scope, &id).await?;
    let rotated = destinations.rotate(&caller.scope, &route.destination, ports.now().plus(OVERLAP));
    let rotated = match rotated {
        Ok(rotated) => rotated.ok_or_else(|| Problem::internal(&"a webhook without a secret"))?,
        Err(refusal) => return Err(TARGET.faults(refusal)?.problem(Vec::new())),
    };
    let (destination, generated) = rotated;
    route.destination = destination;
    let route = lifecycle.update(&caller.scope, route).await?;
    let secret = generated.get("signing_secret").and_then(|secret| secret.as_str());
    Ok(Json(Subscription::of(&destinations, route)?.showing(secret)))
}
