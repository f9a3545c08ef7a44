//! `POST /v1/auth/token`: an access token for a client's id and secret, or for an API key.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use sluice::domain::credentials::Permissions;

use crate::credentials::secret_answer;
use crate::http::auth::{Authenticator, Presented, Source, TOKEN_SECONDS};
use crate::http::body::{self, expect_json};
use crate::http::problem::{ErrorBody, Problem};

/// A client's credentials.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"client_id": "client_acme_0199c2f1e0a17c3f8b1d2e3f", "client_secret": "sls_...", "scope": "events:write"}))]
pub(crate) struct TokenRequest {
    /// The client's id.
    #[serde(default)]
    #[schema(max_length = 200)]
    client_id: Option<String>,
    /// The client's secret.
    #[serde(default)]
    client_secret: Option<String>,
    /// The requested scopes, separated by spaces; default all scopes of the client.
    #[serde(default)]
    scope: Option<String>,
    /// `client_credentials`; required in a form.
    #[serde(default)]
    grant_type: Option<String>,
}

/// An access token.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TokenAnswer {
    /// Send it as `Authorization: Bearer`.
    access_token: String,
    /// The same token, for a key: as MyD3's clients read it.
    #[serde(rename = "accessToken", skip_serializing_if = "Option::is_none")]
    myd3: Option<String>,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds.
    #[schema(minimum = 1, maximum = 3_600)]
    expires_in: i64,
    /// The token's scopes.
    scope: String,
}

/// Get an access token
///
/// As JSON, or as an RFC 6749 form, with the credentials in the body or in `Authorization: Basic`. An empty body with
/// `Authorization: ApiKey` also gives a token. A token becomes invalid within 10 seconds
/// once its client is deleted, its key is revoked, or the secret that it was issued for has ended after a rotation.
/// Token requests count as requests of their credentials; too many bad ones of one address are refused.
#[utoipa::path(
    post, path = "/v1/auth/token", operation_id = "auth.token", tag = "auth",
    request_body(content((TokenRequest = "application/json"), (TokenRequest = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "An access token, valid for one hour", body = TokenAnswer),
        (status = 400, description = "`invalid_request`, `unsupported_grant_type`, `invalid_scope`", body = ErrorBody),
        (status = 401, description = "`invalid_client`", body = ErrorBody),
        (status = 415, description = "Neither JSON nor a form", body = ErrorBody),
        (status = 429, description = "`rate_limited`", body = ErrorBody),
    ),
)]
pub(crate) async fn token(
    State(authenticator): State<Arc<Authenticator>>,
    source: Source,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bytes = body::read(&headers, body, 16 * 1024).await?;
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = credentials_of(authorization, "apikey");
    let request = if bytes.is_empty() { TokenRequest::default() } else { read(&headers, &bytes)? };
    if key.is_some() && (request.client_id.is_some() || request.client_secret.is_some()) {
        return Err(Problem::bad_request(
            "invalid_request",
            "The request has two kinds of credentials: an API key and a client's.",
        ));
    }
    let presented = match key {
        Some(key) => authenticator.api_key(key, source).await?,
        None => client(&authenticator, &request, authorization, source).await?,
    };
    let presented = presented.ok_or_else(|| authenticator.refuse(source, invalid_client()))?;
    let granted = grant(request.scope.as_deref(), &presented.credential.scopes)?;
    let access_token = authenticator.token(&presented, &granted).await?;
    let answer = TokenAnswer {
        myd3: key.map(|_| access_token.clone()),
        access_token,
        token_type: "Bearer",
        expires_in: TOKEN_SECONDS,
        scope: granted.to_string(),
    };
    Ok(secret_answer(StatusCode::OK, answer))
}

fn read(headers: &HeaderMap, bytes: &[u8]) -> Result<TokenRequest, Problem> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if content_type.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return form(bytes);
    }
    expect_json(headers)?;
    body::parse(bytes)
}

/// A form of RFC 6749: a parameter it does not know is passed over, one given twice is an error, as is no grant type.
fn form(bytes: &[u8]) -> Result<TokenRequest, Problem> {
    let invalid = |message: &str| Problem::bad_request("invalid_request", message);
    let pairs: Vec<(String, String)> =
        serde_urlencoded::from_bytes(bytes).map_err(|_| invalid("The form is not a token request as in RFC 6749."))?;
    let mut request = TokenRequest::default();
    for (name, value) in pairs {
        let field = match name.as_str() {
            "client_id" => &mut request.client_id,
            "client_secret" => &mut request.client_secret,
            "scope" => &mut request.scope,
            "grant_type" => &mut request.grant_type,
            _ => continue,
        };
        if field.replace(value).is_some() {
            return Err(invalid(&format!("{name} is there twice.")));
        }
    }
    if request.grant_type.is_none() { Err(invalid("grant_type is missing.")) } else { Ok(request) }
}

/// The value after the scheme of an `Authorization` header.
fn credentials_of<'a>(authorization: &'a str, scheme: &str) -> Option<&'a str> {
    let (given, credentials) = authorization.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| credentials.trim())
}

/// The id and secret of `Authorization: Basic`, each form-encoded as RFC 6749 has it.
fn basic(authorization: &str) -> Option<(String, String)> {
    let encoded = credentials_of(authorization, "basic")?;
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    let plain = |part: &str| form_decoded(part).unwrap_or_else(|| part.to_owned());
    Some((plain(id), plain(secret)))
}

fn form_decoded(part: &str) -> Option<String> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(&format!("v={part}")).ok()?;
    pairs.into_iter().next().map(|(_, value)| value)
}

async fn client(
    authenticator: &Authenticator,
    request: &TokenRequest,
    authorization: &str,
    source: Source,
) -> Result<Option<Presented>, Problem> {
    if request.grant_type.as_deref().is_some_and(|grant_type| grant_type != "client_credentials") {
        return Err(Problem::bad_request("unsupported_grant_type", "The grant type must be client_credentials."));
    }
    let named = request.client_id.clone().zip(request.client_secret.clone());
    match basic(authorization).or(named) {
        Some((id, secret)) => authenticator.client(&id, &secret, source).await,
        // Credentials of a kind that gives no tokens.
        None if !authorization.is_empty() && request.client_id.is_none() => Ok(None),
        None => Err(Problem::bad_request("invalid_request", "client_id and client_secret are needed.")),
    }
}

fn invalid_client() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "invalid_client", "No client or key has these credentials.")
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"sluice\""))
}

fn grant(asked: Option<&str>, allowed: &Permissions) -> Result<Permissions, Problem> {
    let Some(asked) = asked.filter(|scope| !scope.trim().is_empty()) else { return Ok(allowed.clone()) };
    let asked: Permissions = asked.parse().map_err(|e| Problem::bad_request("invalid_scope", format!("{e}.")))?;
    if allowed.include(&asked) {
        return Ok(asked);
    }
    Err(Problem::bad_request("invalid_scope", "The credentials do not have all of these scopes."))
}
