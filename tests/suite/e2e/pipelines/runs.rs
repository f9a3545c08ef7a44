//! Runs: everything once, then what changed; retried, cancelled, given up; a window, a dry run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::configuration::put;
use super::{finished, mapping, pipeline, start, sync};
use crate::support::shop::order;
use crate::support::{Api, SOON, Shop, eventually, shared};

fn counts(run: &Value) -> [u64; 4] {
    ["total", "success", "failed", "skipped"].map(|name| run["counts"][name].as_u64().unwrap_or(u64::MAX))
}

async fn cursor(api: &Api, instance: &str) -> Result<Value> {
    let run = sync(api, instance, json!({})).await?;
    ensure!(run["status"] == "succeeded", "{run}");
    Ok(run)
}

#[tokio::test]
async fn everything_is_read_once_and_then_what_changed() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let (from, to) = (Shop::open(180).await?, Shop::open(0).await?);
    let instance = pipeline(&tenant.api, &from, &to, json!({})).await?;
    let run = sync(&tenant.api, &instance, json!({})).await?;
    ensure!(run["status"] == "succeeded" && run["stage"] == "finalize", "{run}");
    ensure!(counts(&run) == [180, 180, 0, 0], "{run}");
    ensure!(to.kept().len() == 180 && to.writes() == 180);
    let first = to.kept().remove("7").context("order 7")?;
    let wanted = json!({
        "DocType": "dDocument_Items", "NumAtCard": "7", "DocTotal": "7.10",
        "DocumentLines": [{"ItemCode": "sku-7"}],
    });
    ensure!(first == wanted, "{first}");
    ensure!(from.reads().iter().all(|path| path.contains("status=any")), "{:?}", from.reads());

    // Records of the cursor's second, and of the overlap, come again.
    let again = cursor(&tenant.api, &instance).await?;
    ensure!(counts(&again)[0] <= 2 && counts(&again)[0] >= 1, "{again}");
    // A new one of the same second is not lost.
    let mut late = order(181);
    late["updated_at"] = order(180)["updated_at"].clone();
    from.put(late);
    from.put(order(200));
    let later = cursor(&tenant.api, &instance).await?;
    ensure!(to.kept().contains_key("181") && to.kept().contains_key("200"), "{later}");
    ensure!(counts(&later)[0] <= 4, "{later}");
    Ok(())
}

#[tokio::test]
async fn the_cursor_is_reset_or_left_alone() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let (from, to) = (Shop::open(60).await?, Shop::open(0).await?);
    let instance = pipeline(api, &from, &to, json!({})).await?;
    // A part of it, with the cursor where it was: nowhere.
    let window = json!({"window": {"from": "2026-01-01T00:00:55Z"}});
    ensure!(counts(&sync(api, &instance, window).await?)[0] <= 7);
    let some = json!({"maxEntities": 20});
    ensure!(counts(&sync(api, &instance, some).await?)[0] == 20);
    let dry = sync(api, &instance, json!({"dryRun": true})).await?;
    ensure!(counts(&dry) == [60, 60, 0, 0] && dry["samples"].as_array().map(Vec::len) == Some(10), "{dry}");
    ensure!(to.writes() < 30, "a dry run writes nothing: {}", to.writes());
    ensure!(counts(&cursor(api, &instance).await?)[0] == 60);
    ensure!(counts(&cursor(api, &instance).await?)[0] <= 2);
    ensure!(counts(&sync(api, &instance, json!({"mode": "fullSync"})).await?)[0] == 60);
    ensure!(counts(&cursor(api, &instance).await?)[0] <= 2);
    ensure!(counts(&sync(api, &instance, json!({"mode": "resetCursor"})).await?)[0] == 60);
    let ids = json!({"sourceIds": ["3", "5"]});
    ensure!(counts(&sync(api, &instance, ids).await?)[0] == 2);
    Ok(())
}

#[tokio::test]
async fn a_busy_source_is_asked_again() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let refuse = |_: &_, number: usize| match number {
        1 => Some(StatusCode::TOO_MANY_REQUESTS),
        2 => Some(StatusCode::BAD_GATEWAY),
        _ => None,
    };
    let (from, to) = (Shop::refusing(120, refuse).await?, Shop::open(0).await?);
    let instance = pipeline(&tenant.api, &from, &to, json!({})).await?;
    let run = sync(&tenant.api, &instance, json!({})).await?;
    ensure!(run["status"] == "succeeded" && counts(&run) == [120, 120, 0, 0], "{run}");
    ensure!(to.writes() == 120, "each once");
    Ok(())
}

#[tokio::test]
async fn a_target_that_asks_for_fewer_requests_gets_all_in_the_end() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    // Every 40th request is one too many.
    let refuse = |_: &_, number: usize| (number % 40 == 39).then_some(StatusCode::TOO_MANY_REQUESTS);
    let (from, to) = (Shop::open(120).await?, Shop::refusing(0, refuse).await?);
    let instance = pipeline(&tenant.api, &from, &to, json!({})).await?;
    let run = sync(&tenant.api, &instance, json!({})).await?;
    ensure!(run["status"] == "succeeded" && counts(&run) == [120, 120, 0, 0], "{run}");
    ensure!(to.kept().len() == 120);
    Ok(())
}

#[tokio::test]
async fn what_the_target_refuses_is_a_dead_letter_and_the_run_goes_on() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let refuse = |received: &sluice_local::receiver::Received, _: usize| match received.path.as_str() {
        "/kept/3" => Some(StatusCode::UNPROCESSABLE_ENTITY),
        _ => None,
    };
    let (from, to) = (Shop::open(60).await?, Shop::refusing(0, refuse).await?);
    let mut unfit = order(61);
    unfit["total_price"] = json!("much");
    from.put(unfit);
    let instance = pipeline(&tenant.api, &from, &to, json!({})).await?;
    let run = sync(&tenant.api, &instance, json!({})).await?;
    ensure!(run["status"] == "partialSuccess" && counts(&run) == [61, 59, 2, 0], "{run}");
    let errors = run["errors"].as_array().context("errors")?;
    let stages: Vec<&str> = errors.iter().filter_map(|error| error["stage"].as_str()).collect();
    ensure!(errors.len() == 2 && stages.contains(&"normalize") && stages.contains(&"execute"), "{run}");
    let letter = errors.iter().find(|error| error["stage"] == "normalize").context("an error")?;
    let id = letter["deadLetterId"].as_str().context("a dead letter")?;
    let letter = tenant.api.get(&format!("/v1/dlq/{id}")).await?.json(200)?;
    ensure!(letter["field"] == "total" && letter["category"] == "permanent", "{letter}");
    ensure!(letter["value"].as_str().is_some_and(|value| value.contains("much")), "{letter}");
    Ok(())
}

#[tokio::test]
async fn too_many_errors_end_a_run_and_its_cursor_stays() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let refuse = |_: &_, _: usize| Some(StatusCode::UNPROCESSABLE_ENTITY);
    let (from, to) = (Shop::open(200).await?, Shop::refusing(0, refuse).await?);
    let instance = pipeline(&tenant.api, &from, &to, json!({"maxErrors": 10})).await?;
    let run = sync(&tenant.api, &instance, json!({})).await?;
    ensure!(run["status"] == "failed" && counts(&run)[0] < 200, "{run}");
    ensure!(run["reason"].as_str().is_some_and(|reason| reason.contains("too many")), "{run}");
    Ok(())
}

#[tokio::test]
async fn a_run_is_cancelled() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let (from, to) = (Shop::open(4_000).await?, Shop::open(0).await?);
    let instance = pipeline(&tenant.api, &from, &to, json!({})).await?;
    let run = start(&tenant.api, &instance, json!({})).await?;
    eventually("it has begun", SOON, async || Ok((to.writes() > 50).then_some(()))).await?;
    let cancelled = tenant.api.act(&format!("/v1/sync-events/{run}/cancel")).await?.json(200)?;
    ensure!(cancelled["status"] == "cancelled", "{cancelled}");
    let writes = crate::support::quiet(|| to.writes()).await?;
    ensure!(writes < 4_000, "{writes} were written");
    ensure!(finished(&tenant.api, &run).await?["status"] == "cancelled");
    tenant.api.act("/v1/sync-events/none/cancel").await?.error(404, "not_found")?;
    Ok(())
}

#[tokio::test]
async fn a_source_that_breaks_fails_the_run_and_says_why() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let broken = Arc::new(AtomicBool::new(true));
    let now = Arc::clone(&broken);
    let refuse =
        move |_: &_, number: usize| (now.load(Ordering::Relaxed) && number > 0).then_some(StatusCode::UNAUTHORIZED);
    let (from, to) = (Shop::refusing(120, refuse).await?, Shop::open(0).await?);
    let instance = pipeline(&tenant.api, &from, &to, json!({})).await?;
    let run = sync(&tenant.api, &instance, json!({})).await?;
    ensure!(run["status"] == "failed" && run["stage"] == "ingest", "{run}");
    ensure!(run["reason"].as_str().is_some_and(|reason| reason.contains("401")), "{run}");
    // The next run begins where this one did.
    broken.store(false, Ordering::Relaxed);
    ensure!(counts(&cursor(&tenant.api, &instance).await?)[0] == 120);
    ensure!(to.kept().len() == 120);
    Ok(())
}

#[tokio::test]
async fn a_profile_has_no_more_calls_at_once_than_it_may() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let (from, to) = (Shop::open(100).await?, Shop::open(0).await?);
    let instance = pipeline(api, &from, &to, json!({})).await?;
    let shown = api.get(&format!("/v1/instances/{instance}")).await?.json(200)?;
    let path = format!("/v1/connection-profiles/{}", shown["targetProfileId"].as_str().context("a profile")?);
    let reply = api.get(&path).await?;
    let etag = reply.header("etag").to_owned();
    let mut body = super::profile(&to.url());
    body["maxConcurrent"] = json!(1);
    put(api, &path, &etag, &body).await?.json(200)?;
    // Two runs with one call between them: both come to their end.
    let runs = [start(api, &instance, json!({})).await?, start(api, &instance, json!({})).await?];
    let seen: Mutex<Vec<Value>> = Mutex::default();
    for run in &runs {
        let run = finished(api, run).await?;
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(run);
    }
    let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    ensure!(seen.iter().all(|run| run["status"] == "succeeded"), "{seen:?}");
    ensure!(to.kept().len() == 100);
    Ok(())
}

#[tokio::test]
async fn a_run_needs_an_active_instance() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let (from, to) = (Shop::open(1).await?, Shop::open(0).await?);
    let instance = pipeline(api, &from, &to, json!({"active": false})).await?;
    let event = json!({"instanceId": instance, "entityType": "order"});
    api.post("/v1/sync-events", &event).await?.error(409, "instance_inactive")?;
    let active = api.act(&format!("/v1/instances/{instance}/activate")).await?.json(200)?;
    ensure!(active["effectiveStatus"] == "active", "{active}");
    let bad = json!({"instanceId": instance, "entityType": "product", "batchSize": 0, "maxEntities": 0});
    ensure!(api.post("/v1/sync-events", &bad).await?.pointers()? == ["/maxEntities", "/batchSize"]);
    let other = json!({"instanceId": instance, "entityType": "product"});
    ensure!(api.post("/v1/sync-events", &other).await?.pointers()? == ["/entityType"]);
    let nobody = json!({"instanceId": "ins_none", "entityType": "order"});
    ensure!(api.post("/v1/sync-events", &nobody).await?.pointers()? == ["/instanceId"]);
    ensure!(mapping()["entityType"] == "order");
    let logs = api.get("/v1/sync-logs?pageSize=1").await?.json(200)?;
    ensure!(logs["total"] == 0 && logs["items"] == json!([]), "{logs}");
    Ok(())
}
