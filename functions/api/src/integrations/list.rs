//! `GET /v1/integrations`: every integration.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use sluice::domain::face::FaceKind;
use sluice::outbound::Destinations;
use sluice::store::routes::Routes;

use super::Integration;
use crate::http::auth::{IntegrationsRead, Needs};
use crate::http::problem::Problem;
use crate::route;

/// Every integration, stopped and temporary ones too.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct IntegrationList {
    integrations: Vec<Integration>,
}

/// List integrations
#[utoipa::path(
    get, path = "/v1/integrations", operation_id = "integrations.list", tag = "integrations",
    responses((status = 200, description = "Every integration, by id", body = IntegrationList)),
    security(("oauth2" = ["integrations:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<IntegrationsRead>,
    State(routes): State<Routes>,
    State(destinations): State<Destinations>,
) -> Result<Json<IntegrationList>, Problem> {
    let integrations = route::list(&routes, &caller.scope, FaceKind::Integration).await?.into_iter();
    let integrations = integrations.map(|route| Integration::of(&destinations, route)).collect::<Result<_, _>>()?;
    Ok(Json(IntegrationList { integrations }))
}
