//! Receipts for what we sent: which count, which do not, and those that come by themselves, late, or never.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use serde_json::json;
use sluice::domain::document::Document;
use sluice_as2::receipt::Disposition;
use sluice_as2::{Digest, Mic};
use sluice_local::receiver::status;

use super::INVOICE;
use crate::support::as2::{answer, hand_in, keys, opened, post, reaches, receipt, receipt_for, set_up};
use crate::support::{Ahead, Inbox, SOON, World, eventually, quiet, shared};

const RETRIES: (&str, &str) = ("SLUICE_RETRY_WEBHOOK", "100ms");

#[tokio::test]
async fn receipts_that_prove_nothing_do_not_count() -> Result<()> {
    let world = World::start(&[RETRIES]).await?;
    let tries = Arc::new(AtomicUsize::new(0));
    for (case, words) in [
        ("stranger", "cannot be trusted"),
        ("unsigned", "cannot be trusted"),
        ("mic", "another MIC"),
        ("other", "another message"),
        ("garbage", ""),
        ("empty", "no MDN"),
    ] {
        let api = world.tenant().await?.api;
        let count = Arc::clone(&tries);
        let partner = Inbox::answering(move |post, _| {
            count.fetch_add(1, Ordering::Relaxed);
            let Ok((mut envelope, received)) = opened(post) else { return status(StatusCode::IM_A_TEAPOT) };
            let [_, theirs, stranger] = keys();
            let wrong = Mic::of(Digest::Sha256, b"something else");
            let (mic, key) = match case {
                "stranger" => (&received.mic, Some(stranger)),
                "unsigned" => (&received.mic, None),
                "mic" => (&wrong, Some(theirs)),
                "other" => {
                    envelope.message_id = "<other@sluice>".to_owned();
                    (&received.mic, Some(theirs))
                }
                "empty" => return status(StatusCode::OK),
                _ => {
                    let mut garbage = status(StatusCode::OK);
                    *garbage.body_mut() = bytes::Bytes::from_static(b"<html>It works!</html>").into();
                    return garbage;
                }
            };
            answer(receipt_for(&envelope, &Disposition::Processed, Some(mic), key))
        })
        .await?;
        set_up(&api, &partner.url(), json!({})).await?;
        let id = hand_in(&api, INVOICE, "").await?;
        let dead = reaches(&api, &id, "dead").await?;
        ensure!(dead["attempt_count"] == 2, "{case}: {dead}");
        ensure!(dead["error"].as_str().is_some_and(|error| error.contains(words)), "{case}: {dead}");
    }
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn an_asynchronous_receipt_settles_the_attempt_that_waits_for_it() -> Result<()> {
    let world = shared().await;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    let api = &tenant.api;
    let partner = Inbox::answering(|_, _| status(StatusCode::OK)).await?;
    set_up(api, &partner.url(), json!({"mdn": "async"})).await?;
    let id = hand_in(api, INVOICE, "").await?;
    let waiting = reaches(api, &id, "delivering").await?;
    ensure!(waiting["attempt_count"] == 1 && waiting["error"].is_null(), "{waiting}");
    let came = partner.posts().remove(0);
    let address = came.received.header("receipt-delivery-option").to_owned();
    let path = format!("/as2/{}/mdn", tenant.id);
    ensure!(address.starts_with("http://127.0.0.1:") && address.ends_with(&path), "{address}");

    // What proves nothing changes nothing.
    let (envelope, received) = opened(&came)?;
    let forged = receipt_for(&envelope, &Disposition::Processed, Some(&received.mic), Some(&keys()[2]));
    post(&open, &path, &forged.headers, &forged.body).await?.error(403, "mdn_refused")?;
    let mut other = envelope.clone();
    other.message_id = "<never@sent>".to_owned();
    let never = receipt_for(&other, &Disposition::Processed, Some(&received.mic), Some(&keys()[1]));
    post(&open, &path, &never.headers, &never.body).await?.error(400, "unknown_message")?;
    post(&open, &path, &never.headers, b"garbage").await?.error(400, "not_an_mdn")?;
    let good = receipt(&came, &Disposition::Processed);
    post(&open, "/as2/nobody/mdn", &good.headers, &good.body).await?.error(404, "not_found")?;
    post(&open, &format!("/sandbox{path}"), &good.headers, &good.body).await?.error(400, "unknown_message")?;
    ensure!(reaches(api, &id, "delivering").await?["attempt_count"] == 1, "nothing has changed");
    api.delete("/v1/partners/p-1").await?.error(409, "partner_in_use")?;

    // It may come twice, and to the address of messages.
    ensure!(post(&open, &path, &good.headers, &good.body).await?.status == 200);
    let delivered = reaches(api, &id, "delivered").await?;
    ensure!(delivered["attempt_count"] == 1, "{delivered}");
    ensure!(post(&open, path.trim_end_matches("/mdn"), &good.headers, &good.body).await?.status == 200);
    ensure!(api.get(&format!("/v1/transactions/{id}/mdn")).await?.body == good.body, "the MDN as it came");
    ensure!(partner.len() == 1, "it was sent once");
    Ok(())
}

/// The partner has something else, so there is nothing to wait for.
#[tokio::test]
async fn an_asynchronous_receipt_with_another_mic_ends_the_wait() -> Result<()> {
    let world = World::start(&[RETRIES]).await?;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    let api = &tenant.api;
    let partner = Inbox::answering(|_, _| status(StatusCode::OK)).await?;
    set_up(api, &partner.url(), json!({"mdn": "async"})).await?;
    let events = Inbox::open().await?;
    let filter = json!({"event_filter": ["mdn.received", "mdn.timeout"]});
    tenant.webhook_with("erp", json!({"callback_url": events.url()}), filter).await?;
    let id = hand_in(api, INVOICE, "").await?;
    reaches(api, &id, "delivering").await?;
    let (envelope, received) = opened(&partner.wait_for(1).await?[0])?;
    let wrong = Mic::of(Digest::Sha256, b"something else");
    let other = receipt_for(&envelope, &Disposition::Processed, Some(&wrong), Some(&keys()[1]));
    let path = format!("/as2/{}/mdn", tenant.id);
    ensure!(post(&open, &path, &other.headers, &other.body).await?.status == 200);
    let again = partner.wait_for(2).await?;
    ensure!(again[0].received.header("message-id") == again[1].received.header("message-id"), "{again:?}");
    ensure!(api.get(&format!("/v1/transactions/{id}/mdn")).await?.body == other.body, "the MDN as it came");
    let told = events.wait_for(1).await?.remove(0).json()?;
    ensure!(told["name"] == "mdn.received" && told["payload"]["disposition"] == "mismatch", "{told}");
    let shown = reaches(api, &id, "delivering").await?;
    ensure!(shown.to_string().contains("another MIC"), "{shown}");
    let good = receipt_for(&envelope, &Disposition::Processed, Some(&received.mic), Some(&keys()[1]));
    ensure!(post(&open, &path, &good.headers, &good.body).await?.status == 200);
    reaches(api, &id, "delivered").await?;
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_receipt_may_come_before_the_response_to_its_message() -> Result<()> {
    let world = shared().await;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    let api = &tenant.api;
    let (partner, gate) = Inbox::gated().await?;
    set_up(api, &partner.url(), json!({"mdn": "async"})).await?;
    let id = hand_in(api, INVOICE, "").await?;
    let good = receipt(&partner.wait_for(1).await?[0], &Disposition::Processed);
    ensure!(post(&open, &format!("/as2/{}/mdn", tenant.id), &good.headers, &good.body).await?.status == 200);
    let early = reaches(api, &id, "delivered").await?;
    gate.send(true)?;
    ensure!(quiet(|| partner.len()).await? == 1, "it was sent again");
    let delivered = reaches(api, &id, "delivered").await?;
    ensure!(early["attempt_count"] == 1 && delivered["attempt_count"] == 1, "{early} {delivered}");
    Ok(())
}

/// Otherwise the partner would get the same invoice twice, under another name.
#[tokio::test]
async fn what_was_wanted_again_is_not_sent_after_its_receipt() -> Result<()> {
    let world = World::start(&[]).await?;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    let api = &tenant.api;
    let partner = Inbox::answering(|_, _| status(StatusCode::OK)).await?;
    set_up(api, &partner.url(), json!({"mdn": "async"})).await?;
    let id = hand_in(api, INVOICE, "").await?;
    let waiting = reaches(api, &id, "delivering").await?;
    // An operator wants it sent again; before a worker comes to it, the partner's receipt does.
    let scope = tenant.scope();
    let document = waiting["event_id"].as_str().context("a document")?;
    let again = |document: &mut Document| !std::mem::replace(&mut document.again, true);
    world.system.app.stores.documents.change(&scope, document, again).await?;
    let good = receipt(&partner.posts()[0], &Disposition::Processed);
    ensure!(post(&open, &format!("/as2/{}/mdn", tenant.id), &good.headers, &good.body).await?.status == 200);
    reaches(api, &id, "delivered").await?;
    ensure!(quiet(|| partner.len()).await? == 1, "it was sent again");
    ensure!(api.get(&format!("/v1/transactions/{id}/mdn")).await?.body == good.body, "the MDN as it came");
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn without_a_receipt_it_is_sent_again_and_a_late_one_is_recorded() -> Result<()> {
    let clock = Ahead::default();
    // 20 minutes are beyond the queue's own clock.
    let world = World::on_clock(&[RETRIES], clock.clone()).await?;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    let api = &tenant.api;
    let partner = Inbox::answering(|_, _| status(StatusCode::ACCEPTED)).await?;
    let events = Inbox::open().await?;
    tenant.webhook_with("erp", json!({"callback_url": events.url()}), json!({"event_filter": ["mdn.timeout"]})).await?;
    set_up(api, &partner.url(), json!({"mdn": "async", "mdn_timeout_minutes": 20})).await?;
    let id = hand_in(api, INVOICE, "").await?;
    reaches(api, &id, "delivering").await?;
    clock.by(0.4);
    let posts = partner.wait_for(2).await?;
    ensure!(posts[0].received.body == posts[1].received.body, "the same message");
    let timeout = events.wait_for(1).await?.remove(0).json()?;
    ensure!(timeout["payload"]["transaction_id"] == id, "{timeout}");
    eventually("the second attempt waits", SOON, async || {
        let shown = api.get(&format!("/v1/transactions/{id}")).await?.json(200)?;
        Ok((shown["attempt_count"] == 2 && shown["status"] == "delivering").then_some(()))
    })
    .await?;
    clock.by(0.4);
    let dead = reaches(api, &id, "dead").await?;
    ensure!(dead["error"] == "no MDN came in time", "{dead}");
    let late = receipt(&posts[0], &Disposition::Processed);
    let path = format!("/as2/{}/mdn", tenant.id);
    ensure!(post(&open, &path, &late.headers, &late.body).await?.status == 200);
    reaches(api, &id, "delivered").await?;
    ensure!(partner.len() == 2, "it was not sent again");
    world.stop().await;
    Ok(())
}
