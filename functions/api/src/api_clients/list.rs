//! `GET /v1/api-clients`: the OAuth 2.0 clients of the caller's tenant.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use sluice::domain::credentials::CredentialKind;
use sluice::store::credentials::Credentials;

use super::ClientCredential;
use crate::http::auth::{Admin, Needs};
use crate::http::problem::Problem;

/// Every client of the tenant.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ClientCredentialList {
    api_clients: Vec<ClientCredential>,
}

/// List OAuth 2.0 clients
#[utoipa::path(
    get, path = "/v1/api-clients", operation_id = "api_clients.list", tag = "api_clients",
    responses((status = 200, description = "Every client, the oldest first", body = ClientCredentialList)),
    security(("oauth2" = ["admin"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<Admin>,
    State(credentials): State<Credentials>,
) -> Result<Json<ClientCredentialList>, Problem> {
    let all = credentials.list(&caller.scope.tenant, CredentialKind::Client).await?;
    Ok(Json(ClientCredentialList { api_clients: all.into_iter().map(ClientCredential::from).collect() }))
}
