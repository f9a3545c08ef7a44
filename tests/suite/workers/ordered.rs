//! Ordered routes over calls that are too short for what there is, and over a process that stands still.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sluice::app::App;
use sluice::deadline::Deadline;
use sluice::engine::messages::{DeliverMessage, Due};
use sluice_workers::Worker;
use tokio::sync::oneshot;

use crate::support::{ByHand, Inbox, SOON, Tenant, eventually, quiet};

const SECOND: Duration = Duration::from_secs(1);

/// An ordered integration, and events of one key for it.
async fn publish(hand: &ByHand, inbox: &Inbox, events: usize) -> Result<Tenant> {
    let tenant = hand.tenant().await?;
    let body = json!({
        "id": "ordered", "integration_type": "permanent", "ordering": "key",
        "callback_parameters": {"callback_url": inbox.url()},
    });
    tenant.api.post("/v1/integrations", &body).await?.json(200)?;
    let event = |n: usize| json!({"name": "a.b", "ordering_key": "one", "payload": {"n": n}});
    let events: Vec<Value> = (0..events).map(event).collect();
    tenant.api.publish(&json!({ "events": events })).await?.json(202)?;
    hand.dispatch().await?;
    Ok(tenant)
}

fn numbers(inbox: &Inbox) -> Vec<usize> {
    inbox.posts().iter().map(crate::support::inbox::Post::number).collect()
}

/// Lost without it: a key with more to send than one call has time for is broken off by the function's timeout, in the
/// middle of an event that then comes twice, and its lease holds up everything for its whole length.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_key_is_handed_over_between_its_events() -> Result<()> {
    const EVENTS: usize = 12;
    // A target may take a second, and what is kept back takes five more: two are left to begin events in.
    const CALL: Duration = Duration::from_secs(8);
    let hand = ByHand::start(&[("SLUICE_REQUEST_TIMEOUT_SECONDS", "1")]).await?;
    let inbox = Inbox::slow(Duration::from_millis(500)).await?;
    publish(&hand, &inbox, EVENTS).await?;
    let mut calls = 0;
    eventually("every event", 2 * SOON, async || {
        let event = hand.take(Worker::Deliver, 1, 5).await?;
        let before = inbox.len();
        let call = hand.call(&hand.app, Worker::Deliver, &event, Deadline::after(CALL));
        let failed = tokio::time::timeout(CALL, call).await.context("the call was not over in time")??;
        ensure!(failed == 0, "a call failed");
        calls += usize::from(inbox.len() > before);
        Ok((inbox.len() >= EVENTS).then_some(()))
    })
    .await?;
    ensure!(calls > 1, "all went out in one call");
    ensure!(numbers(&inbox) == (0..EVENTS).collect::<Vec<_>>(), "{:?} in {calls} calls", numbers(&inbox));
    hand.stop().await;
    Ok(())
}

/// A worker's call in a process of its own, which can be made to stand still.
struct Process {
    freeze: oneshot::Sender<(oneshot::Sender<()>, mpsc::Receiver<()>)>,
    thread: thread::JoinHandle<Result<Vec<usize>>>,
}

impl Process {
    fn deliver(app: App, message: String) -> Self {
        let (freeze, frozen) = oneshot::channel::<(oneshot::Sender<()>, mpsc::Receiver<()>)>();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async move {
                let call = async move { app.engine.deliverer.run(&[message], Deadline::after(2 * SOON)).await };
                let call = tokio::spawn(call);
                if let Ok((stands, thaw)) = frozen.await {
                    // Nothing else has a thread to go on.
                    let _ = stands.send(());
                    let _ = thaw.recv();
                }
                Ok(call.await?)
            })
        });
        Self { freeze, thread }
    }
}

/// Lost without it: a process that was frozen for longer than its lease goes on sending where it was, between the events
/// of the worker that has the route by now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stood_still_sends_nothing_while_another_has_the_route() -> Result<()> {
    const EVENTS: usize = 20;
    let hand = ByHand::start(&[]).await?;
    let inbox = Inbox::slow(Duration::from_millis(300)).await?;
    let tenant = publish(&hand, &inbox, EVENTS).await?;
    let to = hand.recipient(&tenant, "ordered").await?;
    let message = DeliverMessage::wake(to, Due::now())?.body;
    // Once its log is settled.
    hand.app.ports.wait_until(hand.app.ports.now().plus(hand.app.settings.log_grace + SECOND)).await;
    let stale = Process::deliver(hand.process()?, message.clone());
    inbox.wait_for(4).await?;
    let ((stands, still), (thaw, thawed)) = (oneshot::channel(), mpsc::channel());
    ensure!(stale.freeze.send((stands, thawed)).is_ok(), "its call is over");
    still.await?;
    let frozen = quiet(|| inbox.len()).await?;
    ensure!(frozen < EVENTS, "there is nothing left to send");
    // Others come in vain until its lease is over.
    let other = hand.process()?;
    let taking = tokio::spawn(async move {
        loop {
            other.engine.deliverer.run(std::slice::from_ref(&message), Deadline::after(2 * SOON)).await;
            tokio::time::sleep(SECOND / 4).await;
        }
    });
    eventually("another worker at the route", SOON, async || Ok((inbox.len() >= frozen + 2).then_some(()))).await?;
    thaw.send(())?;
    let failed = tokio::task::spawn_blocking(move || stale.thread.join()).await?;
    let failed = failed.map_err(|_| anyhow::anyhow!("it panicked"))??;
    ensure!(failed == [0], "its message is done with, which it cannot know");
    eventually("the last event", SOON, async || Ok(numbers(&inbox).contains(&(EVENTS - 1)).then_some(()))).await?;
    quiet(|| inbox.len()).await?;
    taking.abort();
    let by_other = numbers(&inbox).split_off(frozen);
    let first = by_other[0];
    ensure!(first <= frozen && by_other == (first..EVENTS).collect::<Vec<_>>(), "{frozen}, then {by_other:?}");
    hand.stop().await;
    Ok(())
}
