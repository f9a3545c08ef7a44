//! `POST /v1/api-keys/{id}/revoke`: the key is refused from now on, and stays in the list.

use axum::Json;
use axum::extract::State;
use sluice::domain::credentials::CredentialKind;
use sluice::engine::credentials::Issuer;

use super::ApiKey;
use crate::credentials::find;
use crate::http::auth::{Admin, Needs};
use crate::http::body::EmptyBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Revoke an API key
///
/// It is refused everywhere within 10 seconds, and so are its access tokens. This cannot be undone;
/// revoking it again changes nothing.
#[utoipa::path(
    post, path = "/v1/api-keys/{id}/revoke", operation_id = "api_keys.revoke", tag = "api_keys",
    params(("id" = String, Path, description = "The key")),
    responses(
        (status = 200, description = "The key, revoked", body = ApiKey),
        (status = 404, description = "There is no such key", body = ErrorBody),
    ),
    security(("oauth2" = ["admin"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn revoke(
    Needs { caller, .. }: Needs<Admin>,
    State(issuer): State<Issuer>,
    PathParams(id): PathParams<String>,
    EmptyBody: EmptyBody,
) -> Result<Json<ApiKey>, Problem> {
    let key = find(&issuer, &caller, CredentialKind::Key, &id).await?;
    Ok(Json(issuer.revoke(key).await?.into()))
}
