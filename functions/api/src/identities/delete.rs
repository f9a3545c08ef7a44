//! `DELETE /v1/identities/{id}`: deletes an identity that no partner names.

use axum::extract::State;
use http::StatusCode;
use sluice::engine::identities::IdentityRegistry;

use crate::http::auth::{Needs, PartnersWrite};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Delete an identity
///
/// With its keys: what partners encrypt for them can be read no more.
#[utoipa::path(
    delete, path = "/v1/identities/{id}", operation_id = "identities.delete", tag = "identities",
    params(("id" = String, Path, description = "The identity")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such identity", body = ErrorBody),
        (status = 409, description = "`identity_in_use`: partners name it", body = ErrorBody),
    ),
    security(("oauth2" = ["partners:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn delete(
    Needs { caller, .. }: Needs<PartnersWrite>,
    State(registry): State<IdentityRegistry>,
    PathParams(id): PathParams<String>,
) -> Result<StatusCode, Problem> {
    registry.delete(&caller.scope, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
