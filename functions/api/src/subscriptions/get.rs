//! `GET /v1/webhooks/subscriptions/{id}`: one subscription.

use axum::Json;
use axum::extract::State;
use sluice::outbound::Destinations;
use sluice::store::routes::Routes;

use super::{Subscription, find};
use crate::http::auth::{Needs, WebhooksRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Get a webhook subscription
#[utoipa::path(
    get, path = "/v1/webhooks/subscriptions/{id}", operation_id = "subscriptions.get", tag = "subscriptions",
    params(("id" = String, Path, description = "The subscription")),
    responses(
        (status = 200, description = "The subscription", body = Subscription),
        (status = 404, description = "There is no such subscription", body = ErrorBody),
    ),
    security(("oauth2" = ["webhooks:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn get(
    Needs { caller, .. }: Needs<WebhooksRead>,
    State(routes): State<Routes>,
    State(destinations): State<Destinations>,
    PathParams(id): PathParams<String>,
) -> Result<Json<Subscription>, Problem> {
    Subscription::of(&destinations, find(&routes, &caller.scope, &id).await?).map(Json)
}
