//! A share of all workers: what one route's slow target may take of them.

use std::time::Duration;

use anyhow::{Result, ensure};
use aws_lambda_events::event::sqs::SqsEvent;
use sluice::app::App;
use sluice::deadline::Deadline;
use sluice::engine::messages::Recipient;
use sluice_workers::Worker;
use tokio::task::JoinSet;

use crate::support::{ByHand, Inbox, SOON, Tenant, eventually};

/// Messages of one call, as the event source mapping gives them; and a route's share of slow work.
const BATCH: usize = 5;
const SHARE: usize = 20;
/// A call's time on AWS: twice what a target may take.
const CALL: Duration = Duration::from_secs(120);

/// So many messages, each with one event.
async fn messages(hand: &ByHand, tenant: &Tenant, count: usize) -> Result<Vec<String>> {
    for n in 0..count {
        tenant.publish("a.b", n..n + 1).await?;
        hand.dispatch().await?;
    }
    let mut bodies = Vec::new();
    while bodies.len() < count {
        let SqsEvent { records, .. } = hand.take(Worker::Deliver, 10, 5).await?;
        ensure!(!records.is_empty(), "{} of {count} messages", bodies.len());
        bodies.extend(records.into_iter().filter_map(|record| record.body));
    }
    Ok(bodies)
}

/// One call of a process of its own.
async fn call(app: App, messages: Vec<String>) -> Vec<usize> {
    app.engine.deliverer.run(&messages, Deadline::after(CALL)).await
}

async fn taken(hand: &ByHand, to: &Recipient) -> Result<(usize, usize)> {
    let shares = &hand.app.stores.shares;
    Ok((shares.taken(&to.scope, &to.route).await?.count, shares.taken(&to.scope, "all").await?.count))
}

/// Lost without it: one customer's slow target holds every worker of the deployment, and nobody else's events go out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_target_takes_its_share_of_all_workers_and_no_more() -> Result<()> {
    let hand = ByHand::start(&[("SLUICE_REQUEST_TIMEOUT_SECONDS", "60")]).await?;
    let tenant = hand.tenant().await?;
    let (slow, gate) = Inbox::gated().await?;
    tenant.webhook("slow", &slow.url()).await?;
    let to = hand.recipient(&tenant, "slow").await?;
    let messages = messages(&hand, &tenant, SHARE + 2 * BATCH).await?;
    let mut batches = messages.chunks(BATCH).map(<[String]>::to_vec);
    let mut calls = JoinSet::new();
    for batch in batches.by_ref().take(SHARE / BATCH) {
        calls.spawn(call(hand.process()?, batch));
    }
    let full = async || Ok((taken(&hand, &to).await? == (SHARE, SHARE)).then_some(()));
    eventually("every place is taken", SOON, full).await?;
    // Further workers put their messages off at once, without a request.
    for batch in batches {
        let failed = tokio::time::timeout(SOON, call(hand.process()?, batch)).await?;
        ensure!(failed.is_empty(), "a call failed");
    }
    ensure!(slow.len() == SHARE, "{} requests are under way", slow.len());
    // Another route of the tenant has its own.
    let quick = Inbox::open().await?;
    tenant.webhook("quick", &quick.url()).await?;
    hand.recipient(&tenant, "quick").await?;
    tenant.publish("a.b", 100..101).await?;
    hand.dispatch().await?;
    eventually("the other route's event", SOON, async || {
        let event = hand.take(Worker::Deliver, 10, 1).await?;
        hand.call(&hand.process()?, Worker::Deliver, &event, Deadline::after(CALL)).await?;
        Ok((quick.len() == 1).then_some(()))
    })
    .await?;
    ensure!(slow.len() == SHARE, "{} requests are under way", slow.len());
    gate.send(true)?;
    while let Some(failed) = calls.join_next().await {
        ensure!(failed?.is_empty(), "a call failed");
    }
    ensure!(taken(&hand, &to).await? == (0, 0), "places were not given back");
    // What was put off goes out, each once: 30 of before, and one that both routes asked for.
    eventually("the rest", SOON, async || {
        let event = hand.take(Worker::Deliver, 10, 1).await?;
        hand.call(&hand.process()?, Worker::Deliver, &event, Deadline::after(CALL)).await?;
        Ok((slow.len() == SHARE + 2 * BATCH + 1).then_some(()))
    })
    .await?;
    hand.stop().await;
    Ok(())
}
