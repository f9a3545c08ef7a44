//! `GET /.well-known/jwks.json`: whoever has a token can verify it, and nobody can make one.

use std::collections::HashSet;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::jwk::{JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

use crate::support::{Api, Tenant, shared};

const PATH: &str = "/.well-known/jwks.json";

async fn token(tenant: &Tenant) -> Result<String> {
    let token = tenant.api.act("/v1/auth/token").await?.json(200)?;
    Ok(token["access_token"].as_str().context("no token")?.to_owned())
}

async fn refused(api: &Api, token: &str) -> Result<()> {
    let reply = api.with(&format!("Bearer {token}")).get("/v1/events").await?;
    reply.error(401, "unauthorized").with_context(|| token.to_owned())?;
    Ok(())
}

#[tokio::test]
async fn a_token_is_verified_by_the_published_keys_alone() -> Result<()> {
    let world = shared().await;
    let tenant = world.tenant().await?;
    let token = token(&tenant).await?;
    let reply = world.open()?.get(PATH).await?;
    let document = reply.json(200)?;
    ensure!(reply.header("content-type") == "application/json", "{:?}", reply.headers);
    ensure!(reply.header("cache-control") == "public, max-age=60", "{:?}", reply.headers);

    let set: JwkSet = serde_json::from_value(document.clone())?;
    let header = jsonwebtoken::decode_header(&token)?;
    let key = set.find(header.kid.as_deref().context("no kid")?).context("the key is not published")?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_required_spec_claims(&["exp", "sub"]);
    let claims = jsonwebtoken::decode::<Value>(&token, &DecodingKey::from_jwk(key)?, &validation)?.claims;
    ensure!(claims["tenant"] == tenant.id.as_str() && claims["sub"].is_string(), "{claims}");
    ensure!(claims["exp"].as_i64() == claims["iat"].as_i64().map(|iat| iat + 3_600), "{claims}");
    // A key of 64 characters more than an HMAC has.
    ensure!(token.len() < 900, "{} bytes", token.len());

    let mut ids = HashSet::new();
    for (key, shown) in set.keys.iter().zip(document["keys"].as_array().context("no keys")?) {
        ensure!(key.common.public_key_use == Some(PublicKeyUse::Signature) && shown["alg"] == "EdDSA", "{shown}");
        ensure!(key.common.key_id == Some(key.thumbprint(ThumbprintHash::SHA256)?), "{shown}");
        ensure!(ids.insert(key.common.key_id.clone()), "{document}");
        let members: HashSet<&str> = shown.as_object().context("a key")?.keys().map(String::as_str).collect();
        ensure!(members == HashSet::from(["kty", "crv", "use", "alg", "kid", "x"]), "{shown}");
    }
    Ok(())
}

#[tokio::test]
async fn the_public_keys_sign_nothing() -> Result<()> {
    let world = shared().await;
    let tenant = world.tenant().await?;
    let good = token(&tenant).await?;
    let document = world.open()?.get(PATH).await?.json(200)?;
    let kid = jsonwebtoken::decode_header(&good)?.kid.context("no kid")?;
    let key =
        document["keys"].as_array().and_then(|keys| keys.iter().find(|key| key["kid"] == kid)).context("a key")?;
    let claims: Value = jsonwebtoken::dangerous::insecure_decode::<Value>(&good)?.claims;
    let with = |algorithm, kid: &str, key: &EncodingKey| {
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
        jsonwebtoken::encode(&header, &claims, key)
    };

    // The public key, in every form in which somebody may have it, as the secret of an HMAC.
    let x = key["x"].as_str().context("x")?;
    for secret in
        [x.as_bytes().to_vec(), BASE64.decode(x)?, key.to_string().into_bytes(), document.to_string().into_bytes()]
    {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            refused(&tenant.api, &with(algorithm, &kid, &EncodingKey::from_secret(&secret))?).await?;
        }
    }

    // No signature at all.
    for algorithm in ["none", "None", "NONE", ""] {
        let header = json!({"alg": algorithm, "typ": "JWT", "kid": kid}).to_string();
        let unsigned = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims.to_string()));
        for token in [format!("{unsigned}."), format!("{unsigned}.{}", good.rsplit('.').next().unwrap_or_default())] {
            refused(&tenant.api, &token).await?;
        }
    }

    // A key of somebody's own: under its id, under ours, and brought along in the header.
    let pkcs8 = [&[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20][..], &[7; 32]].concat();
    let own = EncodingKey::from_ed_der(&pkcs8);
    let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&own, Algorithm::EdDSA)?;
    let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256)?;
    for kid in [thumbprint.as_str(), &kid, "k1", "", "../k1"] {
        refused(&tenant.api, &with(Algorithm::EdDSA, kid, &own)?).await?;
    }
    let header = Header { kid: Some(kid), jwk: Some(jwk), ..Header::new(Algorithm::EdDSA) };
    refused(&tenant.api, &jsonwebtoken::encode(&header, &claims, &own)?).await?;
    refused(&tenant.api, &jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &own)?).await?;

    tenant.api.with(&format!("Bearer {good}")).get("/v1/events").await?.json(200)?;
    Ok(())
}
