//! A worker that dies while it suspends a route: whichever call was its last, the route comes back once its target does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use sluice::deadline::Deadline;
use sluice_local::receiver::status;
use sluice_workers::Worker;

use crate::support::mortal::{Last, Life};
use crate::support::{Ahead, ByHand, Inbox};

/// More calls than the worker makes.
const MANY: usize = 40;
/// What a call of a worker may take.
const CALL: Duration = Duration::from_secs(120);
/// Three failures suspend a route, and its probes come at once.
const SETTINGS: [(&str, &str); 2] = [("SLUICE_SUSPEND_AFTER_FAILURES", "3"), ("SLUICE_PROBE_DELAYS", "0")];

/// Fails a route by a worker that lives that long; `false` if it lived to the end. If it died, everything arrives.
async fn dies(hand: &ByHand, life: &Life) -> Result<bool> {
    let alive = Arc::new(AtomicBool::new(false));
    let answers = Arc::clone(&alive);
    let code = move || if answers.load(Ordering::SeqCst) { StatusCode::NO_CONTENT } else { StatusCode::BAD_GATEWAY };
    let inbox = Inbox::answering(move |_, _| status(code())).await?;
    let tenant = hand.tenant().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    hand.recipient(&tenant, "hook").await?;
    let ids = tenant.publish("a.b", 0..3).await?;
    hand.dispatch().await?;
    let messages = hand.take(Worker::Deliver, 10, 0).await?;

    let process = hand.successor(life).await?;
    let died = tokio::select! {
        failed = hand.call(&process.app, Worker::Deliver, &messages, Deadline::after(CALL)) => {
            ensure!(failed? == 0, "the worker failed");
            false
        }
        () = life.ended() => true,
    };
    alive.store(true, Ordering::SeqCst);
    let failures = inbox.len();
    // Its messages come again when it counts as dead.
    let later = Ahead::default();
    later.by(0.1);
    let later = hand.process_on(later)?;
    if died {
        ensure!(hand.call(&later, Worker::Deliver, &messages, Deadline::after(CALL)).await? == 0, "it failed again");
    }
    for worker in [Worker::Deliver, Worker::Replay].into_iter().cycle().take(2 * MANY) {
        let arrived = |id: &String| inbox.posts().iter().skip(failures).any(|post| post.id() == *id);
        if ids.iter().all(arrived) {
            return Ok(died);
        }
        let messages = hand.take(worker, 10, 0).await?;
        ensure!(hand.call(&later, worker, &messages, Deadline::after(CALL)).await? == 0, "a message failed");
    }
    anyhow::bail!("the route did not come back: {:?}", tenant.log("hook").await?)
}

async fn every_crash(last: Last) -> Result<()> {
    let hand = ByHand::start(&SETTINGS).await?;
    let mut crashes = 0;
    for calls in 1..MANY {
        if !dies(&hand, &Life::of(calls, last)).await.with_context(|| format!("call {calls}"))? {
            break;
        }
        crashes += 1;
    }
    ensure!((5..MANY - 1).contains(&crashes), "{crashes} crashes");
    hand.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_crash_before_any_call_of_a_suspension_strands_no_event() -> Result<()> {
    every_crash(Last::NotMade).await
}

#[tokio::test]
async fn a_crash_after_any_call_of_a_suspension_strands_no_event() -> Result<()> {
    every_crash(Last::Made).await
}
