//! `GET /v1/webhooks/subscriptions`: every subscription.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use sluice::domain::face::FaceKind;
use sluice::outbound::Destinations;
use sluice::store::routes::Routes;

use super::Subscription;
use crate::http::auth::{Needs, WebhooksRead};
use crate::http::problem::Problem;
use crate::route;

/// Every subscription of the environment.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct SubscriptionList {
    /// The oldest first.
    subscriptions: Vec<Subscription>,
}

/// List webhook subscriptions
#[utoipa::path(
    get, path = "/v1/webhooks/subscriptions", operation_id = "subscriptions.list", tag = "subscriptions",
    responses((status = 200, description = "Every subscription, the oldest first", body = SubscriptionList)),
    security(("oauth2" = ["webhooks:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<WebhooksRead>,
    State(routes): State<Routes>,
    State(destinations): State<Destinations>,
) -> Result<Json<SubscriptionList>, Problem> {
    let routes = route::list(&routes, &caller.scope, FaceKind::Subscription).await?.into_iter();
    let subscriptions = routes.map(|route| Subscription::of(&destinations, route)).collect::<Result<_, _>>()?;
    Ok(Json(SubscriptionList { subscriptions }))
}
