//! A partner's message that is posted again after the process died.

use anyhow::{Context as _, Result, ensure};
use futures::stream::{self, StreamExt as _};
use serde_json::json;
use sluice::domain::document::RECEIVED;
use sluice_as2::receipt::{Expected, Verdict, read};
use sluice_as2::{Digest, Limits, Sent};

use super::{MANY, SETTINGS, nothing_is_half_written, told_once, transactions};
use crate::e2e::as2::{ACKNOWLEDGMENT, INVOICE};
use crate::support::as2::{Protection, hand_in, keys, message, post, reply_headers, set_up};
use crate::support::mortal::{Last, Life};
use crate::support::{Api, ByHand, Reply, Tenant};

const AT_ONCE: usize = 4;
const NOWHERE: &str = "http://127.0.0.1:9/";

/// It confirms that message.
fn confirms(reply: &Reply, sent: &Sent) -> Result<()> {
    ensure!(reply.status == 200, "{}", reply.text());
    let pinned = [keys()[0].certificate().clone()];
    let receipt = read(&reply_headers(reply), reply.body.clone(), &pinned, &Digest::ALL, &Limits::default())?;
    let verdict = receipt.judge(&Expected { message_id: "<1@partner>", mic: &sent.mic, signed: true });
    ensure!(verdict == Verdict::Accepted { warning: None }, "{verdict:?}");
    Ok(())
}

/// The process dies at that call of a message; `false` if it lived to the end.
async fn dies(hand: &ByHand, calls: usize, last: Last) -> Result<bool> {
    let tenant = hand.tenant().await?;
    let (api, path) = (&tenant.api, format!("/as2/{}", tenant.id));
    set_up(api, NOWHERE, json!({})).await?;
    let ours = hand_in(api, INVOICE, "").await?;
    let sent = message("<1@partner>", ACKNOWLEDGMENT, Protection::default());
    let life = Life::of(calls, last);
    let process = hand.successor(&life).await?;
    let open = Api::open(&process.base)?;
    let first = tokio::select! {
        reply = post(&open, &path, &sent.headers, &sent.body) => Some(reply?),
        () = life.ended() => None,
    };
    nothing_is_half_written(api, "inbound", ACKNOWLEDGMENT).await?;
    let process = hand.successor(&Life::long()).await?;
    let open = Api::open(&process.base)?;
    let reply = post(&open, &path, &sent.headers, &sent.body).await?;
    confirms(&reply, &sent)?;
    ensure!(first.as_ref().is_none_or(|first| first.body == reply.body), "another MDN than the first");
    if first.is_none() && last == Last::Late {
        life.arrive().await;
    }
    let again = post(&open, &path, &sent.headers, &sent.body).await?;
    ensure!(again.status == 200 && again.body == reply.body, "another MDN than the one that was kept");
    one_document(hand, &tenant, ACKNOWLEDGMENT).await?;
    let mdn = transactions(api, "inbound").await?[0]["id"].as_str().context("an id")?.to_owned();
    ensure!(api.get(&format!("/v1/transactions/{mdn}/mdn")).await?.body == reply.body, "another MDN is shown");
    // The group, and the document in it.
    let (_, ours) = ours.rsplit_once("doc_").context("a document's id")?;
    let ours = hand.app.stores.documents.get(&tenant.scope(), &format!("doc_{ours}")).await?.context("a document")?;
    ensure!(ours.acknowledgments.len() == 2, "{:?}", ours.acknowledgments);
    Ok(first.is_none())
}

/// There is one document, one transaction and one event.
async fn one_document(hand: &ByHand, tenant: &Tenant, document: &[u8]) -> Result<()> {
    let all = transactions(&tenant.api, "inbound").await?;
    ensure!(all.len() == 1 && all[0]["status"] == "delivered", "{all:?}");
    let id = all[0]["id"].as_str().context("an id")?.to_owned();
    ensure!(tenant.api.get(&format!("/v1/transactions/{id}/document")).await?.body == document, "another document");
    told_once(&hand.app, tenant, RECEIVED, &[id]).await
}

async fn every_crash(last: Last) -> Result<()> {
    let hand = ByHand::start(&SETTINGS).await?;
    let mut crashes = 0;
    {
        let mut all = stream::iter(1..MANY).map(|calls| dies(&hand, calls, last)).buffered(AT_ONCE);
        while let Some(died) = all.next().await {
            if !died.with_context(|| format!("call {}", crashes + 1))? {
                break;
            }
            crashes += 1;
        }
    }
    ensure!((10..MANY - 1).contains(&crashes), "{crashes} crashes");
    hand.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_crash_before_any_call_of_a_message_leaves_one_document_and_one_receipt() -> Result<()> {
    every_crash(Last::NotMade).await
}

#[tokio::test]
async fn a_crash_after_any_call_of_a_message_leaves_one_document_and_one_receipt() -> Result<()> {
    every_crash(Last::Made).await
}

#[tokio::test]
async fn what_arrives_after_the_message_came_again_comes_too_late() -> Result<()> {
    every_crash(Last::Late).await
}

/// Lost without it: the partner holds our receipt for a content that nobody here has.
#[tokio::test]
async fn another_content_under_the_id_is_not_confirmed_after_a_crash_either() -> Result<()> {
    let hand = ByHand::start(&SETTINGS).await?;
    let tenant = hand.tenant().await?;
    let path = format!("/as2/{}", tenant.id);
    set_up(&tenant.api, NOWHERE, json!({})).await?;
    let [first, other] = [INVOICE, ACKNOWLEDGMENT].map(|text| message("<1@partner>", text, Protection::default()));
    // The claim, and the document.
    let life = Life::until(Some("PutItem"), 2, Last::Made);
    let process = hand.successor(&life).await?;
    let open = Api::open(&process.base)?;
    tokio::select! {
        reply = post(&open, &path, &first.headers, &first.body) => anyhow::bail!("it was answered: {reply:?}"),
        () = life.ended() => {}
    }
    let process = hand.successor(&Life::long()).await?;
    let open = Api::open(&process.base)?;
    let reply = post(&open, &path, &other.headers, &other.body).await?;
    confirms(&reply, &first)?;
    ensure!(confirms(&reply, &other).is_err(), "it confirms what is not there");
    one_document(&hand, &tenant, INVOICE).await?;
    hand.stop().await;
    Ok(())
}
