//! Targets that hang, reset, redirect, flood or drip cost little, and slow nobody else down.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;

use crate::support::target::{Manner, Target};
use crate::support::{Inbox, SOON, World, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_get_everything_meanwhile() -> Result<()> {
    let world = World::start(&[("SLUICE_REQUEST_TIMEOUT_SECONDS", "4"), ("SLUICE_RETRY_STREAM", "1s,1s,30s")]).await?;
    let (good, bad) = (world.tenant().await?, world.tenant().await?);
    let manners = [Manner::Hang, Manner::Reset, Manner::Redirect, Manner::Flood, Manner::Drip, Manner::Nonsense];
    let mut targets: Vec<(Manner, Target)> = Vec::new();
    for (n, manner) in manners.into_iter().enumerate() {
        let target = Target::start(manner).await?;
        bad.webhook_with(&format!("bad-{n}"), json!({"callback_url": target.url, "timeout_seconds": 2}), json!({}))
            .await?;
        targets.push((manner, target));
    }
    // Nobody listens there at all.
    bad.webhook("refused", "http://127.0.0.1:9/").await?;
    let (same, other) = (Inbox::open().await?, Inbox::open().await?);
    bad.webhook("healthy", &same.url()).await?;
    good.webhook("healthy", &other.url()).await?;

    bad.publish("order.created", 0..400).await?;
    eventually("each bad target was tried", SOON, async || {
        Ok(targets.iter().all(|(_, target)| target.requests() > 0).then_some(()))
    })
    .await?;
    let begun = Instant::now();
    let ids = good.publish("order.created", 0..500).await?;
    other.exactly(&ids).await?;
    let took = begun.elapsed();
    ensure!(took < Duration::from_secs(12), "another tenant waited {took:?}");
    same.wait_for(400).await?;

    // Each failure is in its integration's log, in words that tell nothing of the inside.
    for n in 0..manners.len() {
        let id = format!("bad-{n}");
        let log = eventually("a retry", SOON, async || {
            let log = bad.log(&id).await?;
            Ok(log.iter().any(|(action, _)| action == "retry_triggered").then_some(log))
        });
        for (_, reason) in log.await? {
            // The target's own URL is named, as its user wrote it; nothing else of the machine is.
            let told = reason.split_once(" failed. Reason: ").map_or(reason.as_str(), |(_, told)| told);
            ensure!(!told.contains("127.0.0.1") && !told.contains("os error"), "{reason}");
        }
    }
    let begun = Instant::now();
    world.stop().await;
    ensure!(begun.elapsed() < Duration::from_secs(30), "stopping took {:?}", begun.elapsed());
    Ok(())
}
