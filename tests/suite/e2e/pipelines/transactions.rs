//! Records as transactions: found like deliveries, one transaction whatever was tried; and events within the quota.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::real::to_events;
use super::{finished, pipeline, start, sync};
use crate::support::shop::order;
use crate::support::{Api, SOON, Shop, World, eventually, shared};

async fn transactions(api: &Api, query: &str) -> Result<Vec<Value>> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/v1/transactions?limit=100{query}{cursor}")).await?.json(200)?;
        all.extend(page["transactions"].as_array().context("transactions")?.iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { return Ok(all) };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn each_record_of_a_run_is_a_transaction() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let (from, to) = (Shop::open(230).await?, Shop::open(0).await?);
    let mut unfit = order(1_000);
    unfit["total_price"] = json!("much");
    from.put(unfit);
    let instance = pipeline(api, &from, &to, json!({})).await?;
    ensure!(sync(api, &instance, json!({"dryRun": true})).await?["counts"]["success"] == 230);
    ensure!(transactions(api, "").await?.is_empty(), "a dry run leaves nothing behind");
    sync(api, &instance, json!({})).await?;
    let all = transactions(api, "").await?;
    ensure!(all.len() == 231, "{}", all.len());
    let delivered = transactions(api, "&status=delivered&document_type=order&direction=outbound").await?;
    let ids: std::collections::BTreeSet<&str> = delivered.iter().filter_map(|one| one["event_id"].as_str()).collect();
    ensure!(ids.len() == 230, "{}", ids.len());
    let route = json!({"type": "pipeline", "id": instance});
    ensure!(delivered.iter().all(|one| one["route"] == route && one["event_name"] == "order"), "{}", delivered[0]);
    let rejected = transactions(api, "&status=rejected").await?;
    ensure!(rejected.len() == 1 && rejected[0]["event_id"] == "1000", "{rejected:?}");
    ensure!(transactions(api, "&direction=inbound").await?.is_empty());
    ensure!(transactions(api, "&document_type=invoice").await?.is_empty());
    for one in [&delivered[0], &delivered[229], &rejected[0]] {
        let shown = api.get(&format!("/v1/transactions/{}", one["id"].as_str().context("an id")?)).await?.json(200)?;
        ensure!(shown["attempts"].as_array().is_some_and(|attempts| attempts.len() == 1), "{shown}");
        let retry = format!("/v1/transactions/{}/retry", one["id"].as_str().context("an id")?);
        api.act(&retry).await?.error(409, "transaction_of_record")?;
    }
    let letters = api.get("/v1/dlq").await?.json(200)?;
    ensure!(letters["total"] == 1 && letters["items"][0]["kind"] == "record", "{letters}");
    Ok(())
}

#[tokio::test]
async fn what_is_sent_again_is_the_same_transaction() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let works = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&works);
    let refuse = move |_: &_, _: usize| (!now.load(Ordering::Relaxed)).then_some(StatusCode::UNPROCESSABLE_ENTITY);
    let (from, to) = (Shop::open(0).await?, Shop::refusing(0, refuse).await?);
    let instance = pipeline(api, &from, &to, json!({})).await?;
    let sent = api.post(&format!("/v1/inbound/{instance}"), &order(7)).await?.json(202)?;
    finished(api, sent["correlationId"].as_str().context("a run")?).await?;
    let inbound = transactions(api, "&direction=inbound").await?;
    ensure!(inbound.len() == 1 && inbound[0]["status"] == "rejected", "{inbound:?}");
    works.store(true, Ordering::Relaxed);
    let letter = api.get("/v1/dlq").await?.json(200)?["items"][0].clone();
    ensure!(letter["transactionId"] == inbound[0]["id"], "{letter}");
    let replay = format!("/v1/dlq/{}/replay", letter["id"].as_str().context("an id")?);
    let replayed = api.act(&replay).await?.json(202)?;
    finished(api, replayed["correlationId"].as_str().context("a run")?).await?;
    let inbound = transactions(api, "&direction=inbound&status=delivered").await?;
    ensure!(inbound.len() == 1 && inbound[0]["attempt_count"] == 2, "{inbound:?}");
    ensure!(transactions(api, "").await?.len() == 1 && inbound[0]["id"] == letter["transactionId"], "{inbound:?}");
    let shown = api.get(&format!("/v1/transactions/{}", inbound[0]["id"].as_str().context("an id")?)).await?;
    let statuses: Vec<Value> =
        shown.json(200)?["attempts"].as_array().context("attempts")?.iter().map(|one| one["status"].clone()).collect();
    ensure!(statuses == ["rejected", "delivered"], "{statuses:?}");
    Ok(())
}

#[tokio::test]
async fn records_that_become_events_keep_to_the_quota_of_a_day() -> Result<()> {
    let world = World::start(&[("SLUICE_EVENTS_PER_DAY", "120")]).await?;
    let tenant = world.tenant().await?;
    let api = &tenant.api;
    let from = Shop::open(150).await?;
    let instance = to_events(api, &from).await?;
    let run = start(api, &instance, json!({"batchSize": 50})).await?;
    let stopped = eventually("the quota is used up", SOON, async || {
        let run = api.get(&format!("/v1/sync-events/{run}")).await?.json(200)?;
        Ok((run["counts"]["success"] == 100).then_some(run))
    });
    // Those beyond the quota are no dead letters: they wait.
    let stopped = stopped.await?;
    ensure!(stopped["status"] == "running" && stopped["counts"]["failed"] == 0, "{stopped}");
    let batch: Vec<Value> = (0..21).map(|n| json!({"name": "a.b", "payload": {"n": n}})).collect();
    api.publish(&json!({"events": batch})).await?.error(429, "quota_exceeded")?;
    world.operator()?.patch(&format!("/v1/tenants/{}", tenant.id), &json!({"events_per_day": 0})).await?.json(200)?;
    let cancelled = api.act(&format!("/v1/sync-events/{run}/cancel")).await?;
    ensure!(cancelled.status < 300, "{}", cancelled.status);
    let run = sync(api, &instance, json!({})).await?;
    ensure!(run["counts"]["total"] == 150 && run["counts"]["success"] == 50, "{run}");
    world.stop().await;
    Ok(())
}
