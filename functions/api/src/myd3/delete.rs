//! `DELETE /subscription/v1/subscription/{id}`: a subscription and all that belongs to it.

use axum::extract::State;
use http::StatusCode;
use sluice::domain::route::RouteKey;
use sluice::engine::lifecycle::Lifecycle;

use super::FACE;
use crate::http::auth::{Needs, WebhooksWrite};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Delete a MyD3 subscription
#[utoipa::path(
    delete, path = "/subscription/v1/subscription/{id}", operation_id = "myd3.delete", tag = "myd3",
    params(("id" = String, Path, description = "The subscription")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such subscription", body = ErrorBody),
    ),
    security(("oauth2" = ["webhooks:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn delete(
    Needs { caller, .. }: Needs<WebhooksWrite>,
    State(lifecycle): State<Lifecycle>,
    PathParams(id): PathParams<String>,
) -> Result<StatusCode, Problem> {
    let deleted = lifecycle.delete(&caller.scope, &RouteKey::new(FACE, &id)).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}
