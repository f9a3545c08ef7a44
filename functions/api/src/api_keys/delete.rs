//! `DELETE /v1/api-keys/{id}`: an API key is refused, and gone.

use axum::extract::State;
use http::StatusCode;
use sluice::domain::credentials::CredentialKind;
use sluice::engine::credentials::Issuer;

use crate::credentials;
use crate::http::auth::{Admin, Needs};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Delete an API key
///
/// It is refused everywhere within 10 seconds, and so are the access tokens that were made for it.
#[utoipa::path(
    delete, path = "/v1/api-keys/{id}", operation_id = "api_keys.delete", tag = "api_keys",
    params(("id" = String, Path, description = "The key")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such key", body = ErrorBody),
    ),
    security(("oauth2" = ["admin"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn delete(
    Needs { caller, .. }: Needs<Admin>,
    State(issuer): State<Issuer>,
    PathParams(id): PathParams<String>,
) -> Result<StatusCode, Problem> {
    credentials::delete(&issuer, &caller, CredentialKind::Key, &id).await
}
