//! `POST /v1/api-keys`: makes an API key; its text is in this answer and in no other.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use sluice::domain::credentials::CredentialKind;
use sluice::engine::credentials::Issuer;

use super::ApiKeyWithSecret;
use crate::credentials::{NewCredential, issue, secret_answer};
use crate::http::auth::{Admin, Needs};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};

/// Create an API key
///
/// It is valid in both environments.
#[utoipa::path(
    post, path = "/v1/api-keys", operation_id = "api_keys.create", tag = "api_keys",
    request_body = NewCredential,
    responses(
        (status = 201, description = "The key with its secret, which is shown only here", body = ApiKeyWithSecret),
        (status = 400, description = "`validation_failed`, `credential_limit_exceeded` at 100", body = ErrorBody),
        (status = 403, description = "`insufficient_scope`: also if the caller lacks a scope that it grants", body = ErrorBody),
    ),
    security(("oauth2" = ["admin"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn create(
    Needs { caller, .. }: Needs<Admin>,
    State(issuer): State<Issuer>,
    JsonBody(request): JsonBody<NewCredential>,
) -> Result<Response, Problem> {
    let (made, key) = issue(&issuer, &caller, CredentialKind::Key, request).await?;
    let info = made.into();
    Ok(secret_answer(StatusCode::CREATED, ApiKeyWithSecret { info, key, previous_valid_until: None }))
}
