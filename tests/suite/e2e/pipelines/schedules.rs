//! Schedules: each due time has one run, on a clock that the test moves.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sluice::deadline::Deadline;
use sluice::domain::time::Millis;
use sluice::ports::Clock;

use super::{make, pipeline};
use crate::support::{Ahead, Api, SOON, Shop, World, eventually, shared};

async fn runs(api: &Api) -> Result<Vec<Value>> {
    let logs = api.get("/v1/sync-logs?pageSize=100").await?.json(200)?;
    Ok(logs["items"].as_array().context("items")?.clone())
}

#[tokio::test]
async fn a_due_time_has_one_run() -> Result<()> {
    let clock = Ahead::default();
    let world = World::on_clock(&[], clock.clone()).await?;
    let tenant = world.tenant().await?;
    let api = &tenant.api;
    let (from, to) = (Shop::open(3).await?, Shop::open(0).await?);
    let instance = pipeline(api, &from, &to, json!({})).await?;
    let schedule =
        json!({"instanceId": instance, "entityType": "order", "cron": "0 * * * *", "timeZone": "Europe/Berlin"});
    let made = make(api, "/v1/schedules", &schedule).await?;
    let path = format!("/v1/schedules/{made}");
    let shown = api.get(&path).await?.json(200)?;
    ensure!(shown["lastRun"] == Value::Null && shown["nextRun"].is_string(), "{shown}");
    for number in 1..=2 {
        clock.by(1.0);
        let tick = async || {
            // Ticks that come twice change nothing.
            world.system.app.engine.tick.run(Deadline::after(SOON)).await?;
            world.system.app.engine.tick.run(Deadline::after(SOON)).await?;
            Ok((runs(api).await?.iter().filter(|run| run["status"] == "succeeded").count() == number).then_some(()))
        };
        eventually("its run", SOON, tick).await?;
    }
    let all = runs(api).await?;
    ensure!(all.len() == 2 && all.iter().all(|run| run["trigger"] == "schedule"), "{all:?}");
    ensure!(all.iter().all(|run| run["scheduleId"] == made.as_str()), "{all:?}");
    let shown = api.get(&path).await?.json(200)?;
    ensure!(shown["lastCorrelationId"] == all[0]["correlationId"], "{shown}");
    ensure!(shown["lastRun"].as_str() < shown["nextRun"].as_str(), "{shown}");
    // What was due while nothing worked is made up for once.
    clock.by(10.0);
    let caught = async || {
        world.system.app.engine.tick.run(Deadline::after(SOON)).await?;
        Ok((runs(api).await?.len() == 3).then_some(()))
    };
    eventually("one run for ten hours", SOON, caught).await?;
    let shown = api.get(&path).await?.json(200)?;
    let next: Millis = shown["nextRun"].as_str().context("a time")?.parse()?;
    ensure!(next > clock.now(), "{shown}");
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn expressions_and_zones_are_checked_and_previewed() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let (from, to) = (Shop::open(0).await?, Shop::open(0).await?);
    let instance = pipeline(api, &from, &to, json!({})).await?;
    let long = format!("{}0 * * * *", "0,".repeat(110));
    for cron in
        ["@daily", "0 0 31 2 *", "* * * * * *", "0 0 L * *", "0 0 1W * *", "0 0 * * 1#2", "? * * * *", "", &long]
    {
        let schedule = json!({"instanceId": instance, "entityType": "order", "cron": cron});
        ensure!(api.post("/v1/schedules", &schedule).await?.pointers()? == ["/cron"], "{cron}");
    }
    for zone in ["Berlin", "+02:00", "europe/berlin", ""] {
        let schedule = json!({"instanceId": instance, "entityType": "order", "cron": "0 0 * * *", "timeZone": zone});
        ensure!(api.post("/v1/schedules", &schedule).await?.pointers()? == ["/timeZone"], "{zone}");
    }
    let nobody = json!({"instanceId": instance, "entityType": "product", "cron": "0 0 * * *"});
    ensure!(api.post("/v1/schedules", &nobody).await?.pointers()? == ["/entityType"]);
    let preview = "cron=30%202%20*%20*%20*&timeZone=Europe/Berlin&count=3&after=2026-03-27T12:00:00Z";
    let shown = api.get(&format!("/v1/schedules/preview?{preview}")).await?.json(200)?;
    // On the 29th there is no 02:30: it runs at the first instant after the gap.
    let wanted = json!(["2026-03-28T01:30:00.000Z", "2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z"]);
    ensure!(shown["runs"] == wanted, "{shown}");
    ensure!(api.get("/v1/schedules/preview?cron=0%200%20*%20*%20*&count=0").await?.pointers()? == ["?count"]);
    Ok(())
}
