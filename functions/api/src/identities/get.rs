//! `GET /v1/identities/{id}`: one identity.

use axum::Json;
use axum::extract::State;
use sluice::engine::identities::IdentityRegistry;
use sluice::ports::Ports;

use super::Identity;
use crate::http::auth::{Needs, PartnersRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Get an identity
#[utoipa::path(
    get, path = "/v1/identities/{id}", operation_id = "identities.get", tag = "identities",
    params(("id" = String, Path, description = "The identity")),
    responses(
        (status = 200, description = "The identity", body = Identity),
        (status = 404, description = "There is no such identity", body = ErrorBody),
    ),
    security(("oauth2" = ["partners:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn get(
    Needs { caller, .. }: Needs<PartnersRead>,
    State(registry): State<IdentityRegistry>,
    State(ports): State<Ports>,
    PathParams(id): PathParams<String>,
) -> Result<Json<Identity>, Problem> {
    Ok(Json(Identity::shown(registry.find(&caller.scope, &id).await?, ports.now())))
}
