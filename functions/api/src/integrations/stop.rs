//! `POST /v1/integrations/{id}/_stop`: the integration emits nothing until it is started.

use axum::Json;
use axum::extract::State;
use sluice::engine::lifecycle::Lifecycle;
use sluice::outbound::Destinations;

use super::{Integration, key};
use crate::http::auth::{IntegrationsWrite, Needs};
use crate::http::body::EmptyBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Stop an integration
///
/// Nothing is sent until it is started; events wait in the log. Stopping a stopped one changes nothing.
#[utoipa::path(
    post, path = "/v1/integrations/{id}/_stop", operation_id = "integrations.stop", tag = "integrations",
    params(("id" = String, Path, description = "The integration")),
    responses(
        (status = 200, description = "The integration", body = Integration),
        (status = 404, description = "There is no such integration", body = ErrorBody),
    ),
    security(("oauth2" = ["integrations:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn stop(
    Needs { caller, .. }: Needs<IntegrationsWrite>,
    State(lifecycle): State<Lifecycle>,
    State(destinations): State<Destinations>,
    PathParams(id): PathParams<String>,
    EmptyBody: EmptyBody,
) -> Result<Json<Integration>, Problem> {
    let route = lifecycle.stop(&caller.scope, &key(&id)).await?;
    let route = route.ok_or_else(Problem::not_found)?;
    Integration::of(&destinations, route).map(Json)
}
