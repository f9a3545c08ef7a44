//! A target that fails again and again is only probed; when it answers, everything arrives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use axum::http::StatusCode;
use sluice_local::receiver::status;

use crate::support::{Inbox, SOON, Tenant, World, eventually, quiet};

const SETTINGS: [(&str, &str); 3] = [
    ("SLUICE_SUSPEND_AFTER_FAILURES", "5"),
    ("SLUICE_PROBE_DELAYS", "1s,1s,2s"),
    ("SLUICE_RETRY_STREAM", "1s,1s,1s,1s,1s,1s,1s,1s,1s,1s"),
];

/// A receiver that fails until it is told to work.
async fn broken() -> Result<(Inbox, Arc<AtomicBool>)> {
    let works = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&works);
    let answer = move |_: &_, _| {
        let works = asked.load(Ordering::Relaxed);
        status(if works { StatusCode::NO_CONTENT } else { StatusCode::SERVICE_UNAVAILABLE })
    };
    Ok((Inbox::answering(answer).await?, works))
}

async fn becomes(tenant: &Tenant, id: &str, wanted: &str) -> Result<()> {
    eventually(wanted, SOON, async || {
        let integration = tenant.api.get(&format!("/v1/integrations/{id}")).await?.json(200)?;
        Ok((integration["status"] == wanted).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_dead_target_costs_one_probe_at_a_time_and_catches_up() -> Result<()> {
    let world = World::start(&SETTINGS).await?;
    let tenant = world.tenant().await?;
    let (inbox, works) = broken().await?;
    let healthy = Inbox::open().await?;
    tenant.webhook("dead", &inbox.url()).await?;
    tenant.webhook("healthy", &healthy.url()).await?;
    let mut ids = tenant.publish("a.b", 0..40).await?;
    becomes(&tenant, "dead", "suspended").await?;

    // Whatever is published now, it gets probes alone: one event, at most one a second.
    quiet(|| inbox.len()).await?;
    let before = inbox.len();
    for n in 0..5 {
        ids.extend(tenant.publish("a.b", 100 * n + 40..100 * n + 140).await?);
    }
    healthy.exactly(&ids).await?;
    inbox.wait_for(before + 2).await?;
    let probes: Vec<_> = inbox.posts().split_off(before);
    ensure!(probes.iter().all(|post| post.id() == probes[0].id()), "a probe is the same event each time");
    let gaps = probes.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at));
    ensure!(gaps.into_iter().all(|gap| gap > Duration::from_millis(900)), "probes come too fast");

    works.store(true, Ordering::Relaxed);
    becomes(&tenant, "dead", "running").await?;
    let live = tenant.publish("a.b", 900..910).await?;
    inbox.all(&live).await?;
    inbox.all(&ids).await?;
    let log: Vec<String> = tenant.log("dead").await?.into_iter().map(|(action, _)| action).collect();
    let place = |action: &str| log.iter().position(|entry| entry == action);
    ensure!(place("integration_resumed") < place("integration_suspended"), "newest first: {log:?}");
    ensure!(place("retry_triggered").is_some(), "{log:?}");
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_suspended_integration_can_be_stopped_and_started() -> Result<()> {
    let world = World::start(&SETTINGS).await?;
    let tenant = world.tenant().await?;
    let (inbox, works) = broken().await?;
    tenant.webhook("dead", &inbox.url()).await?;
    let mut ids = tenant.publish("a.b", 0..20).await?;
    becomes(&tenant, "dead", "suspended").await?;
    ensure!(tenant.stop("dead").await?["status"] == "stopped");
    ids.extend(tenant.publish("a.b", 20..30).await?);
    works.store(true, Ordering::Relaxed);
    let before = inbox.len();
    quiet(|| inbox.len()).await?;
    ensure!(inbox.len() <= before + 1, "at most the probe that was under way");
    ensure!(tenant.start("dead").await?["status"] == "running");
    inbox.all(&ids).await?;
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn one_bad_event_among_good_ones_suspends_nobody() -> Result<()> {
    let world = World::start(&SETTINGS).await?;
    let tenant = world.tenant().await?;
    let inbox = Inbox::answering(|post, _| {
        status(if post.number() == 3 { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK })
    });
    let inbox = inbox.await?;
    tenant.webhook("hook", &inbox.url()).await?;
    for n in 0..30 {
        tenant.publish("a.b", n..n + 1).await?;
        inbox.wait_for(n + 1).await?;
    }
    eventually("the bad one is dead", SOON, async || {
        tenant.publish("a.b", 100..101).await?;
        Ok(tenant.log("hook").await?.iter().any(|(action, _)| action == "event_dead").then_some(()))
    })
    .await?;
    let log = tenant.log("hook").await?;
    ensure!(log.iter().all(|(action, _)| action != "integration_suspended"), "{log:?}");
    world.stop().await;
    Ok(())
}
