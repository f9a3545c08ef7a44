//! `POST /v1/auth/token`: an access token for a client's id and secret, or for an API key.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use sluice::domain::credentials::Permissions;
use sluice::domain::scope::TenantId;
use sluice::http::auth::{Authenticator, TOKEN_SECONDS};
use sluice::http::body::{self, expect_json};
use sluice::http::problem::{ErrorBody, Problem};

/// A client's credentials.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenRequest {
    /// The client's id.
    #[serde(default)]
    client_id: Option<String>,
    /// The client's secret.
    #[serde(default)]
    client_secret: Option<String>,
    /// The scopes asked for, parted by spaces; all of the client's where missing.
    #[serde(default)]
    scope: Option<String>,
    /// `client_credentials`; needed in a form.
    #[serde(default)]
    grant_type: Option<String>,
}

/// An access token.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TokenAnswer {
    /// Send it as `Authorization: Bearer`.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    /// What the token may do.
    scope: String,
}

/// Get an access token
///
/// As JSON, or as an RFC 6749 form with the credentials in the body or in `Authorization: Basic`. An empty body with
/// `Authorization: ApiKey` also gives a token.
#[utoipa::path(
    post, path = "/v1/auth/token", operation_id = "auth.token", tag = "auth",
    request_body(content((TokenRequest = "application/json"), (TokenRequest = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "A token, good for an hour", body = TokenAnswer),
        (status = 400, description = "`invalid_request`, `unsupported_grant_type`, `invalid_scope`", body = ErrorBody),
        (status = 401, description = "`invalid_client`", body = ErrorBody),
        (status = 415, description = "Neither JSON nor a form", body = ErrorBody),
    ),
)]
pub(crate) async fn token(
    State(authenticator): State<Authenticator>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bytes = body::read(&headers, body, 16 * 1024).await?;
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (holder, asked) = match authorization {
        Some(key) if bytes.is_empty() => (authenticator.key_holder(key).await?, None),
        _ => {
            let request = read(&headers, &bytes, authorization)?;
            let scope = request.scope.clone();
            (client(&authenticator, request).await?, scope)
        }
    };
    let (tenant, subject, allowed) = holder;
    let granted = grant(asked.as_deref(), allowed)?;
    let access_token = authenticator.token(&tenant, &subject, &granted)?;
    let answer =
        TokenAnswer { access_token, token_type: "Bearer", expires_in: TOKEN_SECONDS, scope: granted.to_string() };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

fn read(headers: &HeaderMap, bytes: &[u8], authorization: Option<&str>) -> Result<TokenRequest, Problem> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("application/x-www-form-urlencoded") {
        expect_json(headers)?;
        return body::parse(bytes);
    }
    let mut request: TokenRequest = serde_urlencoded::from_bytes(bytes)
        .map_err(|_| Problem::bad_request("invalid_request", "The form is not one of RFC 6749."))?;
    match request.grant_type.as_deref() {
        Some("client_credentials") => {}
        Some(_) => {
            let message = "The grant type is client_credentials.";
            return Err(Problem::bad_request("unsupported_grant_type", message));
        }
        None => return Err(Problem::bad_request("invalid_request", "grant_type is missing.")),
    }
    if let Some((id, secret)) = authorization.and_then(basic) {
        (request.client_id, request.client_secret) = (Some(id), Some(secret));
    }
    Ok(request)
}

/// The id and secret of `Authorization: Basic`, each form-encoded as RFC 6749 has it.
fn basic(authorization: &str) -> Option<(String, String)> {
    let (scheme, encoded) = authorization.split_once(' ')?;
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    let plain = |part: &str| form_decoded(part).unwrap_or_else(|| part.to_owned());
    scheme.eq_ignore_ascii_case("basic").then(|| (plain(id), plain(secret)))
}

fn form_decoded(part: &str) -> Option<String> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(&format!("v={part}")).ok()?;
    pairs.into_iter().next().map(|(_, value)| value)
}

type Holder = (TenantId, String, Permissions);

async fn client(authenticator: &Authenticator, request: TokenRequest) -> Result<Holder, Problem> {
    let (Some(id), Some(secret)) = (request.client_id, request.client_secret) else {
        return Err(Problem::bad_request("invalid_request", "client_id and client_secret are needed."));
    };
    let client = authenticator.client(&id, &secret).await?.ok_or_else(invalid_client)?;
    Ok((client.tenant, client.client_id, client.scopes))
}

fn invalid_client() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "invalid_client", "No client has this id and secret.")
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"sluice\""))
}

fn grant(asked: Option<&str>, allowed: Permissions) -> Result<Permissions, Problem> {
    let Some(asked) = asked.filter(|scope| !scope.trim().is_empty()) else { return Ok(allowed) };
    let asked: Permissions = asked.parse().map_err(|e| Problem::bad_request("invalid_scope", format!("{e}.")))?;
    if allowed.include(&asked) {
        return Ok(asked);
    }
    Err(Problem::bad_request("invalid_scope", "The credentials do not have all of these scopes."))
}
