//! API clients and API keys: made, listed, rotated, revoked, deleted.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Api, Reply, Tenant, eventually, shared};

const CLIENTS: &str = "/v1/api-clients";
const KEYS: &str = "/v1/api-keys";
/// Revoked means refused within this time.
const REFUSED: Duration = Duration::from_secs(10);

fn text(value: &Value, name: &str) -> Result<String> {
    Ok(value[name].as_str().with_context(|| format!("no {name}: {value}"))?.to_owned())
}

async fn make(tenant: &Tenant, path: &str, scopes: &[&str]) -> Result<Value> {
    let reply = tenant.api.post(path, &json!({"name": "erp", "scopes": scopes})).await?;
    ensure!(reply.header("cache-control") == "no-store", "{:?}", reply.headers);
    reply.json(201)
}

async fn token(client: &Value) -> Result<Reply> {
    let body = json!({"client_id": client["client_id"], "client_secret": client["client_secret"]});
    shared().await.open()?.post("/v1/auth/token", &body).await
}

async fn bearer(reply: &Reply) -> Result<Api> {
    let token = text(&reply.json(200)?, "access_token")?;
    Ok(shared().await.open()?.with(&format!("Bearer {token}")))
}

async fn with_key(key: &Value) -> Result<Api> {
    Ok(shared().await.open()?.with(&format!("ApiKey {}", text(key, "key")?)))
}

/// Waits until those credentials are refused, as long as that may take.
async fn refused(api: &Api) -> Result<()> {
    let begun = Instant::now();
    eventually("the credentials are refused", REFUSED, async || {
        let reply = api.get("/v1/events").await?;
        Ok((reply.status == 401).then_some(()))
    })
    .await?;
    ensure!(begun.elapsed() <= REFUSED);
    api.get("/v1/events").await?.error(401, "unauthorized")?;
    Ok(())
}

#[tokio::test]
async fn a_client_is_made_listed_and_used_in_both_environments() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let client = make(&tenant, CLIENTS, &["events:read"]).await?;
    ensure!(client["scopes"] == json!(["events:read"]) && client["name"] == "erp", "{client}");
    let api = bearer(&token(&client).await?).await?;
    api.get("/v1/events").await?.json(200)?;
    api.sandbox().get("/v1/events").await?.json(200)?;
    api.get("/v1/integrations").await?.error(403, "insufficient_scope")?;
    let list = tenant.api.get(CLIENTS).await?.json(200)?;
    let listed = list["api_clients"].as_array().context("a list")?.iter().find(|one| one["id"] == client["id"]);
    ensure!(listed.is_some_and(|one| one.get("client_secret").is_none()), "{list}");
    ensure!(!list.to_string().contains(&text(&client, "client_secret")?), "a secret is shown twice");
    for path in [CLIENTS, KEYS, "/v1/tenants"] {
        tenant.api.sandbox().get(path).await?.error(404, "not_found")?;
    }
    Ok(())
}

#[tokio::test]
async fn a_key_has_its_form_and_is_listed_by_its_prefix() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let key = make(&tenant, KEYS, &["events:read", "events:write"]).await?;
    let whole = text(&key, "key")?;
    let digits = whole.strip_prefix(&format!("slc_{}_", tenant.id)).context("another form")?;
    ensure!(digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit()), "{whole}");
    ensure!(whole.starts_with(&text(&key, "prefix")?), "{key}");
    with_key(&key).await?.get("/v1/events").await?.json(200)?;
    let list = tenant.api.get(KEYS).await?.json(200)?;
    let listed = list["api_keys"].as_array().context("a list")?.iter().find(|one| one["id"] == key["id"]);
    let listed = listed.context("not listed")?;
    ensure!(listed["status"] == "active" && listed["expires_at"].is_null() && listed.get("key").is_none(), "{listed}");
    ensure!(listed["created_at"].is_string() && listed["prefix"] == key["prefix"], "{listed}");
    Ok(())
}

#[tokio::test]
async fn a_rotated_secret_is_good_for_its_grace() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let old = make(&tenant, CLIENTS, &["events:read"]).await?;
    let path = format!("{CLIENTS}/{}/rotate", text(&old, "id")?);
    let new = tenant.api.act(&path).await?.json(200)?;
    ensure!(new["id"] == old["id"] && new["client_secret"] != old["client_secret"], "{new}");
    ensure!(new["previous_valid_until"].is_string(), "{new}");
    for one in [&old, &new] {
        token(one).await?.json(200)?;
    }
    let newest = tenant.api.post(&path, &json!({"grace_seconds": 0})).await?.json(200)?;
    for one in [&old, &new] {
        token(one).await?.error(401, "invalid_client")?;
    }
    token(&newest).await?.json(200)?;

    let old = make(&tenant, KEYS, &["events:read"]).await?;
    with_key(&old).await?.get("/v1/events").await?.json(200)?;
    let path = format!("{KEYS}/{}/rotate", text(&old, "id")?);
    let new = tenant.api.post(&path, &json!({})).await?.json(200)?;
    for one in [&old, &new] {
        with_key(one).await?.get("/v1/events").await?.json(200)?;
    }
    let newest = tenant.api.post(&path, &json!({"grace_seconds": 0})).await?.json(200)?;
    with_key(&newest).await?.get("/v1/events").await?.json(200)?;
    for one in [&old, &new] {
        refused(&with_key(one).await?).await?;
    }
    Ok(())
}

#[tokio::test]
async fn tokens_end_with_the_secret_that_they_were_issued_for() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let (client, key) = (make(&tenant, CLIENTS, &["events:read"]).await?, make(&tenant, KEYS, &["events:read"]).await?);
    let (of_client, of_key) =
        (format!("{CLIENTS}/{}/rotate", text(&client, "id")?), format!("{KEYS}/{}/rotate", text(&key, "id")?));
    let of = async |key: &Value| bearer(&with_key(key).await?.act("/v1/auth/token").await?).await;
    let old = [bearer(&token(&client).await?).await?, of(&key).await?];
    for api in &old {
        api.get("/v1/events").await?.json(200)?;
    }
    let emergency = json!({"grace_seconds": 0});
    let client = tenant.api.post(&of_client, &emergency).await?.json(200)?;
    let key = tenant.api.post(&of_key, &emergency).await?.json(200)?;
    // In the same second as the rotation, mostly.
    let new = [bearer(&token(&client).await?).await?, of(&key).await?];
    for api in &new {
        api.get("/v1/events").await?.json(200)?;
    }
    for api in &old {
        refused(api).await?;
    }
    // A grace is good for tokens too, and no longer.
    tenant.api.post(&of_client, &json!({"grace_seconds": 1})).await?.json(200)?;
    tenant.api.post(&of_key, &json!({"grace_seconds": 86_400})).await?.json(200)?;
    for api in &new {
        api.get("/v1/events").await?.json(200)?;
    }
    refused(&new[0]).await?;
    new[1].get("/v1/events").await?.json(200)?;
    Ok(())
}

#[tokio::test]
async fn a_revoked_key_and_its_tokens_are_refused() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let key = make(&tenant, KEYS, &["events:read"]).await?;
    let path = format!("{KEYS}/{}", text(&key, "id")?);
    let (by_key, by_token) =
        (with_key(&key).await?, bearer(&with_key(&key).await?.act("/v1/auth/token").await?).await?);
    for api in [&by_key, &by_token] {
        api.get("/v1/events").await?.json(200)?;
    }
    for _ in 0..2 {
        let revoked = tenant.api.act(&format!("{path}/revoke")).await?.json(200)?;
        ensure!(revoked["status"] == "revoked" && revoked.get("key").is_none(), "{revoked}");
    }
    refused(&by_key).await?;
    refused(&by_token).await?;
    tenant.api.act(&format!("{path}/rotate")).await?.error(409, "credential_not_active")?;
    tenant.api.delete(&path).await?.empty(204)?;
    tenant.api.delete(&path).await?.error(404, "not_found")?;
    Ok(())
}

#[tokio::test]
async fn tokens_of_a_deleted_client_are_refused() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let client = make(&tenant, CLIENTS, &["events:read"]).await?;
    let api = bearer(&token(&client).await?).await?;
    api.get("/v1/events").await?.json(200)?;
    tenant.api.delete(&format!("{CLIENTS}/{}", text(&client, "id")?)).await?.empty(204)?;
    token(&client).await?.error(401, "invalid_client")?;
    refused(&api).await
}

#[tokio::test]
async fn an_expired_credential_is_refused() -> Result<()> {
    let world = shared().await;
    let tenant = world.tenant().await?;
    let end = world.system.app.ports.now().plus(Duration::from_secs(2));
    let body = json!({"name": "short", "scopes": ["events:read"], "expires_at": end});
    let client = tenant.api.post(CLIENTS, &body).await?.json(201)?;
    let key = tenant.api.post(KEYS, &body).await?.json(201)?;
    ensure!(client["expires_at"] == json!(end), "{client}");
    let (by_token, by_key) = (bearer(&token(&client).await?).await?, with_key(&key).await?);
    refused(&by_key).await?;
    refused(&by_token).await?;
    token(&client).await?.error(401, "invalid_client")?;
    let rotate = format!("{CLIENTS}/{}/rotate", text(&client, "id")?);
    tenant.api.act(&rotate).await?.error(409, "credential_not_active")?;
    Ok(())
}

#[tokio::test]
async fn nobody_hands_out_what_it_lacks() -> Result<()> {
    let world = shared().await;
    let tenant = world.tenant().await?;
    let admin = world.limited(&tenant, "admin events:read").await?;
    for path in [CLIENTS, KEYS] {
        let more = json!({"name": "more", "scopes": ["events:read", "events:write"]});
        let refused = admin.post(path, &more).await?.error(403, "insufficient_scope")?;
        ensure!(refused["details"][0]["scope"] == "events:write", "{refused}");
        admin.post(path, &json!({"name": "same", "scopes": ["events:read"]})).await?.json(201)?;
        // A rotation hands out a secret too.
        let strong = make(&tenant, path, &["events:write"]).await?;
        let rotate = format!("{path}/{}/rotate", text(&strong, "id")?);
        admin.act(&rotate).await?.error(403, "insufficient_scope")?;
        let reader = world.limited(&tenant, "events:read").await?;
        reader.get(path).await?.error(403, "insufficient_scope")?;
        world.open()?.get(path).await?.error(401, "unauthorized")?;
    }
    Ok(())
}

#[tokio::test]
async fn bad_requests_are_pointed_at() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let good = json!({"name": "x", "scopes": ["events:read"]});
    for path in [CLIENTS, KEYS] {
        for (field, value, pointer) in [
            ("name", json!(""), "/name"),
            ("name", json!("  "), "/name"),
            ("name", json!("x".repeat(101)), "/name"),
            ("scopes", json!([]), "/scopes"),
            ("scopes", json!(["events:read", "events:everything"]), "/scopes/1"),
            ("scopes", json!("events:read"), "/scopes"),
            ("expires_at", json!("2020-01-01T00:00:00Z"), "/expires_at"),
            ("expires_at", json!("tomorrow"), "/expires_at"),
            ("more", json!(1), "/more"),
        ] {
            let mut body = good.clone();
            body[field] = value.clone();
            let pointers = tenant.api.post(path, &body).await?.pointers()?;
            ensure!(pointers == [pointer], "{field} {value}: {pointers:?}");
        }
        let one = format!("{path}/{}", text(&make(&tenant, path, &["events:read"]).await?, "id")?);
        for bad in [json!(-1), json!(2_592_001), json!("1")] {
            let reply = tenant.api.post(&format!("{one}/rotate"), &json!({"grace_seconds": bad})).await?;
            ensure!(reply.pointers()? == ["/grace_seconds"], "{bad}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn another_tenants_credentials_are_as_good_as_none() -> Result<()> {
    let world = shared().await;
    let (tenant, other) = (world.tenant().await?, world.tenant().await?);
    for (path, wrong) in [(CLIENTS, KEYS), (KEYS, CLIENTS)] {
        let made = make(&tenant, path, &["events:read"]).await?;
        let id = text(&made, "id")?;
        // Nor is a client a key.
        for (api, path) in [(&other.api, path), (&tenant.api, wrong)] {
            api.act(&format!("{path}/{id}/rotate")).await?.error(404, "not_found")?;
            api.delete(&format!("{path}/{id}")).await?.error(404, "not_found")?;
        }
        other.api.act(&format!("{KEYS}/{id}/revoke")).await?.error(404, "not_found")?;
        ensure!(!other.api.get(path).await?.text().contains(&id));
        tenant
            .api
            .send(Method::DELETE, &format!("{path}/{}", "x".repeat(2_000)), |r| r)
            .await?
            .error(404, "not_found")?;
    }
    Ok(())
}

#[tokio::test]
async fn a_tenant_has_so_many_keys_and_no_more() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    // The tenant's own is one of them.
    for _ in 1..100 {
        make(&tenant, KEYS, &["events:read"]).await?;
    }
    let more = json!({"name": "more", "scopes": ["events:read"]});
    tenant.api.post(KEYS, &more).await?.error(400, "credential_limit_exceeded")?;
    Ok(())
}
