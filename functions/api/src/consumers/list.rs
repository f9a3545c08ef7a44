//! `GET /v1/consumers`: every consumer.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use sluice::store::consumers::Consumers;

use super::Consumer;
use crate::http::auth::{EventsRead, Needs};
use crate::http::problem::Problem;

/// Every consumer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ConsumerList {
    /// By name.
    consumers: Vec<Consumer>,
}

/// List consumers
#[utoipa::path(
    get, path = "/v1/consumers", operation_id = "consumers.list", tag = "consumers",
    responses((status = 200, description = "Every consumer, by name", body = ConsumerList)),
    security(("oauth2" = ["events:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<EventsRead>,
    State(consumers): State<Consumers>,
) -> Result<Json<ConsumerList>, Problem> {
    let consumers = consumers.list(&caller.scope).await?.into_iter().map(Consumer::from).collect();
    Ok(Json(ConsumerList { consumers }))
}
