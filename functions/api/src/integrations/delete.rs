//! `DELETE /v1/integrations/{id}`: an integration and all that belongs to it.

use axum::extract::State;
use http::StatusCode;
use sluice::engine::lifecycle::Lifecycle;

use super::key;
use crate::http::auth::{IntegrationsWrite, Needs};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Delete an integration
///
/// Its log and its rejected events are deleted too.
#[utoipa::path(
    delete, path = "/v1/integrations/{id}", operation_id = "integrations.delete", tag = "integrations",
    params(("id" = String, Path, description = "The integration")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such integration", body = ErrorBody),
    ),
    security(("oauth2" = ["integrations:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn delete(
    Needs { caller, .. }: Needs<IntegrationsWrite>,
    State(lifecycle): State<Lifecycle>,
    PathParams(id): PathParams<String>,
) -> Result<StatusCode, Problem> {
    let deleted = lifecycle.delete(&caller.scope, &key(&id)).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}
