//! Messages from partners: opened, kept, answered; and the same message again.

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use serde_json::{Value, json};
use sluice_as2::receipt::{Expected, ReceivedReceipt, Verdict, read};
use sluice_as2::{Digest, Limits, Mic};
use sluice_local::receiver::status;

use super::{ACKNOWLEDGMENT, INVOICE, SHIPMENT};
use crate::support::as2::{
    Protection, answer, hand_in, headers_of, keys, message, post, reaches, receipt, reply_headers, set_up,
};
use crate::support::{Api, Inbox, Reply, SOON, eventually, shared};

const NOWHERE: &str = "http://127.0.0.1:9/";

fn ours(reply: &Reply) -> Result<ReceivedReceipt> {
    let pinned = [keys()[0].certificate().clone()];
    Ok(read(&reply_headers(reply), reply.body.clone(), &pinned, &Digest::ALL, &Limits::default())?)
}

fn accepted(receipt: &ReceivedReceipt, message_id: &str, mic: &Mic) -> Result<()> {
    let verdict = receipt.judge(&Expected { message_id, mic, signed: true });
    ensure!(verdict == Verdict::Accepted { warning: None }, "{verdict:?}");
    Ok(())
}

async fn inbound(api: &Api) -> Result<Vec<Value>> {
    let page = api.get("/v1/transactions?direction=inbound").await?.json(200)?;
    Ok(page["transactions"].as_array().context("a list")?.clone())
}

#[tokio::test]
async fn a_message_becomes_a_document_an_event_and_a_transaction() -> Result<()> {
    let world = shared().await;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    let (api, path) = (&tenant.api, format!("/as2/{}", tenant.id));
    set_up(api, NOWHERE, json!({})).await?;
    let events = Inbox::open().await?;
    // Whatever gets all events gets it too.
    tenant.webhook("erp", &events.url()).await?;
    let sent = message("<1@partner>", INVOICE, Protection::default());
    let reply = post(&open, &path, &sent.headers, &sent.body).await?;
    ensure!(reply.status == 200, "{}", reply.text());
    accepted(&ours(&reply)?, "<1@partner>", &sent.mic)?;

    let event = events.wait_for(1).await?.remove(0).json()?;
    ensure!(event["name"] == "document.received", "{event}");
    let payload = &event["payload"];
    ensure!(payload["partner_id"] == "p-1" && payload["document_type"] == "810", "{event}");
    ensure!(payload["file_name"] == "order.edi" && payload["size"] == INVOICE.len(), "{event}");
    ensure!(payload["control_numbers"][0]["interchange"] == "000000905", "{event}");
    let id = payload["transaction_id"].as_str().context("a transaction")?.to_owned();
    let shown = reaches(api, &id, "delivered").await?;
    ensure!(shown["direction"] == "inbound" && shown["partner_id"] == "p-1", "{shown}");
    let document = api.get(&format!("/v1/transactions/{id}/document")).await?;
    ensure!(document.body == INVOICE && document.header("content-type") == "application/edi-x12", "{document:?}");
    ensure!(document.header("content-disposition").contains("order.edi"), "{document:?}");
    let mdn = api.get(&format!("/v1/transactions/{id}/mdn")).await?;
    ensure!(
        mdn.body == reply.body && mdn.header("content-type") == reply.header("content-type"),
        "the MDN as it was sent"
    );
    api.act(&format!("/v1/transactions/{id}/retry")).await?.error(409, "transaction_inbound")?;

    // The same message again, also sealed anew: the first receipt, and no second document.
    for again in [sent, message("<1@partner>", b"something else", Protection::default())] {
        let repeated = post(&open, &path, &again.headers, &again.body).await?;
        ensure!(repeated.status == 200 && repeated.body == reply.body, "{}", repeated.text());
    }
    ensure!(inbound(api).await?.len() == 1, "one transaction");
    ensure!(crate::support::quiet(|| events.len()).await? == 1, "one event");
    // The sandbox has partners of its own.
    set_up(&api.sandbox(), NOWHERE, json!({})).await?;
    let sent = message("<1@partner>", INVOICE, Protection::default());
    let reply = post(&open, &format!("/sandbox{path}"), &sent.headers, &sent.body).await?;
    accepted(&ours(&reply)?, "<1@partner>", &sent.mic)?;
    ensure!((inbound(api).await?.len(), inbound(&api.sandbox()).await?.len()) == (1, 1));
    Ok(())
}

#[tokio::test]
async fn what_comes_from_a_partner_does_not_hide_what_fails_to_reach_it() -> Result<()> {
    let world = shared().await;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    let api = &tenant.api;
    set_up(api, NOWHERE, json!({})).await?;
    let id = hand_in(api, INVOICE, "").await?;
    reaches(api, &id, "failed").await?;
    let sent = message("<1@partner>", INVOICE, Protection::default());
    post(&open, &format!("/as2/{}", tenant.id), &sent.headers, &sent.body).await?;
    ensure!(inbound(api).await?[0]["status"] == "delivered", "it came after the failure");
    let live = &api.get("/v1/partners/p-1").await?.json(200)?["live"];
    ensure!(live["last_success_at"].is_null() && live["failing_since"].is_string(), "{live}");
    ensure!(live["backlog"] == 1, "{live}");
    Ok(())
}

#[tokio::test]
async fn the_same_message_at_once_is_one_document() -> Result<()> {
    let world = shared().await;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    let path = format!("/as2/{}", tenant.id);
    set_up(&tenant.api, NOWHERE, json!({})).await?;
    let sent = message("<race@partner>", INVOICE, Protection::default());
    let posts = (0..6).map(|_| post(&open, &path, &sent.headers, &sent.body));
    let replies = futures::future::try_join_all(posts).await?;
    for reply in &replies {
        ensure!(reply.status == 200, "{}", reply.text());
        ensure!(reply.body == replies[0].body, "one MDN for all");
    }
    accepted(&ours(&replies[0])?, "<race@partner>", &sent.mic)?;
    ensure!(inbound(&tenant.api).await?.len() == 1, "one transaction");
    Ok(())
}

#[tokio::test]
async fn other_contents_under_one_id_at_once_are_one_document() -> Result<()> {
    let world = shared().await;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    let path = format!("/as2/{}", tenant.id);
    set_up(&tenant.api, NOWHERE, json!({})).await?;
    let contents: Vec<Vec<u8>> = (0..6_u8).map(|number| [INVOICE, &[b'0' + number]].concat()).collect();
    let sent: Vec<_> =
        contents.iter().map(|content| message("<clash@partner>", content, Protection::default())).collect();
    let posts = sent.iter().map(|sent| post(&open, &path, &sent.headers, &sent.body));
    let replies = futures::future::try_join_all(posts).await?;
    let shown = inbound(&tenant.api).await?;
    ensure!(shown.len() == 1, "{shown:?}");
    let id = shown[0]["id"].as_str().context("an id")?;
    let kept = tenant.api.get(&format!("/v1/transactions/{id}/document")).await?.body;
    let one = contents.iter().position(|content| *content == kept).context("one of those that were sent")?;
    for reply in &replies {
        // What was kept is confirmed, whoever is answered.
        accepted(&ours(reply)?, "<clash@partner>", &sent[one].mic)?;
    }
    Ok(())
}

#[tokio::test]
async fn both_of_our_keys_decrypt_during_a_rotation() -> Result<()> {
    let world = shared().await;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    let path = format!("/as2/{}", tenant.id);
    set_up(&tenant.api, NOWHERE, json!({})).await?;
    let next = &keys()[2];
    let key = json!({"private_key_pem": *next.private_key_pem(), "certificate_pem": next.certificate().to_pem()});
    tenant.api.post("/v1/identities/us/rotate", &json!({"key": key})).await?.json(200)?;
    for (number, key) in [&keys()[0], next].into_iter().enumerate() {
        let id = format!("<{number}@partner>");
        let sent = message(&id, INVOICE, Protection { encrypt: Some(key), ..Protection::default() });
        let reply = post(&open, &path, &sent.headers, &sent.body).await?;
        let pinned = [next.certificate().clone()];
        let receipt = read(&reply_headers(&reply), reply.body.clone(), &pinned, &Digest::ALL, &Limits::default())?;
        accepted(&receipt, &id, &sent.mic)?;
    }
    Ok(())
}

#[tokio::test]
async fn an_asynchronous_receipt_is_sent_until_it_is_taken() -> Result<()> {
    let world = crate::support::World::start(&[("SLUICE_RETRY_WEBHOOK", "100ms,100ms")]).await?;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    let path = format!("/as2/{}", tenant.id);
    set_up(&tenant.api, NOWHERE, json!({})).await?;
    let taken = std::sync::atomic::AtomicUsize::new(0);
    let partner = Inbox::answering(move |_, _| {
        let first = taken.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        status(if first { StatusCode::BAD_GATEWAY } else { StatusCode::OK })
    })
    .await?;
    let address = partner.url();
    let protection = Protection { deliver_to: Some(&address), ..Protection::default() };
    let sent = message("<async@partner>", INVOICE, protection);
    let reply = post(&open, &path, &sent.headers, &sent.body).await?;
    ensure!(reply.status == 200 && reply.body.is_empty(), "{}", reply.text());
    let posts = partner.wait_for(2).await?;
    ensure!(posts[0].received.body == posts[1].received.body, "the same receipt");
    let pinned = [keys()[0].certificate().clone()];
    let body = posts[1].received.body.to_vec();
    let receipt = read(&headers_of(&posts[1]), body, &pinned, &Digest::ALL, &Limits::default())?;
    accepted(&receipt, "<async@partner>", &sent.mic)?;

    // The partner lost it, and sends its message again.
    let scope = tenant.scope();
    let document = inbound(&tenant.api).await?[0]["event_id"].as_str().context("an id")?.to_owned();
    let arrived = async || {
        let document = world.system.app.stores.documents.get(&scope, &document).await?;
        Ok(document.and_then(|document| document.receipt?.delivered_at))
    };
    eventually("it arrived", SOON, arrived).await?;
    ensure!(post(&open, &path, &sent.headers, &sent.body).await?.status == 200);
    ensure!(partner.wait_for(3).await?[2].received.body == posts[1].received.body, "the same receipt");

    // An operator has it sent once more.
    let id = inbound(&tenant.api).await?[0]["id"].as_str().context("an id")?.to_owned();
    let run = json!({"workflow": "regenerate_mdn", "parameters": {"transaction_id": id}});
    let run = tenant.api.post("/v1/automations/run", &run).await?.json(202)?;
    ensure!(partner.wait_for(4).await?[3].received.body == posts[1].received.body, "the same receipt");
    let path_of_run = format!("/v1/automations/runs/{}", run["run_id"].as_str().context("a run")?);
    let done = async || {
        let run = tenant.api.get(&path_of_run).await?.json(200)?;
        Ok((run["status"] == "succeeded").then_some(()))
    };
    eventually("the run is over", SOON, done).await?;

    // It is sent nowhere inside.
    let inside = Protection { deliver_to: Some("http://10.0.0.1/"), ..Protection::default() };
    let sent = message("<inside@partner>", INVOICE, inside);
    ensure!(post(&open, &path, &sent.headers, &sent.body).await?.status == 200);
    ensure!(inbound(&tenant.api).await?.len() == 2, "the document is there");
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn acknowledgments_are_matched_to_what_was_sent() -> Result<()> {
    let world = shared().await;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    let (api, path) = (&tenant.api, format!("/as2/{}", tenant.id));
    let partner =
        Inbox::answering(|post, _| answer(receipt(post, &sluice_as2::receipt::Disposition::Processed))).await?;
    set_up(api, &partner.url(), json!({})).await?;
    let (invoice, shipment) = (hand_in(api, INVOICE, "").await?, hand_in(api, SHIPMENT, "").await?);
    reaches(api, &invoice, "delivered").await?;
    reaches(api, &shipment, "delivered").await?;
    let other = String::from_utf8_lossy(ACKNOWLEDGMENT).replace("AK1*IN", "AK1*SH").replace("AK2*810", "AK2*856");
    for (name, bytes, id) in
        [("<997@partner>", ACKNOWLEDGMENT, &invoice), ("<998@partner>", other.as_bytes(), &shipment)]
    {
        let sent = message(name, bytes, Protection::default());
        ensure!(post(&open, &path, &sent.headers, &sent.body).await?.status == 200);
        let found = eventually("it is matched", SOON, async || {
            let shown = api.get(&format!("/v1/transactions/{id}")).await?.json(200)?;
            Ok(shown["document"]["acknowledgments"].get(0).is_some().then_some(shown))
        });
        let found = found.await?;
        let all = &found["document"]["acknowledgments"];
        ensure!(all[0]["status"] == "accepted" && all.as_array().is_some_and(|all| all.len() == 2), "{found}");
    }
    Ok(())
}
