//! Stopped, nothing is emitted; started again, what was missed arrives, each once.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use axum::http::StatusCode;
use futures::future::try_join_all;
use sluice_local::receiver::status;

use crate::support::{Inbox, SOON, Tenant, World, bucket, eventually, shared};

/// How long a slow target takes to answer.
const SLOW: Duration = Duration::from_millis(400);
/// How long what was on the wire may take to arrive on a busy machine.
const WIRE: Duration = Duration::from_millis(100);

#[tokio::test]
async fn nothing_comes_while_stopped_and_the_gap_arrives_once() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let (inbox, witness) = (Inbox::open().await?, Inbox::open().await?);
    tenant.webhook("hook", &inbox.url()).await?;
    tenant.webhook("witness", &witness.url()).await?;
    let mut ids = tenant.publish("a.b", 0..5).await?;
    inbox.exactly(&ids).await?;
    tenant.stop("hook").await?;
    for n in 5..25 {
        ids.extend(tenant.publish("a.b", n..n + 1).await?);
    }
    // The witness has them: the other would have had them too.
    witness.exactly(&ids).await?;
    ensure!(inbox.len() == 5, "{} came while stopped", inbox.len() - 5);

    tenant.start("hook").await?;
    ids.extend(tenant.publish("a.b", 25..30).await?);
    // Not in order: what is live comes beside the gap.
    inbox.exactly(&ids).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_begins_after_a_stop_or_a_deletion_is_answered() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let (stopped, deleted) = (Inbox::slow(SLOW).await?, Inbox::slow(SLOW).await?);
    tenant.webhook("stopped", &stopped.url()).await?;
    tenant.webhook("deleted", &deleted.url()).await?;
    let ids = tenant.publish("a.b", 0..800).await?;
    stopped.wait_for(50).await?;
    deleted.wait_for(50).await?;
    tenant.stop("stopped").await?;
    let stopped_at = Instant::now();
    tenant.api.delete("/v1/integrations/deleted").await?.empty(204)?;
    let deleted_at = Instant::now();
    // Longer than any request that was under way.
    tokio::time::sleep(3 * SLOW).await;
    for (inbox, at) in [(&stopped, stopped_at), (&deleted, deleted_at)] {
        let late = inbox.posts().iter().filter(|post| post.at > at + WIRE).count();
        ensure!(late == 0, "{late} of {} began after the answer", inbox.len());
        ensure!(inbox.len() < 800, "all had come before: nothing was seen");
    }
    tenant.start("stopped").await?;
    stopped.exactly(&ids).await?;
    Ok(())
}

/// Publishes 700 events one after the other, alone and in batches larger and smaller than a delivery message.
async fn publish_mixed(tenant: &Tenant) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for size in [1, 1, 40, 1, 400, 2, 1, 1, 250, 1, 1, 1] {
        ids.extend(tenant.publish("a.b", ids.len()..ids.len() + size).await?);
    }
    // An id says where in the log its event stands.
    ids.sort();
    Ok(ids)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gap_arrives_in_the_order_of_the_log_beside_what_is_live() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    tenant.stop("hook").await?;
    let gap = publish_mixed(&tenant).await?;
    tenant.start("hook").await?;
    let mut all = gap.clone();
    for n in 0..30 {
        all.extend(tenant.publish("a.b", 1_000 + n..1_001 + n).await?);
    }
    let posts = inbox.exactly(&all).await?;
    inbox.in_order(&gap)?;
    let last = posts.iter().rposition(|post| post.id() == gap[gap.len() - 1]);
    let live = posts.iter().position(|post| post.number() >= 1_000);
    ensure!(live < last, "what is live waited for the gap: {live:?}, {last:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_in_the_middle_of_a_gap_keeps_its_order() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    tenant.stop("hook").await?;
    let gap = publish_mixed(&tenant).await?;
    for part in [1, 300, 600] {
        tenant.start("hook").await?;
        inbox.wait_for(part).await?;
        tenant.stop("hook").await?;
        crate::support::quiet(|| inbox.len()).await?;
    }
    tenant.start("hook").await?;
    inbox.exactly(&gap).await?;
    inbox.in_order(&gap)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_seams_lose_nothing_under_load() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let publish = (0..4_usize).map(|publisher| {
        let tenant = tenant.clone();
        async move {
            let mut ids = Vec::new();
            for n in 0..60 {
                ids.extend(tenant.publish("a.b", publisher * 1_000 + n..publisher * 1_000 + n + 1).await?);
            }
            anyhow::Ok(ids)
        }
    });
    let toggle = async {
        for _ in 0..6 {
            tenant.stop("hook").await?;
            tenant.start("hook").await?;
        }
        anyhow::Ok(())
    };
    let (ids, toggled) = tokio::join!(try_join_all(publish), toggle);
    toggled?;
    let ids: Vec<String> = ids?.into_iter().flatten().collect();
    // At least once is the promise: a start in the middle of a catch-up may send some of it again.
    inbox.all(&ids).await?;
    crate::support::quiet(|| inbox.len()).await?;
    println!("{} of {} deliveries were repetitions", inbox.len() - ids.len(), inbox.len());
    Ok(())
}

#[tokio::test]
async fn retries_under_way_wait_for_the_start() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox =
        Inbox::answering(|_, before| status(if before == 0 { StatusCode::BAD_GATEWAY } else { StatusCode::OK }));
    let inbox = inbox.await?;
    let witness = Inbox::open().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let ids = tenant.publish("a.b", 0..10).await?;
    inbox.wait_for(10).await?;
    tenant.stop("hook").await?;
    let before = inbox.len();
    tenant.webhook("witness", &witness.url()).await?;
    let more = tenant.publish("a.b", 10..12).await?;
    witness.exactly(&more).await?;
    // By now the retries, a second later, have found the route stopped.
    crate::support::quiet(|| inbox.len()).await?;
    let late = inbox.len() - before;
    tenant.start("hook").await?;
    eventually("each was tried again", SOON, async || {
        let tries = |id: &String| inbox.posts().iter().filter(|post| post.id() == *id).count();
        Ok((ids.iter().chain(&more).all(|id| tries(id) == 2)).then_some(()))
    })
    .await?;
    crate::support::quiet(|| inbox.len()).await?;
    ensure!(inbox.len() == 24, "{} attempts, {late} late", inbox.len());
    Ok(())
}

#[tokio::test]
async fn an_export_waits_for_the_start_too() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let prefix = format!("stopped-{}", tenant.id);
    tenant.files("files", tenant.s3_parameters(&prefix)).await?;
    tenant.publish("a.b", 0..10).await?;
    bucket::files_with(&tenant.s3, &prefix, 10, SOON).await?;
    tenant.stop("files").await?;
    // A witness whose file comes later than the stopped one's would have come.
    let witness = format!("witness-{}", tenant.id);
    tenant.publish("a.b", 10..20).await?;
    tenant.files("witness", tenant.s3_parameters(&witness)).await?;
    tenant.publish("a.b", 20..25).await?;
    bucket::files_with(&tenant.s3, &witness, 5, SOON).await?;
    let files = bucket::files(&tenant.s3, &prefix).await?;
    bucket::each_once(&files, 10)?;
    tenant.start("files").await?;
    tenant.publish("a.b", 25..30).await?;
    let files = bucket::files_with(&tenant.s3, &prefix, 30, SOON).await?;
    bucket::each_once(&files, 30)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_process_keeps_what_waits() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let settings = [("SLUICE_RETRY_STREAM", "2s,2s,2s,2s")];
    let system = crate::support::world::start(folder.path(), &settings).await?;
    let world = World::of(system);
    let tenant = world.tenant().await?;
    let inbox =
        Inbox::answering(|_, before| status(if before == 0 { StatusCode::BAD_GATEWAY } else { StatusCode::OK }));
    let inbox = inbox.await?;
    tenant.webhook("hook", &inbox.url()).await?;
    tenant.webhook("stopped", &inbox.url()).await?;
    tenant.stop("stopped").await?;
    let ids = tenant.publish("a.b", 0..10).await?;
    inbox.wait_for(10).await?;
    world.stop().await;

    let world = World::of(crate::support::world::start(folder.path(), &settings).await?);
    let api = world.open()?.with(&format!("ApiKey {}", tenant.api_key));
    let list = api.get("/v1/integrations").await?.json(200)?;
    ensure!(list["integrations"][0]["status"] == "running" && list["integrations"][1]["status"] == "stopped", "{list}");
    eventually("each was tried again", SOON, async || {
        let tries = |id: &String| inbox.posts().iter().filter(|post| post.id() == *id).count();
        Ok(ids.iter().all(|id| tries(id) == 2).then_some(()))
    })
    .await?;
    ensure!(inbox.len() == 20, "{} attempts", inbox.len());
    api.act("/v1/integrations/stopped/_start").await?.json(200)?;
    inbox.wait_for(30).await?;
    world.stop().await;
    Ok(())
}
