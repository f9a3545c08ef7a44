//! Dispatch: what each route asks for of large and small chunks, and in how many messages it gets it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sluice::deadline::Deadline;
use sluice::domain::face::FaceKind;
use sluice::domain::route::RouteKey;
use sluice::engine::messages::{DeliverMessage, DispatchMessage, Events, Task};
use sluice::queue;
use sluice_workers::Worker;

use crate::support::inbox::Post;
use crate::support::{ByHand, Inbox, Tenant};

const CALL: Duration = Duration::from_secs(120);
/// Events of a chunk that is passed on as it is, and of one that shares its message.
const LARGE: usize = 250;
const SMALL: usize = 10;

/// A route, its filter, whom of the partners it is for, and the events of a chunk that it asks for.
type Case = (&'static str, Value, Option<&'static str>, fn(usize) -> bool);

const CASES: fn() -> [Case; 6] = || {
    [
        ("all", json!({}), None, |_| true),
        ("both-names", json!({"event_filter": ["a.even", "a.odd"]}), None, |_| true),
        ("one-name", json!({"event_filter": ["a.even"]}), None, |n| n % 2 == 0),
        ("other-entity", json!({"entity_filter": ["b"]}), None, |_| false),
        ("content", json!({"payload_filter": "payload.n < 7"}), None, |n| n < 7),
        ("partner", json!({}), Some("p-1"), |n| n % 5 == 0),
    ]
};

/// Publishes one request, which is one chunk.
async fn publish(tenant: &Tenant, count: usize) -> Result<()> {
    let event = |n: usize| {
        let name = if n.is_multiple_of(2) { "a.even" } else { "a.odd" };
        let mut event = json!({"name": name, "payload": {"n": n}});
        if n.is_multiple_of(5) {
            event["partner_id"] = json!("p-1");
        }
        event
    };
    let events: Vec<Value> = (0..count).map(event).collect();
    tenant.api.publish(&json!({ "events": events })).await?.json(202).map(drop)
}

/// Numbers that occur, and how often.
fn counted(numbers: impl Iterator<Item = usize>) -> BTreeMap<usize, usize> {
    let mut counts = BTreeMap::new();
    for n in numbers {
        *counts.entry(n).or_default() += 1;
    }
    counts
}

/// Lost or sent too often without it: a chunk that is passed on as it is goes to whoever asks for all of it, and only to
/// them.
#[tokio::test]
async fn a_chunk_goes_as_it_is_to_those_alone_who_ask_for_all_of_it() -> Result<()> {
    check(None).await
}

/// By its id where the workers have it at hand.
#[tokio::test]
async fn a_chunk_at_hand_goes_by_its_id() -> Result<()> {
    check(Some(1024 * 1024)).await
}

#[tokio::test]
async fn a_chunk_that_is_no_longer_at_hand_is_read_from_the_log() -> Result<()> {
    check(Some(0)).await
}

async fn check(recent_bytes: Option<usize>) -> Result<()> {
    let hand = ByHand::start_keeping(recent_bytes, &[]).await?;
    let tenant = hand.tenant().await?;
    let mut routes = BTreeMap::new();
    for (id, filter, partner, asks) in CASES() {
        let inbox = Inbox::open().await?;
        let key = register(&tenant, id, filter, partner, &inbox).await?;
        let to = hand.recipient_of(&tenant, &key).await?;
        routes.insert(to.route, (id, inbox, asks));
    }
    for count in [LARGE, SMALL, SMALL] {
        publish(&tenant, count).await?;
    }
    let chunks = hand.take(Worker::Dispatch, 10, 1).await?;
    let bodies = chunks.records.iter().map(|record| queue::read(record.body.as_deref().unwrap_or_default()));
    let bodies: Vec<DispatchMessage> = bodies.collect::<Result<_, _>>()?;
    ensure!(bodies.len() == 3, "{} chunks", bodies.len());
    let large = bodies.into_iter().find(|one| one.contents.as_ref().is_some_and(|contents| contents.events == LARGE));
    let DispatchMessage { chunk, body, .. } = large.context("the large chunk")?;
    ensure!(body.is_some() == recent_bytes.is_none(), "{body:?}");
    let large = serde_json::to_value(body.map_or(Events::Chunk { id: chunk }, Events::Inline))?;
    ensure!(hand.call(&hand.app, Worker::Dispatch, &chunks, Deadline::after(CALL)).await? == 0, "not dispatched");

    let mut messages: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    loop {
        let event = hand.take(Worker::Deliver, 10, 0).await?;
        if event.records.is_empty() {
            break;
        }
        for record in &event.records {
            let message: DeliverMessage = queue::read(record.body.as_deref().unwrap_or_default())?;
            let Task::Deliver { events, .. } = message.task else { anyhow::bail!("another task: {:?}", message.task) };
            let id = routes.get(&message.to.route).context("a route")?.0;
            messages.entry(id).or_default().push(serde_json::to_value(events)?);
        }
        ensure!(hand.call(&hand.app, Worker::Deliver, &event, Deadline::after(CALL)).await? == 0, "not delivered");
    }
    for (id, inbox, asks) in routes.values() {
        let expected = [LARGE, SMALL, SMALL].into_iter().flat_map(|count| (0..count).filter(|n| asks(*n)));
        let (expected, got) = (counted(expected), counted(inbox.posts().iter().map(Post::number)));
        ensure!(got == expected, "{id}: {got:?}");
        let sent = messages.get(id).map_or(&[][..], Vec::as_slice);
        let whole = sent.iter().filter(|events| **events == large).count();
        let is_whole = ["all", "both-names"].contains(id);
        let count = if expected.is_empty() { 0 } else { 1 + usize::from(is_whole) };
        ensure!((whole, sent.len()) == (usize::from(is_whole), count), "{id}: {whole} whole of {}", sent.len());
    }
    hand.stop().await;
    Ok(())
}

/// Registers a route, for a partner's events or all.
async fn register(tenant: &Tenant, id: &str, filter: Value, partner: Option<&str>, inbox: &Inbox) -> Result<RouteKey> {
    let Some(partner) = partner else {
        tenant.webhook_with(id, json!({"callback_url": inbox.url()}), filter).await?;
        return Ok(RouteKey::new(FaceKind::Integration, id));
    };
    let body = json!({"name": id, "url": inbox.url(), "events": ["*"], "partner_id": partner});
    let made = tenant.api.post("/v1/webhooks/subscriptions", &body).await?.json(201)?;
    Ok(RouteKey::new(FaceKind::Subscription, made["id"].as_str().context("an id")?))
}
