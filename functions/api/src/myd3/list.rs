//! `GET /subscription/v1/subscription`: every subscription.

use axum::Json;
use axum::extract::State;
use sluice::outbound::Destinations;
use sluice::store::routes::Routes;

use super::{FACE, Subscription};
use crate::http::auth::{Needs, WebhooksRead};
use crate::http::problem::Problem;
use crate::route;

/// List MyD3 subscriptions
#[utoipa::path(
    get, path = "/subscription/v1/subscription", operation_id = "myd3.list", tag = "myd3",
    responses((status = 200, description = "Every subscription, by its id", body = Vec<Subscription>)),
    security(("oauth2" = ["webhooks:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<WebhooksRead>,
    State(routes): State<Routes>,
    State(destinations): State<Destinations>,
) -> Result<Json<Vec<Subscription>>, Problem> {
    let routes = route::list(&routes, &caller.scope, FACE).await?.into_iter();
    routes.map(|route| Subscription::of(&destinations, route)).collect::<Result<_, _>>().map(Json)
}
