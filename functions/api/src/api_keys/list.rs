//! `GET /v1/api-keys`: the API keys of the caller's tenant.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use sluice::domain::credentials::CredentialKind;
use sluice::store::credentials::Credentials;

use super::ApiKey;
use crate::http::auth::{Admin, Needs};
use crate::http::problem::Problem;

/// Every key of the tenant.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ApiKeyList {
    api_keys: Vec<ApiKey>,
}

/// List API keys
#[utoipa::path(
    get, path = "/v1/api-keys", operation_id = "api_keys.list", tag = "api_keys",
    responses((status = 200, description = "Every key, the oldest first", body = ApiKeyList)),
    security(("oauth2" = ["admin"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<Admin>,
    State(credentials): State<Credentials>,
) -> Result<Json<ApiKeyList>, Problem> {
    let all = credentials.list(&caller.scope.tenant, CredentialKind::Key).await?;
    Ok(Json(ApiKeyList { api_keys: all.into_iter().map(ApiKey::from).collect() }))
}
