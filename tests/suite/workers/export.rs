//! Exports over calls that are too short for what there is: files are cut, and each event is in one of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sluice::app::App;
use sluice::deadline::Deadline;
use sluice::domain::export::Cursor;
use sluice::engine::messages::Recipient;
use sluice::ports::Ports;
use sluice::queue::Queue;
use sluice_local::provision::S3Access;

use crate::support::bucket::{self, ExportFile};
use crate::support::{Ahead, ByHand, SOON, Tenant, eventually};

/// A call that begins a file, and has no time for another page of the log that takes `SLOW`.
const CALL: Duration = Duration::from_secs(52);
const SLOW: Duration = Duration::from_secs(13);
/// Far from the end of any call.
const WHOLE: Duration = Duration::from_secs(120);
const NEVER: Duration = Duration::from_secs(600);

/// Chunks of the log, and the events of each.
const CHUNKS: usize = 40;
const EVENTS: usize = 4;

/// Has every page of the log but a shard's first wait, from the `from`th on.
pub(super) fn slow_log(hand: &ByHand, from: usize, delay: Duration) {
    let (table, seen) = ("sluice-events", AtomicUsize::new(0));
    hand.delays.set(move |operation, body| {
        let further = operation == "Query" && body.contains(table) && body.contains("ExclusiveStartKey");
        if further && seen.fetch_add(1, Ordering::Relaxed) + 1 >= from { delay } else { Duration::ZERO }
    });
}

/// Has the write that moves a cursor past a file wait for ever, the first time.
pub(super) fn stuck_commit(hand: &ByHand) -> Arc<AtomicUsize> {
    let seen: Arc<AtomicUsize> = Arc::default();
    let count = Arc::clone(&seen);
    hand.delays.set(move |operation, body| {
        let commit = operation == "PutItem" && body.contains("closed_at") && !body.contains("by_size");
        if commit && count.fetch_add(1, Ordering::Relaxed) == 0 { NEVER } else { Duration::ZERO }
    });
    seen
}

/// A process for which everything that was published is settled, and every export due.
pub(super) fn later(hand: &ByHand, ahead: &Ahead) -> Result<App> {
    ahead.by(1.0);
    hand.process_on(ahead.clone())
}

/// Publishes so many chunks of events with this much in each.
pub(super) async fn publish(tenant: &Tenant, chunks: usize, pad: usize) -> Result<usize> {
    let pad = "p".repeat(pad);
    for chunk in 0..chunks {
        let event = |n: usize| json!({"name": "a.b", "payload": {"n": chunk * EVENTS + n, "pad": pad}});
        let events: Vec<Value> = (0..EVENTS).map(event).collect();
        tenant.api.publish(&json!({ "events": events })).await?.json(202)?;
    }
    Ok(chunks * EVENTS)
}

pub(super) async fn cursor(hand: &ByHand, to: &Recipient) -> Result<Cursor> {
    hand.app.stores.exports.get(&to.scope, &to.route).await?.context("a cursor")
}

pub(super) async fn files(tenant: &Tenant, prefix: &str) -> Result<Vec<ExportFile>> {
    bucket::files(&tenant.s3, prefix).await
}

/// A bucket of a server that can list uploads.
async fn listing() -> Result<S3Access> {
    let endpoint_url = crate::ministack::endpoint().await.to_owned();
    let bucket = Ports::system().unique("uploads").replace('_', "-");
    let (access_key_id, secret_access_key) = ("test".to_owned(), "test".to_owned());
    let access = S3Access { endpoint_url, access_key_id, secret_access_key, region: "us-east-1".to_owned(), bucket };
    access.client().create_bucket().bucket(&access.bucket).send().await?;
    Ok(access)
}

/// Uploads that were begun and not ended.
async fn uploads(tenant: &Tenant) -> Result<usize> {
    let listed = tenant.s3.client().list_multipart_uploads().bucket(&tenant.s3.bucket).send().await?;
    Ok(listed.uploads().len())
}

/// Lost without it: a log of more than one call can read is begun again and again, and never comes to a file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_a_call_has_no_time_for_is_cut_and_the_next_goes_on() -> Result<()> {
    let (hand, ahead) = (ByHand::start(&[]).await?, Ahead::default());
    let tenant = hand.tenant().await?;
    tenant.files("files", tenant.s3_parameters("cut")).await?;
    let to = hand.recipient(&tenant, "files").await?;
    let published = publish(&tenant, CHUNKS, 120_000).await?;
    let (first, second) = (later(&hand, &ahead)?, hand.process_on(ahead.clone())?);
    let messages = vec![serde_json::to_string(&to)?];
    let begun = cursor(&hand, &to).await?;
    // Late enough that a part of the file is there already.
    slow_log(&hand, 3, SLOW);
    let mut call = Box::pin(first.engine.export.run(&messages, Deadline::after(CALL)));
    // Meanwhile the route is the first one's alone, however long it takes.
    let failed = loop {
        let other = async {
            let failed = second.engine.export.run(&messages, Deadline::after(WHOLE)).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            failed
        };
        tokio::select! {
            biased;
            failed = &mut call => break failed,
            failed = other => ensure!(failed.is_empty(), "the other call failed"),
        }
    };
    drop(call);
    ensure!(hand.parts()? == 0, "an upload was left behind");
    ensure!(failed.is_empty(), "the call failed");
    hand.delays.clear();
    let cut = cursor(&hand, &to).await?;
    ensure!(cut.plan.is_none() && cut.from > begun.from, "it came to no file: {cut:?}");
    ensure!(hand.waiting(Queue::Export).await? == 1, "nobody is asked to go on");
    let one = files(&tenant, "cut").await?;
    ensure!(one.len() == 1 && one[0].text.len() > 5 * 1024 * 1024, "{} files", one.len());
    ensure!(bucket::numbers(&one)?.len() < published, "there was time for all");
    ensure!(second.engine.export.run(&messages, Deadline::after(WHOLE)).await.is_empty(), "the next call failed");
    let all = files(&tenant, "cut").await?;
    ensure!(all.len() == 2, "{} files", all.len());
    bucket::each_once(&all, published)?;
    hand.stop().await;
    Ok(())
}

/// Lost without it: a filter that passes over more of the log than a call can read never gets beyond it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_narrow_filter_gets_on_without_a_file() -> Result<()> {
    let (hand, ahead) = (ByHand::start(&[]).await?, Ahead::default());
    let tenant = hand.tenant().await?;
    let mut body = json!({"id": "narrow", "integration_type": "permanent"});
    body["filter_conditions"] = json!({"entity_filter": ["rare"]});
    body["s3_parameters"] = tenant.s3_parameters("narrow");
    tenant.api.post("/v1/integrations", &body).await?.json(200)?;
    let to = hand.recipient(&tenant, "narrow").await?;
    publish(&tenant, CHUNKS, 10).await?;
    tenant.publish("rare.one", 0..1).await?;
    let (app, messages) = (later(&hand, &ahead)?, vec![serde_json::to_string(&to)?]);
    let begun = cursor(&hand, &to).await?;
    slow_log(&hand, 1, SLOW);
    ensure!(app.engine.export.run(&messages, Deadline::after(CALL)).await.is_empty(), "the call failed");
    hand.delays.clear();
    let passed = cursor(&hand, &to).await?;
    ensure!(passed.plan.is_none() && passed.from > begun.from, "it did not get on: {passed:?}");
    ensure!(files(&tenant, "narrow").await?.is_empty(), "an empty file was written");
    ensure!(app.engine.export.run(&messages, Deadline::after(WHOLE)).await.is_empty(), "the next call failed");
    let files = files(&tenant, "narrow").await?;
    ensure!(files.len() == 1, "{} files", files.len());
    bucket::each_once(&files, 1)?;
    hand.stop().await;
    Ok(())
}

/// Lost without it: whoever comes after a worker that died writes another end, so that events stand in two files or in
/// none; and the parts of what was begun stay in the customer's bucket, who pays for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_after_the_dead_writes_the_same_file() -> Result<()> {
    let (hand, ahead) = (ByHand::start(&[]).await?, Ahead::default());
    let mut tenant = hand.tenant().await?;
    // The embedded S3 cannot list uploads.
    tenant.s3 = listing().await?;
    tenant.files("files", tenant.s3_parameters("dead")).await?;
    let to = hand.recipient(&tenant, "files").await?;
    let published = publish(&tenant, CHUNKS, 120_000).await?;
    let (app, messages) = (later(&hand, &ahead)?, vec![serde_json::to_string(&to)?]);

    // The first dies in the middle of an upload.
    slow_log(&hand, 3, NEVER);
    let call = app.engine.export.run(&messages, Deadline::after(WHOLE));
    let begun = eventually("a part", SOON, async || Ok((uploads(&tenant).await? == 1).then_some(())));
    tokio::select! {
        begun = begun => begun?,
        _ = call => anyhow::bail!("the call is over"),
    }
    let plan = cursor(&hand, &to).await?.plan.context("the first one's plan")?;

    // The second, once the lease is over, has its time used up by the log, and dies when its file is there.
    ahead.by(0.01);
    let commits = Arc::new(AtomicUsize::new(0));
    let (pages, counted) = (AtomicUsize::new(0), Arc::clone(&commits));
    hand.delays.set(move |operation, body| {
        let further = operation == "Query" && body.contains("sluice-events") && body.contains("ExclusiveStartKey");
        if operation == "PutItem" && body.contains("closed_at") && !body.contains("by_size") {
            counted.fetch_add(1, Ordering::Relaxed);
            return NEVER;
        }
        if further && pages.fetch_add(1, Ordering::Relaxed) == 2 { SLOW } else { Duration::ZERO }
    });
    let call = app.engine.export.run(&messages, Deadline::after(CALL));
    let written = async || Ok((commits.load(Ordering::Relaxed) > 0).then_some(()));
    tokio::select! {
        written = eventually("the cut file", 2 * SOON, written) => written?,
        _ = call => anyhow::bail!("the call is over"),
    }
    let cut = cursor(&hand, &to).await?.plan.context("the second one's plan")?;
    ensure!(cut.key == plan.key && cut.end.is_some() && plan.end.is_none(), "{plan:?}, then {cut:?}");
    let before = files(&tenant, "dead").await?;
    ensure!(before.len() == 1 && before[0].key == cut.key, "{} files", before.len());
    ensure!(uploads(&tenant).await? == 0, "the first one's upload was left behind");

    // The third has all the time it wants.
    ahead.by(0.01);
    hand.delays.clear();
    ensure!(app.engine.export.run(&messages, Deadline::after(WHOLE)).await.is_empty(), "the last call failed");
    let after = files(&tenant, "dead").await?;
    let again = after.iter().find(|file| file.key == cut.key).context("the file is gone")?;
    ensure!(again.text == before[0].text, "the same file has another content");
    bucket::each_once(&after, published)?;
    ensure!(uploads(&tenant).await? == 0, "an upload was left behind");
    hand.stop().await;
    Ok(())
}
