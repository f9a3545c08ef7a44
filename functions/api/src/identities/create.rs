//! `POST /v1/identities`: makes an identity.

use axum::Json;
use axum::extract::State;
use http::header::LOCATION;
use http::{HeaderName, StatusCode};
use serde::Deserialize;
use sluice::domain::partner::is_partner_id;
use sluice::engine::identities::{IdentityRegistry, WrittenIdentity, WrittenKey};
use sluice::ports::Ports;

use super::Identity;
use crate::http::auth::{Needs, PartnersWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};

/// An identity to make.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"id": "main", "name": "Our company", "as2_id": "OUR-AS2", "key": {"generate": "rsa-3072"}}))]
pub(crate) struct CreateIdentity {
    /// 1 to 64 of `[A-Za-z0-9_-]`; generated if missing.
    #[schema(example = "main", pattern = "^[A-Za-z0-9_-]{1,64}$")]
    id: Option<String>,
    /// A name for people, and in generated certificates: 1 to 200 bytes.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// 1 to 128 printable ASCII characters, without spaces around it; no other identity has it.
    #[schema(example = "OUR-AS2", min_length = 1, max_length = 128)]
    as2_id: String,
    key: WrittenKey,
}

/// Make an identity
///
/// It signs what is sent to partners and decrypts what they send. The private key is stored encrypted, and never shown.
/// At most 50 in each environment.
#[utoipa::path(
    post, path = "/v1/identities", operation_id = "identities.create", tag = "identities",
    request_body = CreateIdentity,
    responses(
        (status = 201, description = "The identity", body = Identity, headers(("Location" = String, description = "Its path"))),
        (status = 400, description = "`validation_failed`, `identity_limit_exceeded`", body = ErrorBody),
        (status = 409, description = "`identity_already_exists`, `as2_id_taken`", body = ErrorBody),
    ),
    security(("oauth2" = ["partners:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn create(
    Needs { caller, .. }: Needs<PartnersWrite>,
    State(registry): State<IdentityRegistry>,
    State(ports): State<Ports>,
    JsonBody(request): JsonBody<CreateIdentity>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Identity>), Problem> {
    let CreateIdentity { id, name, as2_id, key } = request;
    if id.as_deref().is_some_and(|id| !is_partner_id(id)) {
        return Err(Problem::field("/id", "must be 1 to 64 of [A-Za-z0-9_-]"));
    }
    let identity = registry.create(&caller.scope, WrittenIdentity { id, name, as2_id, key }).await?;
    let location = format!("{}/v1/identities/{}", caller.scope.environment.path_prefix(), identity.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(Identity::shown(identity, ports.now()))))
}
