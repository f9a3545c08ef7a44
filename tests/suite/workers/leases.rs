//! The lease of an export: who has lost it stops.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Result, ensure};
use sluice::deadline::Deadline;

use super::export::{cursor, files, later, publish, stuck_commit};
use crate::support::{Ahead, ByHand, SOON, bucket, eventually};

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
