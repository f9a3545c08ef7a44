//! `POST /v1/api-clients/{id}/rotate`: a new secret; the old one stays valid for a grace period.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use sluice::domain::credentials::CredentialKind;
use sluice::engine::credentials::Issuer;

use super::ClientCredentialWithSecret;
use crate::credentials::{Rotation, find, rotate as renew, secret_answer};
use crate::http::auth::{Admin, Needs};
use crate::http::body::OptionalBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Rotate an OAuth 2.0 client
///
/// With `grace_seconds` 0 every older secret is refused at once.
#[utoipa::path(
    post, path = "/v1/api-clients/{id}/rotate", operation_id = "api_clients.rotate", tag = "api_clients",
    params(("id" = String, Path, description = "The client")),
    request_body = Option<Rotation>,
    responses(
        (status = 200, description = "The client with its new secret, which is shown only here", body = ClientCredentialWithSecret),
        (status = 400, description = "`validation_failed`", body = ErrorBody),
        (status = 403, description = "`insufficient_scope`: also if the client has a scope that the caller lacks", body = ErrorBody),
        (status = 404, description = "There is no such client", body = ErrorBody),
        (status = 409, description = "`credential_not_active`: it is revoked or expired", body = ErrorBody),
    ),
    security(("oauth2" = ["admin"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn rotate(
    Needs { caller, .. }: Needs<Admin>,
    State(issuer): State<Issuer>,
    PathParams(id): PathParams<String>,
    OptionalBody(rotation): OptionalBody<Rotation>,
) -> Result<Response, Problem> {
    let old = find(&issuer, &caller, CredentialKind::Client, &id).await?;
    let rotated = renew(&issuer, &caller, old, &rotation).await?;
    let (client, client_secret) = (rotated.credential.into(), rotated.secret.to_string());
    let answer = ClientCredentialWithSecret { client, client_secret, previous_valid_until: Some(rotated.old_ends_at) };
    Ok(secret_answer(StatusCode::OK, answer))
}
