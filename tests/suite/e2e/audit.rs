//! `GET /v1/audit-log`: who changed what, from where, newest first, and no secret in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context as _, Result, ensure};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_local::receiver::status;

use crate::support::inbox::Post;
use crate::support::{Api, Inbox, SOON, eventually, shared};

const PATH: &str = "/v1/audit-log";

async fn entries(api: &Api) -> Result<Vec<Value>> {
    let page = api.get(PATH).await?.json(200)?;
    Ok(page["entries"].as_array().context("a list")?.clone())
}

fn actions(entries: &[Value]) -> Vec<&str> {
    entries.iter().filter_map(|entry| entry["action"].as_str()).collect()
}

#[tokio::test]
async fn every_change_is_recorded_with_who_and_where() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let made = tenant.webhook_with(
        "hook",
        json!({"callback_url": "http://127.0.0.1:9/?q=hush", "api_key": "hush"}),
        json!({}),
    );
    let secret = made.await?["callback_parameters"]["signing_secret"].as_str().context("a secret")?.to_owned();
    tenant.stop("hook").await?;
    tenant.api.patch("/v1/integrations/hook", &json!({"filter_conditions": {}})).await?.json(200)?;
    let forged = |request: reqwest::RequestBuilder| request.header("x-forwarded-for", "203.0.113.7");
    tenant.api.send(Method::POST, "/v1/integrations/hook/_start", forged).await?.json(200)?;
    let window = json!({"from": "2026-01-01T00:00:00.000Z"});
    let recovered = tenant.api.post("/v1/integrations/hook/_recover", &window).await?;
    recovered.json(202)?;
    tenant.api.delete("/v1/integrations/hook").await?.empty(204)?;

    let log = entries(&tenant.api).await?;
    let expected =
        ["delete", "recover", "start", "update", "stop", "create"].map(|verb| format!("integrations.{verb}"));
    ensure!(actions(&log) == expected, "{log:?}");
    let times: Vec<&str> = log.iter().filter_map(|entry| entry["time"].as_str()).collect();
    ensure!(times.len() == 6 && times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
    for entry in &log {
        let fields: Vec<&String> = entry.as_object().context("an object")?.keys().collect();
        let known = ["action", "actor", "details", "entity_id", "entity_type", "id", "source_ip", "time"];
        ensure!(fields == known, "{entry}");
        ensure!(entry["entity_type"] == "integration" && entry["entity_id"] == "hook", "{entry}");
        ensure!(entry["source_ip"] == "127.0.0.1", "not the connection's other end: {entry}");
        ensure!(entry["actor"].as_str().is_some_and(|actor| actor.starts_with("key_")), "{entry}");
    }
    ensure!(log[1]["details"]["from"] == window["from"], "{}", log[1]);
    ensure!(log[1]["details"]["request_id"] == recovered.header("x-request-id"), "{}", log[1]);
    let text = json!(log).to_string();
    ensure!(!text.contains(&secret) && !text.contains("hush") && !text.contains(&tenant.api_key), "{text}");
    Ok(())
}

#[tokio::test]
async fn what_changed_nothing_and_what_was_published_is_not_in_it() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    tenant.publish("a.b", 0..3).await?;
    tenant.api.post("/v1/integrations", &json!({"id": "NO"})).await?.pointers()?;
    tenant.api.delete("/v1/integrations/none").await?.error(404, "not_found")?;
    tenant.api.get("/v1/integrations").await?.json(200)?;
    ensure!(entries(&tenant.api).await?.is_empty());
    // A repetition did nothing either.
    let act = async || {
        tenant.api.send(Method::POST, "/v1/integrations/hook/_stop", |r| r.header("idempotency-key", "1")).await
    };
    tenant.webhook("hook", "http://127.0.0.1:9/").await?;
    ensure!(act().await?.json(200)? == act().await?.json(200)?);
    ensure!(actions(&entries(&tenant.api).await?) == ["integrations.stop", "integrations.create"]);
    Ok(())
}

#[tokio::test]
async fn a_refusal_that_stops_an_integration_is_recorded() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let code = Arc::new(AtomicU16::new(400));
    let current = Arc::clone(&code);
    let answer = move |_: &Post, _| status(StatusCode::from_u16(current.load(Ordering::Relaxed)).unwrap_or_default());
    let inbox = Inbox::answering(answer).await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let id = tenant.publish("a.b", 0..1).await?.remove(0);
    let retry = format!("/v1/integrations/hook/rejected_events/{id}/_retry");
    eventually("it is rejected", SOON, async || {
        let list = tenant.api.get("/v1/integrations/hook/rejected_events").await?.json(200)?;
        Ok((list["rejected_events"][0]["id"] == id.as_str()).then_some(()))
    })
    .await?;
    tenant.api.act(&retry).await?.error(502, "delivery_failed")?;
    ensure!(actions(&entries(&tenant.api).await?) == ["integrations.create"], "it changed nothing");
    code.store(410, Ordering::Relaxed);
    let gone = tenant.api.act(&retry).await?;
    let error = gone.error(502, "delivery_failed")?;
    ensure!(error["details"][0]["status"] == 410, "{error}");
    ensure!(tenant.api.get("/v1/integrations/hook").await?.json(200)?["status"] == "stopped");
    let log = entries(&tenant.api).await?;
    ensure!(actions(&log) == ["rejected_events.retry", "integrations.create"], "{log:?}");
    ensure!(log[0]["entity_id"] == id.as_str() && log[0]["details"]["id"] == "hook", "{}", log[0]);
    ensure!(log[0]["details"]["integration_status"] == "stopped", "{}", log[0]);
    ensure!(log[0]["details"]["request_id"] == gone.header("x-request-id"), "{}", log[0]);
    Ok(())
}

#[tokio::test]
async fn each_environment_and_tenant_has_its_own() -> Result<()> {
    let world = shared().await;
    let (tenant, other) = (world.tenant().await?, world.tenant().await?);
    tenant.webhook("live", "http://127.0.0.1:9/").await?;
    let body = json!({"id": "test", "integration_type": "permanent", "callback_parameters": {"callback_url": "http://127.0.0.1:9/"}});
    tenant.api.sandbox().post("/v1/integrations", &body).await?.json(200)?;
    let ids = async |api: &Api| -> Result<Vec<Value>> {
        Ok(entries(api).await?.iter().map(|entry| entry["entity_id"].clone()).collect())
    };
    ensure!(ids(&tenant.api).await? == ["live"] && ids(&tenant.api.sandbox()).await? == ["test"]);
    ensure!(ids(&other.api).await?.is_empty() && ids(&other.api.sandbox()).await?.is_empty());
    let reader = world.limited(&tenant, "integrations:read integrations:write events:read").await?;
    ensure!(reader.get(PATH).await?.error(403, "insufficient_scope")?["details"][0]["scope"] == "admin");
    Ok(())
}

#[tokio::test]
async fn pages_meet_without_a_gap() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    tenant.webhook("hook", "http://127.0.0.1:9/").await?;
    for _ in 0..6 {
        tenant.stop("hook").await?;
    }
    let all = entries(&tenant.api).await?;
    ensure!(all.len() == 7);
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = tenant.api.get(&format!("{PATH}?limit=3{cursor}")).await?.json(200)?;
        pages.extend(page["entries"].as_array().context("a list")?.clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        ensure!(pages.len() % 3 == 0 && pages.len() <= all.len());
        cursor = format!("&cursor={next}");
    }
    ensure!(pages == all, "{pages:?}");
    ensure!(
        tenant.api.get(&format!("{PATH}?limit=7")).await?.json(200)?["next_cursor"].is_null(),
        "an empty last page"
    );
    for bad in ["limit=0", "limit=501", "cursor=x", "cursor=YQ", "nothing=1"] {
        ensure!(tenant.api.get(&format!("{PATH}?{bad}")).await?.pointers()?.len() == 1, "{bad}");
    }
    Ok(())
}
