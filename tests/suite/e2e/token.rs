//! `POST /v1/auth/token`, and what happens with credentials that are not good.

use anyhow::{Context as _, Result, ensure};
use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Reply, Tenant, shared};

const PATH: &str = "/v1/auth/token";

/// The token of a good answer.
fn token(reply: &Reply) -> Result<Value> {
    let token = reply.json(200)?;
    ensure!(reply.header("cache-control") == "no-store", "{:?}", reply.headers);
    ensure!(token["token_type"] == "Bearer" && token["expires_in"] == 3_600, "{token}");
    Ok(token)
}

/// Uses it.
async fn works(tenant: &Tenant, token: &Value) -> Result<()> {
    let bearer = format!("Bearer {}", token["access_token"].as_str().context("no token")?);
    tenant.api.with(&bearer).get("/v1/events").await?.json(200)?;
    Ok(())
}

async fn form(tenant: &Tenant, body: &str, basic: Option<(&str, &str)>) -> Result<Reply> {
    let open = shared().await.open()?;
    let body = body.replace("ID", &tenant.client_id).replace("SECRET", &tenant.client_secret);
    open.send(Method::POST, PATH, |request| {
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        match basic {
            Some((id, secret)) => request.basic_auth(id, Some(secret)),
            None => request,
        }
    })
    .await
}

#[tokio::test]
async fn json_form_basic_and_api_key_give_a_token_that_works() -> Result<()> {
    let world = shared().await;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    let body = json!({"client_id": tenant.client_id, "client_secret": tenant.client_secret});
    works(&tenant, &token(&open.post(PATH, &body).await?)?).await?;

    let body = "grant_type=client_credentials&client_id=ID&client_secret=SECRET";
    works(&tenant, &token(&form(&tenant, body, None).await?)?).await?;

    // RFC 6749: what a form has besides is passed over.
    let more = "grant_type=client_credentials&client_id=ID&client_secret=SECRET&audience=x";
    works(&tenant, &token(&form(&tenant, more, None).await?)?).await?;

    let basic = Some((tenant.client_id.as_str(), tenant.client_secret.as_str()));
    works(&tenant, &token(&form(&tenant, "grant_type=client_credentials", basic).await?)?).await?;

    works(&tenant, &token(&tenant.api.act(PATH).await?)?).await
}

#[tokio::test]
async fn bad_credentials_are_an_invalid_client() -> Result<()> {
    let world = shared().await;
    let (tenant, other, open) = (world.tenant().await?, world.tenant().await?, world.open()?);
    let long = "x".repeat(5_000);
    let secret = &tenant.client_secret;
    for (id, secret) in [
        (tenant.client_id.as_str(), "wrong"),
        (&tenant.client_id, ""),
        (&tenant.client_id, &other.client_secret),
        (&tenant.client_id, &secret.to_uppercase()),
        ("nobody", secret),
        ("", secret),
        (&long, secret),
        ("client\u{0}", secret),
        ("ключ", secret),
    ] {
        let reply = open.post(PATH, &json!({"client_id": id, "client_secret": secret})).await?;
        reply.error(401, "invalid_client")?;
        ensure!(!reply.header("www-authenticate").is_empty(), "no challenge");
    }
    let reply = form(&tenant, "grant_type=client_credentials", Some((&tenant.client_id, "wrong"))).await?;
    reply.error(401, "invalid_client")?;
    ensure!(reply.header("www-authenticate").starts_with("Basic"), "{:?}", reply.headers);
    for bad in ["ApiKey nonsense", "ApiKey slc_a_b", "Bearer x", "ApiKey "] {
        let reply = open.with(bad).act(PATH).await?;
        reply.error(401, "invalid_client").with_context(|| bad.to_owned())?;
        ensure!(!reply.header("www-authenticate").is_empty(), "{bad}: no challenge");
    }
    Ok(())
}

#[tokio::test]
async fn malformed_requests_say_what_is_wrong() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let open = shared().await.open()?;
    form(&tenant, "client_id=ID&client_secret=SECRET", None).await?.error(400, "invalid_request")?;
    let password = "grant_type=password&client_id=ID&client_secret=SECRET";
    form(&tenant, password, None).await?.error(400, "unsupported_grant_type")?;
    form(&tenant, "grant_type=client_credentials", None).await?.error(400, "invalid_request")?;
    let twice = "grant_type=client_credentials&client_id=ID&client_id=ID&client_secret=SECRET";
    form(&tenant, twice, None).await?.error(400, "invalid_request")?;
    open.post(PATH, &json!({"client_id": tenant.client_id})).await?.error(400, "invalid_request")?;
    open.post_text(PATH, "{").await?.error(400, "malformed_json")?;
    ensure!(open.post(PATH, &json!({"client_id": 7})).await?.pointers()? == ["/client_id"]);
    ensure!(open.post(PATH, &json!({"client": "x"})).await?.pointers()? == ["/client"]);
    let xml = open.send(Method::POST, PATH, |r| r.header("content-type", "text/xml").body("<a/>")).await?;
    xml.error(415, "unsupported_media_type")?;
    open.post_text(PATH, vec![b' '; 20_000]).await?.error(413, "payload_too_large")?;
    open.get(PATH).await?.error(405, "method_not_allowed")?;
    Ok(())
}

#[tokio::test]
async fn a_token_can_be_asked_for_less_but_not_for_more() -> Result<()> {
    let world = shared().await;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    let ask = async |scope: &str| {
        let body = json!({"client_id": tenant.client_id, "client_secret": tenant.client_secret, "scope": scope});
        open.post(PATH, &body).await
    };
    let some = token(&ask("events:read  integrations:read").await?)?;
    ensure!(some["scope"] == "events:read integrations:read", "{some}");
    let bearer = format!("Bearer {}", some["access_token"].as_str().context("no token")?);
    let api = tenant.api.with(&bearer);
    api.get("/v1/events").await?.json(200)?;
    let refused = api.publish(&json!({"name": "a.b", "payload": {}})).await?;
    ensure!(refused.error(403, "insufficient_scope")?.to_string().contains("events:write"));

    ask("events:everything").await?.error(400, "invalid_scope")?;
    // Known scopes, but not this client's.
    let narrow = json!({"name": "narrow", "scopes": ["events:read"]});
    let narrow = tenant.api.post("/v1/api-clients", &narrow).await?.json(201)?;
    for (scope, granted) in [("events:read", true), ("events:write", false), ("events:read events:write", false)] {
        let body = json!({"client_id": narrow["client_id"], "client_secret": narrow["client_secret"], "scope": scope});
        let reply = open.post(PATH, &body).await?;
        if granted {
            ensure!(token(&reply)?["scope"] == scope);
        } else {
            reply.error(400, "invalid_scope").with_context(|| scope.to_owned())?;
        }
    }
    let all = token(&ask("").await?)?;
    ensure!(all["scope"].as_str().is_some_and(|scope| scope.split(' ').count() == 13), "{all}");

    // A key that may do little gives a token that may do no more.
    let little = world.limited(&tenant, "events:read").await?;
    let token = token(&little.act(PATH).await?)?;
    ensure!(token["scope"] == "events:read", "{token}");
    Ok(())
}

#[tokio::test]
async fn tampered_and_foreign_tokens_are_refused() -> Result<()> {
    let world = shared().await;
    let tenant = world.tenant().await?;
    let token = token(&tenant.api.act(PATH).await?)?;
    let good = token["access_token"].as_str().context("no token")?.to_owned();
    let parts: Vec<&str> = good.split('.').collect();
    let [head, claims, signature] = parts[..] else { anyhow::bail!("not a JWT") };
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIiwia2lkIjoiazEifQ";
    let mut other = signature.to_owned();
    other.replace_range(..1, if other.starts_with('A') { "B" } else { "A" });
    let bad = [
        format!("Bearer {none}.{claims}."),
        format!("Bearer {none}.{claims}.{signature}"),
        format!("Bearer {head}.{claims}.{other}"),
        format!("Bearer {head}.{claims}."),
        format!("Bearer {head}.{claims}"),
        format!("ApiKey {good}"),
        format!("Basic {good}"),
        format!("Bearer{good}"),
        "Bearer".to_owned(),
        String::new(),
        format!("ApiKey {}", tenant.api_key.to_uppercase()),
        format!("ApiKey {}0", tenant.api_key),
        format!("Bearer {}", tenant.api_key),
    ];
    for authorization in bad {
        let reply = tenant.api.with(&authorization).get("/v1/events").await?;
        reply.error(401, "unauthorized").with_context(|| authorization.clone())?;
    }
    tenant.api.with(&format!("bearer {good}")).get("/v1/events").await?.json(200)?;
    tenant.api.with(&format!("APIKEY {}", tenant.api_key)).get("/v1/events").await?.json(200)?;
    Ok(())
}
