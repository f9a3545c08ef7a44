//! `DELETE /v1/partners/{id}`: a trading partner's configuration.

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use sluice::engine::partners::PartnerRegistry;

use crate::http::auth::{Needs, PartnersWrite};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::{Params, PathParams};

/// How to delete.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct How {
    /// Delete it even if it is in use.
    #[serde(default)]
    force: bool,
}

/// Delete a trading partner
#[utoipa::path(
    delete, path = "/v1/partners/{id}", operation_id = "partners.delete", tag = "partners",
    params(("id" = String, Path, description = "The partner"), How),
    responses(
        (status = 204, description = "Deleted"),
        (status = 400, description = "A bad parameter", body = ErrorBody),
        (status = 404, description = "There is no such partner", body = ErrorBody),
        (status = 409, description = "`partner_in_use` without `force`", body = ErrorBody),
    ),
    security(("oauth2" = ["partners:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn delete(
    Needs { caller, .. }: Needs<PartnersWrite>,
    State(registry): State<PartnerRegistry>,
    PathParams(id): PathParams<String>,
    Params(How { force }): Params<How>,
) -> Result<StatusCode, Problem> {
    registry.delete(&caller.scope, &id, force).await?;
    Ok(StatusCode::NO_CONTENT)
}
