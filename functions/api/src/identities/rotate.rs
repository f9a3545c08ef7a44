//! `POST /v1/identities/{id}/rotate`: adds the next key of an identity.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use sluice::domain::time::Millis;
use sluice::engine::identities::{IdentityRegistry, WrittenKey};
use sluice::ports::Ports;

use super::Identity;
use crate::http::auth::{Needs, PartnersWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// The next key.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"key": {"generate": "rsa-3072"}, "signs_from": "2027-01-01T00:00:00.000Z"}))]
pub(crate) struct IdentityRotation {
    key: WrittenKey,
    /// From when on it signs: partners need its certificate by then. By default now.
    signs_from: Option<Millis>,
}

/// Add the next key of an identity
///
/// It decrypts at once, and signs from the date that is given. The key before it decrypts until its certificate ends.
#[utoipa::path(
    post, path = "/v1/identities/{id}/rotate", operation_id = "identities.rotate", tag = "identities",
    params(("id" = String, Path, description = "The identity")),
    request_body = IdentityRotation,
    responses(
        (status = 200, description = "The identity", body = Identity),
        (status = 400, description = "`validation_failed`", body = ErrorBody),
        (status = 404, description = "There is no such identity", body = ErrorBody),
        (status = 409, description = "`identity_key_limit_exceeded`; `conflict`: it was changed at the same time", body = ErrorBody),
    ),
    security(("oauth2" = ["partners:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn rotate(
    Needs { caller, .. }: Needs<PartnersWrite>,
    State(registry): State<IdentityRegistry>,
    State(ports): State<Ports>,
    PathParams(id): PathParams<String>,
    JsonBody(IdentityRotation { key, signs_from }): JsonBody<IdentityRotation>,
) -> Result<Json<Identity>, Problem> {
    let signs_from = signs_from.unwrap_or_else(|| ports.now());
    let identity = registry.rotate(&caller.scope, &id, key, signs_from).await?;
    Ok(Json(Identity::shown(identity, ports.now())))
}
