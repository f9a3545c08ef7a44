//! `POST /v1/integrations/{id}/_start`: the integration carries events again; what it missed within 30 days arrives
//! too.

use axum::Json;
use axum::extract::State;
use sluice::engine::lifecycle::Lifecycle;
use sluice::outbound::Destinations;

use super::{Integration, key};
use crate::http::auth::{IntegrationsWrite, Needs};
use crate::http::body::EmptyBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Start an integration
///
/// The events it missed since it was stopped, up to 30 days, are sent too. Starting a running one changes nothing.
#[utoipa::path(
    post, path = "/v1/integrations/{id}/_start", operation_id = "integrations.start", tag = "integrations",
    params(("id" = String, Path, description = "The integration")),
    responses(
        (status = 200, description = "The integration", body = Integration),
        (status = 404, description = "There is no such integration", body = ErrorBody),
    ),
    security(("oauth2" = ["integrations:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn start(
    Needs { caller, .. }: Needs<IntegrationsWrite>,
    State(lifecycle): State<Lifecycle>,
    State(destinations): State<Destinations>,
    PathParams(id): PathParams<String>,
    EmptyBody: EmptyBody,
) -> Result<Json<Integration>, Problem> {
    let route = lifecycle.start(&caller.scope, &key(&id)).await?;
    let route = route.ok_or_else(Problem::not_found)?;
    Integration::of(&destinations, route).map(Json)
}
