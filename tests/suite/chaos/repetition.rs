//! A publish that is repeated under its `Idempotency-Key` after its process died: whichever call was the last, each event
//! has one id, stands in the log once, and is on its way.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use axum::http::Method;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use sluice::deadline::Deadline;
use sluice::domain::ids::ChunkId;
use sluice::store::reader::Direction;
use sluice_workers::Worker;

use crate::support::mortal::{Last, Life};
use crate::support::{Api, ByHand, Inbox, Reply, SOON, Tenant};

/// More calls than a publish needs.
const MANY: usize = 40;

/// The servers, and what was answered.
struct Story {
    hand: ByHand,
    tenant: Tenant,
    inbox: Inbox,
    /// The id of each event by its number.
    ids: BTreeMap<u64, String>,
    next: u64,
}

async fn post(api: &Api, key: &str, body: &Value) -> Result<Reply> {
    let body = serde_json::to_vec(body)?;
    let with = |request: reqwest::RequestBuilder| {
        request.header("idempotency-key", key).header("content-type", "application/json").body(body)
    };
    api.send(Method::POST, "/v1/events", with).await
}

impl Story {
    async fn begin() -> Result<Self> {
        // Whatever else the machine has to do meanwhile, no write of the log is given up.
        let hand = ByHand::start(&[("SLUICE_LOG_GRACE_MILLISECONDS", "30000")]).await?;
        let (tenant, inbox) = (hand.tenant().await?, Inbox::open().await?);
        tenant.webhook("hook", &inbox.url()).await?;
        hand.recipient(&tenant, "hook").await?;
        Ok(Self { hand, tenant, inbox, ids: BTreeMap::new(), next: 0 })
    }

    /// A new event, without an id of its own.
    fn event(&mut self) -> Value {
        self.next += 1;
        json!({"name": "a.b", "payload": {"n": self.next}})
    }

    /// A batch of which one event has an id of its own.
    fn batch(&mut self) -> Value {
        let mut events = [self.event(), self.event(), self.event()];
        events[1]["id"] = json!(format!("own-{}", self.next));
        json!({"events": events})
    }

    /// Sends a request to one process after the other, until one lives long enough to answer; says how many died.
    async fn insist(&mut self, key: &str, body: &Value, lives: &[Life]) -> Result<usize> {
        let mut died = 0;
        for life in lives.iter().chain([&Life::long()]) {
            let process = self.hand.successor(life).await?;
            let api = self.tenant.api.at(&process.base);
            let reply = tokio::select! {
                reply = post(&api, key, body) => reply?,
                () = life.ended() => {
                    died += 1;
                    continue;
                }
            };
            self.keep(body, &reply.json(202)?)?;
            let later = self.hand.successor(&Life::long()).await?;
            let again = post(&self.tenant.api.at(&later.base), key, body).await?;
            ensure!(again.header("idempotent-replayed") == "true" && again.body == reply.body, "another answer");
            return Ok(died);
        }
        anyhow::bail!("nobody answered")
    }

    fn keep(&mut self, body: &Value, answer: &Value) -> Result<()> {
        let sent = body["events"].as_array().cloned().unwrap_or_else(|| vec![body.clone()]);
        let answered = answer["events"].as_array().context("a list")?;
        ensure!(sent.len() == answered.len(), "{answer}");
        for (event, receipt) in sent.iter().zip(answered) {
            let number = event["payload"]["n"].as_u64().context("a number")?;
            self.ids.insert(number, receipt["id"].as_str().context("an id")?.to_owned());
        }
        Ok(())
    }

    /// How often each number stands in the log, under which id.
    async fn logged(&self) -> Result<BTreeMap<u64, Vec<String>>> {
        let scope = self.tenant.scope();
        let (from, end) = (self.hand.app.ports.now().minus(20 * SOON), self.hand.app.ports.now().plus(SOON));
        let (from, end) = (ChunkId::floor(from), ChunkId::floor(end));
        let mut log = self.hand.app.stores.log.read(&scope, from, end, Direction::OldestFirst);
        let mut found: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        while let Some((_, events)) = log.next().await? {
            for event in events {
                let payload: Value = serde_json::from_str(event.payload.get())?;
                found.entry(payload["n"].as_u64().context("a number")?).or_default().push(event.id);
            }
        }
        Ok(found)
    }

    /// Each event that was answered stands in the log once, is found by its id, and reaches its target.
    async fn check(&self) -> Result<()> {
        let logged = self.logged().await?;
        for (number, id) in &self.ids {
            let found = logged.get(number).with_context(|| format!("{number} is not in the log"))?;
            ensure!(
                found.len() == 1 && found[0] == *id,
                "{number} was answered as {id}, and is in the log as {found:?}"
            );
            let event = self.tenant.api.get(&format!("/v1/events/{id}")).await?.json(200)?;
            ensure!(event["payload"]["n"] == *number, "{event}");
        }
        ensure!(logged.len() == self.ids.len(), "{} of {} were answered", self.ids.len(), logged.len());
        self.hand.dispatch().await?;
        loop {
            let messages = self.hand.take(Worker::Deliver, 10, 0).await?;
            if messages.records.is_empty() {
                break;
            }
            let failed = self.hand.call(&self.hand.app, Worker::Deliver, &messages, Deadline::after(SOON)).await?;
            ensure!(failed == 0, "{failed} messages failed");
        }
        let came: BTreeSet<String> = self.inbox.posts().iter().map(|post| post.id()).collect();
        let missing: Vec<_> = self.ids.values().filter(|id| !came.contains(*id)).collect();
        ensure!(missing.is_empty(), "not delivered: {missing:?}");
        Ok(())
    }
}

/// Every call of a publish is the last one once; gives how many there were.
async fn every_crash(last: Last) -> Result<()> {
    let mut story = Story::begin().await?;
    let mut crashes = 0;
    for single in [false, true] {
        for calls in 1..MANY {
            let body = if single { story.event() } else { story.batch() };
            let life = Life::of(calls, last);
            let died = story.insist(&format!("key {single} {calls}"), &body, std::slice::from_ref(&life)).await?;
            if died == 0 {
                break;
            }
            if last == Last::Late {
                life.arrive().await;
            }
            crashes += died;
        }
    }
    ensure!((10..2 * MANY - 4).contains(&crashes), "{crashes} crashes");
    story.check().await?;
    story.hand.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_crash_before_any_call_leaves_one_event() -> Result<()> {
    every_crash(Last::NotMade).await
}

#[tokio::test]
async fn a_crash_after_any_call_leaves_one_event() -> Result<()> {
    every_crash(Last::Made).await
}

#[tokio::test]
async fn a_write_that_comes_after_the_repetition_comes_too_late() -> Result<()> {
    every_crash(Last::Late).await
}

#[tokio::test]
async fn whatever_crashes_and_is_repeated_an_event_has_one_id_and_one_entry() -> Result<()> {
    let mut story = Story::begin().await?;
    let mut chance = TestRunner::deterministic();
    let lives = prop::collection::vec((1..18_usize, 0..3_u8), 1..5);
    for turn in 0..12 {
        let lives = lives.new_tree(&mut chance).map_err(anyhow::Error::msg)?.current();
        let kind = |kind: u8| [Last::NotMade, Last::Made, Last::Late][usize::from(kind)];
        let lives: Vec<Life> = lives.into_iter().map(|(calls, last)| Life::of(calls, kind(last))).collect();
        let body = if turn % 3 == 0 { story.event() } else { story.batch() };
        let died = story.insist(&format!("turn {turn}"), &body, &lives).await?;
        for life in lives.iter().take(died).filter(|life| life.is_late()) {
            life.arrive().await;
        }
    }
    story.check().await?;
    story.hand.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_batch_of_which_a_part_was_logged_is_completed() -> Result<()> {
    // What no compression makes small enough for one transaction.
    let mut story = Story::begin().await?;
    let mut noise = 1_u64;
    let mut letter = || {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let letter = char::from(b'#' + ((noise >> 33) % 91) as u8);
        if letter == '\\' { '!' } else { letter }
    };
    let mut events = Vec::new();
    for _ in 0..20 {
        let mut event = story.event();
        event["payload"]["noise"] = json!((0..255_000).map(|_| letter()).collect::<String>());
        events.push(event);
    }
    let body = json!({"events": events});
    for (turn, last) in [Last::NotMade, Last::Made, Last::Late].into_iter().enumerate() {
        for event in body["events"].as_array().context("a list")? {
            story.ids.remove(&event["payload"]["n"].as_u64().context("a number")?);
        }
        let life = Life::until(Some("TransactWriteItems"), 2, last);
        let died = story.insist(&format!("large {turn}"), &body, std::slice::from_ref(&life)).await?;
        ensure!(died == 1, "there was no second transaction");
        if last == Last::Late {
            life.arrive().await;
        }
        let logged = story.logged().await?;
        let wrong = logged.values().filter(|ids| ids.len() != turn + 1).count();
        ensure!(wrong == 0 && logged.len() == 20, "{wrong} of {} are in the log more or less than once", logged.len());
    }
    for id in story.ids.values() {
        story.tenant.api.get(&format!("/v1/events/{id}")).await?.json(200)?;
    }
    story.hand.stop().await;
    Ok(())
}

#[tokio::test]
async fn another_body_under_the_key_is_refused_after_a_crash_too() -> Result<()> {
    let mut story = Story::begin().await?;
    let (body, other) = (story.event(), json!({"name": "a.b", "payload": {"n": 1, "more": true}}));
    // The answer was not kept: nothing but the claim knows the request.
    let life = Life::until(Some("SendMessage"), 1, Last::Made);
    let process = story.hand.successor(&life).await?;
    let api = story.tenant.api.at(&process.base);
    tokio::select! {
        reply = post(&api, "key", &body) => anyhow::bail!("it was answered: {reply:?}"),
        () = life.ended() => {}
    }
    let process = story.hand.successor(&Life::long()).await?;
    let api = story.tenant.api.at(&process.base);
    post(&api, "key", &other).await?.error(422, "idempotency_key_reused")?;
    story.insist("key", &body, &[]).await?;
    post(&api, "key", &other).await?.error(422, "idempotency_key_reused")?;
    story.check().await?;
    story.hand.stop().await;
    Ok(())
}
