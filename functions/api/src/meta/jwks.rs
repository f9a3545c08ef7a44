//! `GET /.well-known/jwks.json`: the public keys of access tokens (RFC 7517).

use axum::Json;
use axum::extract::State;
use http::{HeaderName, header};
use serde::Serialize;
use sluice::tokens::VerificationKey;

use crate::http::auth::Tokens;
use crate::http::problem::{ErrorBody, Problem};

/// The keys that access tokens are signed with.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Jwks {
    /// None before the first token was issued.
    keys: Vec<Jwk>,
}

/// A public key, as RFC 8037 writes it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}))]
pub(crate) struct Jwk {
    /// Always `OKP`.
    kty: &'static str,
    /// Always `Ed25519`.
    crv: &'static str,
    /// Always `sig`.
    r#use: &'static str,
    /// Always `EdDSA`.
    alg: &'static str,
    /// The `kid` in the header of a token that it verifies.
    kid: String,
    /// The key, in base64url.
    x: String,
}

impl From<VerificationKey> for Jwk {
    fn from(VerificationKey { kid, x }: VerificationKey) -> Self {
        Self { kty: "OKP", crv: "Ed25519", r#use: "sig", alg: "EdDSA", kid, x }
    }
}

/// Get the public keys of access tokens
#[utoipa::path(
    get, path = "/.well-known/jwks.json", operation_id = "meta.jwks", tag = "meta",
    responses(
        (status = 200, description = "A JWK Set, as RFC 7517 has it", body = Jwks),
        (status = 503, description = "`unavailable`", body = ErrorBody),
    ),
)]
pub(crate) async fn jwks(
    State(tokens): State<Tokens>,
) -> Result<([(HeaderName, &'static str); 1], Json<Jwks>), Problem> {
    let keys = tokens.public_keys().await?.keys.into_iter().map(Jwk::from).collect();
    Ok(([(header::CACHE_CONTROL, "public, max-age=60")], Json(Jwks { keys })))
}
