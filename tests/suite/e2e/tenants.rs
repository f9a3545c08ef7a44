//! `/v1/tenants`: for the operator alone.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::support::{Inbox, eventually, shared};

const PATH: &str = "/v1/tenants";

#[tokio::test]
async fn a_tenant_is_made_used_and_deleted() -> Result<()> {
    let (operator, open) = (shared().await.operator()?, shared().await.open()?);
    let made = operator.post(PATH, &json!({"id": "acme", "name": "Acme Ltd"})).await?.json(201)?;
    ensure!(made["operator"] == false && made["name"] == "Acme Ltd" && made["status"] == "active", "{made}");
    operator.post(PATH, &json!({"id": "acme"})).await?.error(409, "tenant_already_exists")?;
    let list = operator.get(PATH).await?.json(200)?;
    let tenants = list["tenants"].as_array().context("a list")?;
    ensure!(tenants.iter().any(|one| one["id"] == "acme") && tenants.iter().any(|one| one["id"] == "local"), "{list}");
    ensure!(!list.to_string().contains("secret"), "{list}");

    let body = json!({"client_id": made["client_id"], "client_secret": made["client_secret"]});
    let token = open.post("/v1/auth/token", &body).await?.json(200)?;
    let api = open.with(&format!("Bearer {}", token["access_token"].as_str().context("a token")?));
    let key = api.post("/v1/api-keys", &json!({"name": "k", "scopes": ["events:read"]})).await?.json(201)?;
    let by_key = open.with(&format!("ApiKey {}", key["key"].as_str().context("a key")?));
    let inbox = Inbox::open().await?;
    let hook = json!({
        "id": "hook", "integration_type": "permanent", "callback_parameters": {"callback_url": inbox.url()},
    });
    api.post("/v1/integrations", &hook).await?.json(200)?;
    api.sandbox().publish(&json!({"name": "a.b", "payload": {}})).await?.json(202)?;

    let partner = json!({"id": "partner", "name": "n", "transport": "as2"});
    for api in [&api, &api.sandbox()] {
        api.post("/v1/partners", &partner).await?.json(201)?;
    }

    let refused = operator.delete("/v1/tenants/acme").await?.error(409, "tenant_not_empty")?;
    ensure!(refused["details"][0] == json!({"routes": 1, "partners": true, "events": true}), "{refused}");
    api.get("/v1/events").await?.json(200)?;
    operator.delete("/v1/tenants/acme?force=true").await?.empty(204)?;
    for api in [&api, &by_key] {
        eventually("its credentials are refused", Duration::from_secs(10), async || {
            Ok((api.get("/v1/events").await?.status == 401).then_some(()))
        })
        .await?;
    }
    open.post("/v1/auth/token", &body).await?.error(401, "invalid_client")?;
    ensure!(shared().await.partners_of(&"acme".parse()?).await? == 0, "partners are left");
    ensure!(!operator.get(PATH).await?.text().contains("\"acme\""));
    operator.delete("/v1/tenants/acme").await?.error(404, "not_found")?;
    // Nobody gets what the log still keeps of it.
    operator.post(PATH, &json!({"id": "acme"})).await?.error(409, "tenant_already_exists")?;
    Ok(())
}

#[tokio::test]
async fn a_tenant_without_data_goes_without_force_and_the_operators_stays() -> Result<()> {
    let operator = shared().await.operator()?;
    operator.post(PATH, &json!({"id": "empty", "events_per_day": 5})).await?.json(201)?;
    let changed =
        operator.patch("/v1/tenants/empty", &json!({"name": "E", "events_per_day": null})).await?.json(200)?;
    ensure!(changed["name"] == "E" && changed["events_per_day"].is_null(), "{changed}");
    operator.delete("/v1/tenants/empty").await?.empty(204)?;
    operator.patch("/v1/tenants/empty", &json!({})).await?.error(404, "not_found")?;
    operator.delete("/v1/tenants/local?force=true").await?.error(409, "operator_tenant")?;
    for (body, pointer) in [
        (json!({"id": "Not an id"}), "/id"),
        (json!({"id": "fine", "name": ""}), "/name"),
        (json!({"id": "fine", "events_per_day": 2_000_000_000_000_u64}), "/events_per_day"),
        (json!({"id": "fine", "events_per_day": -1}), "/events_per_day"),
    ] {
        ensure!(operator.post(PATH, &body).await?.pointers()? == [pointer], "{body}");
    }
    operator.delete("/v1/tenants/No%00").await?.error(404, "not_found")?;
    Ok(())
}

#[tokio::test]
async fn other_tenants_admins_are_refused() -> Result<()> {
    let world = shared().await;
    let tenant = world.tenant().await?;
    tenant.api.get(PATH).await?.error(403, "operator_only")?;
    tenant.api.post(PATH, &json!({"id": "mine"})).await?.error(403, "operator_only")?;
    tenant.api.delete("/v1/tenants/local").await?.error(404, "not_found")?;
    world.limited(&tenant, "events:read").await?.get(PATH).await?.error(403, "insufficient_scope")?;
    world.open()?.get(PATH).await?.error(401, "unauthorized")?;
    Ok(())
}
