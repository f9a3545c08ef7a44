//! Retries hours apart: one record each, whatever the queue can delay, on a clock that the test moves.

use anyhow::{Result, ensure};
use axum::http::StatusCode;
use serde_json::json;
use sluice::ports::Clock;
use sluice_local::receiver::status;

use crate::support::{Ahead, Inbox, SOON, World, eventually, quiet};

/// Ten delays as in the contract; those that the queue itself would delay are shorter, for its clock is the machine's, and
/// 20 minutes are beyond the queue even with a fifth less.
const RETRIES: &str = "0s,1s,20m,30m,2h,5h,10h,14h,20h,24h";
/// The delays after each attempt, in hours.
const HOURS: [f64; 10] = [0.0, 0.0, 0.334, 0.5, 2.0, 5.0, 10.0, 14.0, 20.0, 24.0];

#[tokio::test]
async fn a_dead_delivery_takes_all_ten_delays() -> Result<()> {
    let clock = Ahead::default();
    let world = World::on_clock(&[("SLUICE_RETRY_WEBHOOK", RETRIES)], clock.clone()).await?;
    let tenant = world.tenant().await?;
    let inbox = Inbox::answering(|_, _| status(StatusCode::BAD_GATEWAY)).await?;
    let wanted = json!({"name": "ERP", "url": inbox.url(), "events": ["a.b"]});
    let made = tenant.api.post("/v1/webhooks/subscriptions", &wanted).await?.json(201)?;
    let event = tenant.publish("a.b", 0..1).await?.remove(0);
    let scope = tenant.scope();
    let scheduled = &world.system.app.stores.scheduled;
    for (place, hours) in HOURS.into_iter().enumerate() {
        inbox.wait_for(place + 1).await?;
        if hours == 0.0 {
            continue;
        }
        let wake_ups = eventually("one record waits", SOON, async || {
            let ours: Vec<_> = scheduled.wake_ups().await?.into_iter().filter(|one| one.scope == scope).collect();
            // While a worker is at it, it says when to look again.
            let rests = ours.len() == 1 && ours[0].at.since(clock.now()).as_secs_f64() > 0.75 * hours * 3_600.0;
            Ok(rests.then_some(ours))
        });
        let due = wake_ups.await?[0].at.since(clock.now()).as_secs_f64() / 3_600.0;
        ensure!(due < 1.25 * hours, "attempt {place}: due in {due} h");
        // Almost there, and nothing has come.
        clock.by(0.7 * hours);
        ensure!(inbox.len() == place + 1, "{} requests before it is due", inbox.len());
        clock.by(0.6 * hours);
    }
    let posts = inbox.wait_for(11).await?;
    ensure!(posts.iter().all(|post| post.id() == event), "the same webhook-id each time");
    let dead = eventually("it is dead", SOON, async || {
        let page = tenant.api.get("/v1/transactions?status=dead").await?.json(200)?;
        Ok(page["transactions"].get(0).cloned())
    });
    ensure!(dead.await?["attempt_count"] == 11, "eleven attempts");
    let gone = async || Ok(scheduled.wake_ups().await?.iter().all(|one| one.scope != scope).then_some(()));
    eventually("nothing waits any more", SOON, gone).await?;

    // What waits when a subscription is deleted goes with it.
    tenant.publish("a.b", 1..2).await?;
    inbox.wait_for(14).await?;
    let waiting = async || Ok(scheduled.wake_ups().await?.iter().any(|one| one.scope == scope).then_some(()));
    eventually("one waits", SOON, waiting).await?;
    let path = format!("/v1/webhooks/subscriptions/{}", made["id"].as_str().unwrap_or_default());
    tenant.api.delete(&path).await?.empty(204)?;
    ensure!(scheduled.wake_ups().await?.iter().all(|one| one.scope != scope), "no wake-up is left");
    clock.by(1.0);
    quiet(|| inbox.len()).await?;
    ensure!(inbox.len() == 14, "it was sent after all");
    world.stop().await;
    Ok(())
}
