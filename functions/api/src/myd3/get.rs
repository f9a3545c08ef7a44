//! `GET /subscription/v1/subscription/{id}`: one subscription.

use axum::Json;
use axum::extract::State;
use sluice::outbound::Destinations;
use sluice::store::routes::Routes;

use super::{FACE, Subscription};
use crate::http::auth::{Needs, WebhooksRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::route;

/// Get a MyD3 subscription
#[utoipa::path(
    get, path = "/subscription/v1/subscription/{id}", operation_id = "myd3.get", tag = "myd3",
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
    Subscription::of(&destinations, route::find(&routes, &caller.scope, FACE, &id).await?).map(Json)
}
