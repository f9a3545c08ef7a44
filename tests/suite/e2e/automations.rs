//! Automations: a run is followed to its end, counts before it sends, and goes on after a crash.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use serde_json::{Value, json};
use sluice_local::receiver::status;

use crate::support::{Api, Inbox, SOON, World, eventually, shared};

async fn start(api: &Api, workflow: &str, parameters: Value) -> Result<String> {
    let body = json!({"workflow": workflow, "parameters": parameters});
    let started = api.post("/v1/automations/run", &body).await?.json(202)?;
    ensure!(started["status"] == "queued", "{started}");
    Ok(started["run_id"].as_str().context("a run_id")?.to_owned())
}

async fn finished(api: &Api, run: &str) -> Result<Value> {
    let over = ["succeeded", "failed", "cancelled"];
    eventually("the run is over", SOON, async || {
        let run = api.get(&format!("/v1/automations/runs/{run}")).await?.json(200)?;
        Ok(over.iter().any(|status| run["status"] == *status).then_some(run))
    })
    .await
}

async fn count(api: &Api, query: &str, wanted: usize) -> Result<()> {
    eventually(query, SOON, async || {
        let page = api.get(&format!("/v1/transactions{query}")).await?.json(200)?;
        Ok((page["transactions"].as_array().map_or(0, Vec::len) == wanted).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_replay_counts_first_and_then_sends() -> Result<()> {
    let world = World::start(&[("SLUICE_RETRY_STREAM", ""), ("SLUICE_SUSPEND_AFTER_FAILURES", "1000")]).await?;
    let tenant = world.tenant().await?;
    let api = &tenant.api;
    let code = Arc::new(AtomicU16::new(500));
    let answer = Arc::clone(&code);
    let inbox =
        Inbox::answering(move |_, _| status(StatusCode::from_u16(answer.load(Ordering::Relaxed)).unwrap_or_default()));
    let inbox = inbox.await?;
    tenant.webhook("erp", &inbox.url()).await?;
    let ids = tenant.publish("a.b", 0..130).await?;
    count(api, "?status=dead&limit=500", 130).await?;
    let run = start(api, "replay_transactions", json!({"status": "dead", "dry_run": true})).await?;
    let counted = finished(api, &run).await?;
    ensure!(counted["result"] == json!({"count": 130}) && inbox.len() == 130, "{counted}");

    code.store(204, Ordering::Relaxed);
    let run = start(api, "replay_transactions", json!({"status": "dead"})).await?;
    let sent = finished(api, &run).await?;
    ensure!(sent["result"] == json!({"resent": 130, "skipped": 0}), "{sent}");
    ensure!(sent["progress"]["processed"] == 130, "{sent}");
    count(api, "?status=delivered&limit=500", 130).await?;
    inbox.all(&ids).await?;

    // All of those that had arrived, too: each once.
    let before = inbox.len();
    let run = start(api, "replay_transactions", json!({"to": "2099-01-01T00:00:00.000Z"})).await?;
    ensure!(finished(api, &run).await?["result"]["resent"] == 130, "each once");
    inbox.wait_for(before + 130).await?;
    let over = api.act(&format!("/v1/automations/runs/{run}/cancel")).await?.json(200)?;
    ensure!(over["status"] == "succeeded", "what is over stays over: {over}");
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn an_invoice_is_found_by_its_number() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let inbox = Inbox::open().await?;
    tenant.webhook("erp", &inbox.url()).await?;
    for number in ["A-1", "A-2", "A-3"] {
        let payload = json!({"head": {"invoice_number": number}, "n": 1});
        api.publish(&json!({"name": "invoice.sent", "payload": payload})).await?.json(202)?;
    }
    tenant.publish("a.b", 0..3).await?;
    count(api, "?status=delivered", 6).await?;
    let run = start(api, "resend_invoice", json!({"invoice_number": "A-2"})).await?;
    let done = finished(api, &run).await?;
    ensure!(done["status"] == "succeeded" && done["result"]["resent"] == 1, "{done}");
    let again = inbox.wait_for(7).await?.remove(6);
    ensure!(again.json()?["payload"]["head"]["invoice_number"] == "A-2", "{}", again.text());

    let page = api.get("/v1/transactions?status=delivered").await?.json(200)?;
    let id = page["transactions"][0]["id"].as_str().context("a transaction")?.to_owned();
    let run = start(api, "reprocess_shipment", json!({"transaction_id": id})).await?;
    ensure!(finished(api, &run).await?["status"] == "succeeded", "by its transaction");
    inbox.wait_for(8).await?;
    let run = start(api, "reprocess_shipment", json!({"shipment_number": "none"})).await?;
    let failed = finished(api, &run).await?;
    ensure!(failed["status"] == "failed" && failed["error"].is_string(), "{failed}");
    Ok(())
}

#[tokio::test]
async fn a_subscription_recovers_what_failed() -> Result<()> {
    let world = World::start(&[("SLUICE_RETRY_WEBHOOK", "50ms")]).await?;
    let tenant = world.tenant().await?;
    let code = Arc::new(AtomicU16::new(400));
    let answer = Arc::clone(&code);
    let inbox =
        Inbox::answering(move |_, _| status(StatusCode::from_u16(answer.load(Ordering::Relaxed)).unwrap_or_default()));
    let inbox = inbox.await?;
    let wanted = json!({"name": "ERP", "url": inbox.url(), "events": ["a.b"]});
    let made = tenant.api.post("/v1/webhooks/subscriptions", &wanted).await?.json(201)?;
    let rejected = tenant.publish("a.b", 0..3).await?;
    count(&tenant.api, "?status=rejected", 3).await?;
    code.store(503, Ordering::Relaxed);
    let dead = tenant.publish("a.b", 3..5).await?;
    count(&tenant.api, "?status=dead", 2).await?;
    code.store(200, Ordering::Relaxed);
    let path = format!("/v1/webhooks/subscriptions/{}/recover", made["id"].as_str().context("an id")?);
    let run = tenant.api.post(&path, &json!({"since": "2026-01-01T00:00:00.000Z"})).await?.json(202)?;
    let done = finished(&tenant.api, run["run_id"].as_str().context("a run")?).await?;
    ensure!(done["result"] == json!({"resent": 5, "skipped": 0}), "{done}");
    inbox.all(&[rejected, dead].concat()).await?;
    count(&tenant.api, "?status=delivered", 5).await?;
    tenant.api.post(&path, &json!({})).await?.pointers()?;
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_run_is_refused() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let run = async |body: Value| tenant.api.post("/v1/automations/run", &body).await;
    let unknown = run(json!({"workflow": "format_disk"})).await?;
    ensure!(unknown.error(400, "unknown_workflow")?["details"][0]["pointer"] == "/workflow");
    for (workflow, parameters, pointer) in [
        ("resend_invoice", json!({}), "/parameters"),
        ("resend_invoice", json!({"transaction_id": "x", "invoice_number": "y"}), "/parameters"),
        ("resend_invoice", json!({"transaction_id": "x"}), "/parameters/transaction_id"),
        ("resend_invoice", json!({"invoice_number": ""}), "/parameters/invoice_number"),
        ("resend_invoice", json!({"shipment_number": "x"}), "/parameters/shipment_number"),
        ("regenerate_mdn", json!({"transaction_id": "x"}), "/parameters/transaction_id"),
        ("replay_transactions", json!({"status": "lost"}), "/parameters/status"),
        ("replay_transactions", json!({"from": "now"}), "/parameters/from"),
    ] {
        let pointers = run(json!({"workflow": workflow, "parameters": parameters})).await?.pointers()?;
        ensure!(pointers == [pointer], "{workflow} {parameters}: {pointers:?}");
    }
    let list = tenant.api.get("/v1/automations").await?.json(200)?;
    ensure!(list["automations"].as_array().is_some_and(|list| list.len() == 4), "{list}");
    tenant.api.get("/v1/automations/runs/run_1").await?.error(404, "not_found")?;
    Ok(())
}
