//! A document that is handed in again under its `Idempotency-Key` after the process died.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use anyhow::{Context as _, Result, ensure};
use axum::http::{Method, StatusCode};
use futures::future::try_join_all;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::json;
use sluice::deadline::Deadline;
use sluice::domain::document::QUEUED;
use sluice::domain::face::FaceKind;
use sluice::domain::route::RouteKey;
use sluice_as2::receipt::Disposition;
use sluice_local::receiver::status;
use sluice_workers::Worker;

use super::{CALL, SETTINGS, logged, nothing_is_half_written, transactions};
use crate::e2e::as2::INVOICE;
use crate::support::as2::{answer, opened, receipt, set_up};
use crate::support::mortal::{Last, Life};
use crate::support::{Api, ByHand, Inbox, Reply, Tenant, eventually};

/// Stories that are told at once: each mostly waits for its route's first live moment.
const AT_ONCE: usize = 4;
/// More calls than handing in a document needs.
const MOST: usize = 40;

/// A tenant with a partner that takes everything.
struct Pair {
    tenant: Tenant,
    partner: Inbox,
}

struct Story {
    pair: Pair,
    transaction: String,
    died: bool,
}

async fn hand_in(api: &Api, body: &'static [u8]) -> Result<Reply> {
    api.send(Method::POST, "/v1/partners/p-1/documents", |request| {
        request.header("idempotency-key", "one").header("content-type", "application/edi-x12").body(body)
    })
    .await
}

impl Pair {
    async fn new(hand: &ByHand) -> Result<Self> {
        let tenant = hand.tenant().await?;
        let partner = Inbox::answering(|post, _| answer(receipt(post, &Disposition::Processed))).await?;
        set_up(&tenant.api, &partner.url(), json!({})).await?;
        Ok(Self { tenant, partner })
    }

    /// Hands in a document by a process that makes so many calls, and then again.
    async fn tell(self, hand: &ByHand, calls: usize, last: Last) -> Result<Story> {
        let tenant = &self.tenant;
        let life = Life::of(calls, last);
        let process = hand.successor(&life).await?;
        let api = tenant.api.at(&process.base);
        let first = tokio::select! {
            reply = hand_in(&api, INVOICE) => Some(reply?.json(202)?),
            () = life.ended() => None,
        };
        nothing_is_half_written(&tenant.api, "outbound", INVOICE).await?;
        let process = hand.successor(&Life::long()).await?;
        let api = tenant.api.at(&process.base);
        let reply = hand_in(&api, INVOICE).await?;
        let given = reply.json(202)?;
        if first.is_none() && last == Last::Late {
            life.arrive().await;
        }
        let again = hand_in(&api, INVOICE).await?;
        ensure!(again.header("idempotent-replayed") == "true" && again.body == reply.body, "another answer");
        ensure!(first.as_ref().is_none_or(|first| *first == given), "{first:?}, then {given}");
        let transaction = given["transaction_id"].as_str().context("a transaction")?.to_owned();
        Ok(Story { pair: self, transaction, died: first.is_none() })
    }
}

impl Story {
    /// So many documents were handed in, and each arrived.
    async fn check(&self, hand: &ByHand, count: usize) -> Result<()> {
        let Pair { tenant, partner } = &self.pair;
        let all = transactions(&tenant.api, "outbound").await?;
        let known = all.iter().any(|one| one["id"] == self.transaction.as_str());
        ensure!(all.len() == count && known, "{all:?}, not {}", self.transaction);
        ensure!(all.iter().all(|one| one["status"] == "delivered"), "{all:?}");
        nothing_is_half_written(&tenant.api, "outbound", INVOICE).await?;
        let queued = logged(&hand.app, tenant, QUEUED).await?.len();
        ensure!(queued == count, "{queued} are queued");
        let mut messages = BTreeMap::new();
        for post in partner.posts() {
            let (envelope, received) = opened(&post)?;
            ensure!(received.document.bytes == INVOICE, "another document was sent");
            let first = messages.entry(envelope.message_id).or_insert_with(|| post.clone());
            ensure!(first.received.body == post.received.body, "the same id, and other bytes");
        }
        ensure!(messages.len() == count, "{} messages were sent", messages.len());
        Ok(())
    }
}

/// Each call is the last one once, for a tenant of its own. No story is left in the middle: what it handed in would be
/// sent to a port that may be another's by then.
async fn stories(hand: &ByHand, last: Last, pairs: Vec<Pair>) -> Result<Vec<Story>> {
    let (mut pairs, mut stories) = (pairs.into_iter(), Vec::<Story>::new());
    while stories.len() < MOST && stories.iter().all(|story| story.died) {
        let telling = (stories.len() + 1..).take(AT_ONCE).map(|calls| {
            let pair = pairs.next();
            async move {
                let pair = match pair {
                    Some(pair) => pair,
                    None => Pair::new(hand).await?,
                };
                pair.tell(hand, calls, last).await.with_context(|| format!("call {calls}"))
            }
        });
        stories.extend(try_join_all(telling).await?);
    }
    let crashes = stories.iter().filter(|story| story.died).count();
    ensure!((9..MOST - AT_ONCE).contains(&crashes), "{crashes} crashes");
    Ok(stories)
}

/// Delivers until so many documents have arrived at each partner, and what is to be delivered besides. On a slow machine a
/// partner's first live moment is moved: what was logged before it comes from the log, which has its grace first.
async fn deliver_all<'a>(hand: &ByHand, partners: impl Iterator<Item = &'a Inbox> + Clone, count: usize) -> Result<()> {
    hand.dispatch().await?;
    eventually("all documents arrived", CALL, async || {
        let mut is_quiet = false;
        while !is_quiet {
            is_quiet = true;
            for worker in [Worker::Replay, Worker::Deliver] {
                let messages = hand.take(worker, 10, 0).await?;
                is_quiet &= messages.records.is_empty();
                ensure!(hand.call(&hand.app, worker, &messages, Deadline::after(CALL)).await? == 0, "messages failed");
            }
        }
        let arrived = |partner: &Inbox| {
            let messages: BTreeSet<_> = partner.posts().iter().map(|post| post.received.body.clone()).collect();
            messages.len() >= count
        };
        Ok(partners.clone().all(arrived).then_some(()))
    })
    .await
}

async fn check_all(hand: &ByHand, stories: &[Story], count: usize) -> Result<()> {
    for (place, story) in stories.iter().enumerate() {
        story.check(hand, count).await.with_context(|| format!("call {}", place + 1))?;
    }
    Ok(())
}

async fn every_crash(last: Last) -> Result<()> {
    let hand = ByHand::start(&SETTINGS).await?;
    let stories = stories(&hand, last, Vec::new()).await?;
    deliver_all(&hand, stories.iter().map(|story| &story.pair.partner), 1).await?;
    check_all(&hand, &stories, 1).await?;
    hand.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_crash_before_any_call_of_handing_in_leaves_one_document() -> Result<()> {
    every_crash(Last::NotMade).await
}

#[tokio::test]
async fn a_crash_after_any_call_of_handing_in_leaves_one_document() -> Result<()> {
    every_crash(Last::Made).await
}

#[tokio::test]
async fn what_arrives_after_it_was_handed_in_again_comes_too_late() -> Result<()> {
    every_crash(Last::Late).await
}

#[tokio::test]
async fn another_document_under_the_key_is_refused_after_a_crash_too() -> Result<()> {
    let hand = ByHand::start(&SETTINGS).await?;
    let Pair { tenant, partner } = Pair::new(&hand).await?;
    let life = Life::until(Some("SendMessage"), 1, Last::NotMade);
    let process = hand.successor(&life).await?;
    let api = tenant.api.at(&process.base);
    // It makes the partner's route, or has its document dispatched.
    tokio::select! {
        reply = hand_in(&api, INVOICE) => anyhow::bail!("it was answered: {reply:?}"),
        () = life.ended() => {}
    }
    let process = hand.successor(&Life::long()).await?;
    let api = tenant.api.at(&process.base);
    hand_in(&api, b"another").await?.error(422, "idempotency_key_reused")?;
    hand_in(&api, INVOICE).await?.json(202)?;
    hand_in(&api, b"another").await?.error(422, "idempotency_key_reused")?;
    deliver_all(&hand, iter::once(&partner), 1).await?;
    ensure!(partner.len() == 1 && transactions(&api, "outbound").await?.len() == 1, "one document");
    hand.stop().await;
    Ok(())
}

/// Lost without it: what waits for a partner that was given up, and whose next document died while it was handed in.
#[tokio::test]
async fn a_crash_at_any_call_of_starting_a_partner_anew_strands_nothing() -> Result<()> {
    let hand = ByHand::start(&SETTINGS).await?;
    let pairs = stream::iter(0..MOST).map(async |_| {
        let pair = Pair::new(&hand).await?;
        crate::support::as2::hand_in(&pair.tenant.api, INVOICE, "").await?;
        anyhow::Ok(pair)
    });
    let pairs: Vec<Pair> = pairs.buffered(AT_ONCE).try_collect().await?;
    hand.dispatch().await?;
    let route = RouteKey::new(FaceKind::Documents, "p-1");
    let stops = pairs.iter().map(async |pair| hand.app.engine.lifecycle.stop(&pair.tenant.scope(), &route).await);
    try_join_all(stops).await?;
    deliver_all(&hand, iter::empty(), 0).await?;
    ensure!(pairs.iter().all(|pair| pair.partner.len() == 0), "it was sent to a partner that was given up");
    let stories = stories(&hand, Last::NotMade, pairs).await?;
    deliver_all(&hand, stories.iter().map(|story| &story.pair.partner), 2).await?;
    check_all(&hand, &stories, 2).await?;
    hand.stop().await;
    Ok(())
}

/// Lost without it: the second of a partner's first documents, which is logged before the route takes anything.
#[tokio::test]
async fn the_first_documents_of_a_partner_all_arrive() -> Result<()> {
    let hand = ByHand::start(&SETTINGS).await?;
    let tenant = hand.tenant().await?;
    let partner = Inbox::answering(|_, _| status(StatusCode::OK)).await?;
    set_up(&tenant.api, &partner.url(), json!({"mdn": "none"})).await?;
    let send = async |number: u64| {
        // Each a little later than the one before.
        tokio::time::sleep(std::time::Duration::from_millis(20 * number)).await;
        let send = |request: reqwest::RequestBuilder| request.body(format!("document {number}"));
        tenant.api.send(Method::POST, "/v1/partners/p-1/documents", send).await?.json(202)
    };
    let answers = futures::future::join_all((0..8).map(send)).await;
    answers.into_iter().collect::<Result<Vec<_>>>()?;
    deliver_all(&hand, iter::once(&partner), 8).await?;
    ensure!(partner.len() == 8, "{} came for 8", partner.len());
    hand.stop().await;
    Ok(())
}
