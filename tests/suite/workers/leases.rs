//! The lease of an export: who has lost it stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sluice::deadline::Deadline;

use super::export::{cursor, files, later, publish, stuck_commit};
use crate::support::{Ahead, ByHand, SOON, Tenant, bucket, eventually};

const WHOLE: Duration = Duration::from_secs(120);

/// Lost without it: two workers at one bucket wait beside each other; or one that hangs holds its route for ever; or it
/// goes on once another has the route.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_writer_has_a_route_until_its_lease_ends() -> Result<()> {
    let (hand, ahead) = (ByHand::start(&[]).await?, Ahead::default());
    let tenant = hand.tenant().await?;
    tenant.files("files", tenant.s3_parameters("lease")).await?;
    let to = hand.recipient(&tenant, "files").await?;
    let published = publish(&tenant, 2, 10).await?;
    let (first, second) = (later(&hand, &ahead)?, hand.process_on(ahead.clone())?);
    let further = Ahead::default();
    further.by(1.01);
    let third = hand.process_on(further)?;
    let messages = vec![serde_json::to_string(&to)?];
    let commits = stuck_commit(&hand);
    let (hanging, same) = (first.clone(), messages.clone());
    let hanging = tokio::spawn(async move { hanging.engine.export.run(&same, Deadline::after(WHOLE)).await });
    let written = async || Ok((commits.load(Ordering::Relaxed) == 1).then_some(()));
    eventually("a file that is not committed", SOON, written).await?;
    // In the same process and in another one.
    for other in [&first, &second] {
        ensure!(other.engine.export.run(&messages, Deadline::after(WHOLE)).await.is_empty(), "a call in vain failed");
    }
    ensure!(commits.load(Ordering::Relaxed) == 1 && cursor(&hand, &to).await?.plan.is_some(), "two were at the route");
    // For this one the lease is over; the first finds that out when it would renew it.
    ensure!(third.engine.export.run(&messages, Deadline::after(WHOLE)).await.is_empty(), "the next one failed");
    ensure!(cursor(&hand, &to).await?.plan.is_none(), "its file is not committed");
    ensure!(tokio::time::timeout(SOON, hanging).await?? == [0], "the first one's message is done with");
    let files = files(&tenant, "lease").await?;
    ensure!(files.len() == 1, "{} files", files.len());
    bucket::each_once(&files, published)?;
    hand.stop().await;
    Ok(())
}

/// Lost without it: a worker that stood still closes its file over that of the worker which had the route since, whose
/// file may end elsewhere: then events stand in two files.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_hear_of_a_lost_lease_closes_no_file() -> Result<()> {
    let (hand, ahead) = (ByHand::start(&[]).await?, Ahead::default());
    let tenant = hand.tenant().await?;
    tenant.files("files", tenant.s3_parameters("stale")).await?;
    let to = hand.recipient(&tenant, "files").await?;
    let published = publish(&tenant, 2, 10).await?;
    let stale = later(&hand, &ahead)?;
    let further = Ahead::default();
    further.by(1.01);
    let next = hand.process_on(further)?;
    let messages = vec![serde_json::to_string(&to)?];
    // Its log takes long, and its renewals take longer.
    let (reads, renewals): (Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
    let (read, renewed) = (Arc::clone(&reads), Arc::clone(&renewals));
    hand.delays.set(move |operation, body| {
        let first = |counted: &AtomicUsize| counted.fetch_add(1, Ordering::Relaxed) == 0;
        match operation {
            "Query" if body.contains("sluice-events") && first(&read) => Duration::from_secs(8),
            "UpdateItem" if body.contains("\"holder = :holder\"") && first(&renewed) => WHOLE,
            _ => Duration::ZERO,
        }
    });
    let (slow, same) = (stale.clone(), messages.clone());
    let slow = tokio::spawn(async move { slow.engine.export.run(&same, Deadline::after(WHOLE)).await });
    let hangs = async || Ok((renewals.load(Ordering::Relaxed) == 1).then_some(()));
    eventually("a renewal that hangs", SOON, hangs).await?;
    ensure!(reads.load(Ordering::Relaxed) > 0 && files(&tenant, "stale").await?.is_empty(), "it has read its log");
    ensure!(next.engine.export.run(&messages, Deadline::after(WHOLE)).await.is_empty(), "the next one failed");
    let written = written_at(&tenant).await?;
    ensure!(tokio::time::timeout(SOON, slow).await?? == [0], "the first one's message is done with");
    ensure!(written_at(&tenant).await? == written, "it was written again");
    bucket::each_once(&files(&tenant, "stale").await?, published)?;
    hand.stop().await;
    Ok(())
}

/// When the only file was written.
async fn written_at(tenant: &Tenant) -> Result<String> {
    let listed = tenant.s3.client().list_objects_v2().bucket(&tenant.s3.bucket).prefix("stale").send().await?;
    let [file] = listed.contents() else { anyhow::bail!("{} files", listed.contents().len()) };
    Ok(file.last_modified().context("a time")?.to_string())
}
