//! `PATCH /v1/identities/{id}`: changes the names of an identity.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use sluice::engine::identities::IdentityRegistry;
use sluice::ports::Ports;

use super::Identity;
use crate::http::auth::{Needs, PartnersWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// The fields to change. Keys are added by `rotate`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Our new name"}))]
pub(crate) struct UpdateIdentity {
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// Messages that partners send to the old name are refused from then on.
    #[schema(min_length = 1, max_length = 128)]
    as2_id: Option<String>,
}

/// Change an identity
///
/// What is missing stays as it is.
#[utoipa::path(
    patch, path = "/v1/identities/{id}", operation_id = "identities.update", tag = "identities",
    params(("id" = String, Path, description = "The identity")),
    request_body = UpdateIdentity,
    responses(
        (status = 200, description = "The identity", body = Identity),
        (status = 400, description = "`validation_failed`", body = ErrorBody),
        (status = 404, description = "There is no such identity", body = ErrorBody),
        (status = 409, description = "`as2_id_taken`; `conflict`: it was changed at the same time", body = ErrorBody),
    ),
    security(("oauth2" = ["partners:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn update(
    Needs { caller, .. }: Needs<PartnersWrite>,
    State(registry): State<IdentityRegistry>,
    State(ports): State<Ports>,
    PathParams(id): PathParams<String>,
    JsonBody(UpdateIdentity { name, as2_id }): JsonBody<UpdateIdentity>,
) -> Result<Json<Identity>, Problem> {
    let identity = registry.update(&caller.scope, &id, (name, as2_id)).await?;
    Ok(Json(Identity::shown(identity, ports.now())))
}
