//! Dead letters: records and deliveries in one list, sent again, edited, given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use serde_json::{Value, json};
use sluice_local::receiver::status;

use super::{finished, pipeline, sync};
use crate::support::shop::order;
use crate::support::{Api, Inbox, SOON, Shop, World, eventually, shared};

async fn list(api: &Api, query: &str) -> Result<Vec<Value>> {
    let page = api.get(&format!("/v1/dlq?pageSize=100{query}")).await?.json(200)?;
    let items = page["items"].as_array().context("items")?.clone();
    ensure!(page["total"] == items.len(), "{page}");
    Ok(items)
}

fn text(value: &Value, name: &str) -> Result<String> {
    Ok(value[name].as_str().with_context(|| format!("{name} of {value}"))?.to_owned())
}

/// A shop that takes nothing until it is told to.
async fn closed() -> Result<(Shop, Arc<AtomicBool>)> {
    let works = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&works);
    let refuse = move |_: &_, _: usize| (!now.load(Ordering::Relaxed)).then_some(StatusCode::UNPROCESSABLE_ENTITY);
    Ok((Shop::refusing(0, refuse).await?, works))
}

#[tokio::test]
async fn a_record_is_sent_again_once() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let (to, works) = closed().await?;
    let from = Shop::open(3).await?;
    let instance = pipeline(api, &from, &to, json!({})).await?;
    ensure!(sync(api, &instance, json!({})).await?["counts"]["failed"] == 3);
    let letters = list(api, "&status=pending&category=permanent").await?;
    ensure!(letters.len() == 3 && letters[0]["payload"] == Value::Null, "{letters:?}");
    works.store(true, Ordering::Relaxed);
    let path = format!("/v1/dlq/{}", text(&letters[0], "id")?);
    let before = to.writes();
    let replayed = api.act(&format!("{path}/replay")).await?.json(202)?;
    let run = finished(api, &text(&replayed, "correlationId")?).await?;
    ensure!(run["status"] == "succeeded" && run["counts"]["success"] == 1, "{run}");
    ensure!(to.writes() == before + 1);
    api.act(&format!("{path}/replay")).await?.error(409, "already_replayed")?;
    api.act(&format!("{path}/discard")).await?.error(409, "already_replayed")?;
    let shown = api.get(&path).await?.json(200)?;
    ensure!(shown["status"] == "replayed" && shown["replayedBy"] == run["correlationId"], "{shown}");
    let path = format!("/v1/dlq/{}", text(&letters[1], "id")?);
    api.act(&format!("{path}/discard")).await?.empty(204)?;
    api.act(&format!("{path}/replay")).await?.error(409, "already_discarded")?;
    ensure!(list(api, "&status=pending").await?.len() == 1);
    api.act("/v1/dlq/none/replay").await?.error(404, "not_found")?;
    Ok(())
}

#[tokio::test]
async fn a_record_is_put_right_and_sent_again() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let (from, to) = (Shop::open(0).await?, Shop::open(0).await?);
    let mut unfit = order(1);
    unfit["total_price"] = json!("much");
    from.put(unfit);
    let instance = pipeline(api, &from, &to, json!({})).await?;
    sync(api, &instance, json!({})).await?;
    let letter = list(api, "").await?.remove(0);
    ensure!(letter["stage"] == "normalize", "{letter}");
    let path = format!("/v1/dlq/{}", text(&letter, "id")?);
    let body = json!({"payload": order(1)});
    let replayed = api.post(&format!("{path}/replay"), &body).await?.json(202)?;
    finished(api, &text(&replayed, "correlationId")?).await?;
    ensure!(to.kept()["1"]["DocTotal"] == "1.10", "{:?}", to.kept());
    Ok(())
}

#[tokio::test]
async fn many_are_counted_and_sent_again() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let (to, works) = closed().await?;
    let from = Shop::open(230).await?;
    let instance = pipeline(api, &from, &to, json!({})).await?;
    ensure!(sync(api, &instance, json!({})).await?["counts"]["failed"] == 230);
    works.store(true, Ordering::Relaxed);
    let counted = api.post("/v1/dlq/replay", &json!({"dryRun": true, "instanceId": instance})).await?.json(202)?;
    ensure!(counted == json!({"count": 230, "runs": []}), "{counted}");
    let started = api.post("/v1/dlq/replay", &json!({"category": "permanent"})).await?.json(202)?;
    ensure!(started["count"] == 230 && started["runs"][0]["count"] == 230, "{started}");
    let run = finished(api, &text(&started["runs"][0], "correlationId")?).await?;
    ensure!(run["status"] == "succeeded" && run["counts"]["success"] == 230, "{run}");
    ensure!(to.kept().len() == 230);
    ensure!(api.get("/v1/dlq?status=pending").await?.json(200)?["total"] == 0);
    Ok(())
}

#[tokio::test]
async fn deliveries_stand_in_the_same_list() -> Result<()> {
    let world = World::start(&[("SLUICE_RETRY_STREAM", ""), ("SLUICE_SUSPEND_AFTER_FAILURES", "1000")]).await?;
    let tenant = world.tenant().await?;
    let api = &tenant.api;
    let works = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&works);
    let inbox = Inbox::answering(move |_, _| {
        status(if now.load(Ordering::Relaxed) { StatusCode::OK } else { StatusCode::BAD_GATEWAY })
    });
    let inbox = inbox.await?;
    tenant.webhook("erp", &inbox.url()).await?;
    tenant.publish("a.b", 0..3).await?;
    let dead = async || Ok(Some(list(api, "").await?).filter(|letters| letters.len() == 3));
    let letters = eventually("three dead letters", SOON, dead).await?;
    ensure!(letters.iter().all(|letter| letter["kind"] == "delivery" && letter["category"] == "transient"));
    ensure!(list(api, "&kind=record").await?.is_empty() && list(api, "&category=permanent").await?.is_empty());
    works.store(true, Ordering::Relaxed);
    let path = format!("/v1/dlq/{}", text(&letters[0], "id")?);
    api.act(&format!("{path}/replay")).await?.json(202)?;
    inbox.wait_for(4).await?;
    api.act(&format!("{path}/replay")).await?.error(409, "already_replayed")?;
    let path = format!("/v1/dlq/{}", text(&letters[1], "id")?);
    api.act(&format!("{path}/discard")).await?.empty(204)?;
    api.act(&format!("{path}/discard")).await?.error(409, "already_discarded")?;
    ensure!(api.get(&path).await?.json(200)?["status"] == "discarded");
    ensure!(list(api, "&status=pending").await?.len() == 1);
    let started = api.post("/v1/dlq/replay", &json!({"kind": "delivery"})).await?.json(202)?;
    ensure!(started["count"].as_u64() >= Some(1), "{started}");
    eventually("none is left", SOON, async || Ok(list(api, "&status=pending").await?.is_empty().then_some(()))).await?;
    world.stop().await;
    Ok(())
}
