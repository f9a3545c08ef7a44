//! `GET /v1/integrations/{id}`: one integration.

use axum::Json;
use axum::extract::State;
use sluice::outbound::Destinations;
use sluice::store::routes::Routes;

use super::{Integration, find};
use crate::http::auth::{IntegrationsRead, Needs};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Get an integration
#[utoipa::path(
    get, path = "/v1/integrations/{id}", operation_id = "integrations.get", tag = "integrations",
    params(("id" = String, Path, description = "The integration")),
    responses(
        (status = 200, description = "The integration", body = Integration),
        (status = 404, description = "There is no such integration", body = ErrorBody),
    ),
    security(("oauth2" = ["integrations:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn get(
    Needs { caller, .. }: Needs<IntegrationsRead>,
    State(routes): State<Routes>,
    State(destinations): State<Destinations>,
    PathParams(id): PathParams<String>,
) -> Result<Json<Integration>, Problem> {
    Integration::of(&destinations, find(&routes, &caller.scope, &id).await?).map(Json)
}
