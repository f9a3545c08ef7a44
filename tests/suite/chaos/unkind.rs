//! The whole over an AWS that is as unkind as the real one: whatever it does, nothing is lost, files have each event once,
//! and what is ordered stays in order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use serde_json::{Value, json};
use sluice_local::chaos::Chaos;
use sluice_local::receiver::status;

use crate::support::bucket::{files_with, numbers};
use crate::support::inbox::Post;
use crate::support::{Inbox, Reply, Tenant, World, eventually, quiet};

/// Calls are repeated, workers are dropped, messages come late: everything takes its time.
const LONG: Duration = Duration::from_secs(120);
const BATCH: usize = 40;
const BATCHES: usize = 30;
const KEYS: usize = 7;
const SETTINGS: [(&str, &str); 7] = [
    ("SLUICE_RETRY_STREAM", "1s,1s,1s,1s,1s,1s,1s,1s,1s,1s"),
    ("SLUICE_EXPORT_INTERVAL_SECONDS", "5"),
    ("SLUICE_LOG_GRACE_MILLISECONDS", "6000"),
    ("SLUICE_CLOCK_TOLERANCE_MILLISECONDS", "400"),
    ("SLUICE_ROUTES_AHEAD_MILLISECONDS", "500"),
    ("SLUICE_ROUTES_BELIEVED_MILLISECONDS", "1500"),
    ("SLUICE_SUSPEND_AFTER_FAILURES", "1000"),
];

/// Repeats a request as a client does whose request failed.
async fn insist(what: &str, request: impl AsyncFn() -> Result<Reply>) -> Result<Reply> {
    eventually(what, LONG, async || {
        let reply = request().await?;
        Ok((reply.status < 500).then_some(reply))
    })
    .await
}

async fn tenant(world: &World) -> Result<Tenant> {
    eventually("a tenant", LONG, async || Ok(world.tenant().await.ok())).await
}

/// Registers an integration; one that exists was made by a request whose answer was lost.
async fn integration(tenant: &Tenant, id: &str, more: Value) -> Result<()> {
    let mut body = json!({"id": id, "integration_type": "permanent"});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let made = insist("an integration", async || tenant.api.post("/v1/integrations", &body).await).await?;
    ensure!(made.status == 200 || made.status == 409, "{}: {}", made.status, made.text());
    Ok(())
}

fn id(number: usize) -> String {
    format!("evt-{number:05}")
}

async fn publish(tenant: &Tenant, batch: usize) -> Result<()> {
    let event =
        |n: usize| json!({"id": id(n), "name": "a.b", "payload": {"n": n}, "ordering_key": format!("k{}", n % KEYS)});
    let events: Vec<Value> = (batch * BATCH..(batch + 1) * BATCH).map(event).collect();
    let body = json!({"events": events});
    let accepted = insist("a publish", async || tenant.api.publish(&body).await).await?.json(202)?;
    ensure!(accepted["events"].as_array().is_some_and(|events| events.len() == BATCH), "{accepted}");
    Ok(())
}

async fn turn(tenant: &Tenant, id: &str, to: &str) -> Result<()> {
    let path = format!("/v1/integrations/{id}/_{to}");
    insist(to, async || tenant.api.act(&path).await).await?.json(200).map(drop)
}

/// What reached a receiver: waits for all, and counts what came more than once.
async fn account(name: &str, inbox: &Inbox, ids: &[String]) -> Result<usize> {
    let mut missing = ids.len();
    let all = eventually("every event", LONG, async || {
        let came: BTreeSet<String> = inbox.posts().iter().map(Post::id).collect();
        missing = ids.iter().filter(|id| !came.contains(*id)).count();
        Ok((missing == 0).then_some(()))
    });
    all.await.with_context(|| format!("{missing} of {} are missing at {name}", ids.len()))?;
    let posts = quiet(|| inbox.len()).await?;
    Ok(posts - ids.len())
}

/// The events of each key came in their order, whatever was repeated.
fn in_order(inbox: &Inbox) -> Result<()> {
    let (mut seen, mut last) = (BTreeSet::new(), HashMap::new());
    for post in inbox.posts() {
        let number = post.number();
        if seen.insert(number) {
            let before = last.insert(number % KEYS, number);
            ensure!(before.is_none_or(|before| before < number), "{number} came after {before:?}");
        }
    }
    Ok(())
}

async fn run(seed: u64) -> Result<()> {
    let chaos = Chaos::new(seed);
    let world = World::under(&chaos, &SETTINGS).await?;
    let tenant = tenant(&world).await?;
    let (healthy, switched) = (Inbox::open().await?, Inbox::open().await?);
    let ordered = Inbox::open().await?;
    // Each event fails once.
    let failing = Inbox::answering(|_, before| {
        status(if before == 0 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT })
    });
    let failing = failing.await?;
    for (name, inbox) in [("healthy", &healthy), ("switched", &switched), ("failing", &failing)] {
        integration(&tenant, name, json!({"callback_parameters": {"callback_url": inbox.url()}})).await?;
    }
    let parameters = json!({"callback_parameters": {"callback_url": ordered.url()}, "ordering": "key"});
    integration(&tenant, "ordered", parameters).await?;
    integration(&tenant, "files", json!({"s3_parameters": tenant.s3_parameters("chaos")})).await?;

    for batch in 0..BATCHES {
        match batch {
            5 | 15 => turn(&tenant, "switched", "stop").await?,
            10 | 20 => turn(&tenant, "switched", "start").await?,
            _ => {}
        }
        publish(&tenant, batch).await?;
    }
    let ids: Vec<String> = (0..BATCHES * BATCH).map(id).collect();
    let mut doubled = BTreeMap::new();
    for (name, inbox) in [("healthy", &healthy), ("switched", &switched), ("failing", &failing), ("ordered", &ordered)]
    {
        doubled.insert(name, account(name, inbox, &ids).await?);
    }
    in_order(&ordered)?;
    let files = files_with(&tenant.s3, "chaos", ids.len(), LONG).await?;
    let counts = numbers(&files)?;
    ensure!(counts.len() == ids.len(), "{} of {} stand in files", counts.len(), ids.len());
    let twice: Vec<_> = counts.iter().filter(|(_, times)| **times != 1).collect();
    ensure!(twice.is_empty(), "these stand in files more than once: {twice:?}");
    // Whether it is done now, or was by a request whose answer was lost.
    let path = "/v1/integrations/switched";
    let deleted = insist("a deletion", async || tenant.api.delete(path).await).await?;
    ensure!(deleted.status == 204 || deleted.status == 404, "{}", deleted.status);
    insist("its end", async || tenant.api.get(path).await).await?.error(404, "not_found")?;
    let injected: u64 = chaos.injected().values().sum();
    println!(
        "seed {seed}: {} events, {injected} faults {:?}, lost 0, sent again {doubled:?}",
        ids.len(),
        chaos.injected()
    );
    ensure!(injected > 100, "{injected} faults are no chaos");
    world.stop().await;
    Ok(())
}

/// The seeds; another one may be given.
fn seeds() -> Vec<u64> {
    match std::env::var("SLUICE_TEST_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => vec![1, 2, 3],
    }
}

#[tokio::test]
async fn nothing_is_lost_and_files_have_each_event_once() -> Result<()> {
    for seed in seeds() {
        run(seed).await.with_context(|| format!("seed {seed}"))?;
    }
    Ok(())
}
