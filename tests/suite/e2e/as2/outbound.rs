//! Documents for partners: sealed once, sent until the partner's receipt says what became of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context as _, Result, ensure};
use axum::http::{Method, StatusCode};
use serde_json::json;
use sluice_as2::receipt::Disposition;
use sluice_local::receiver::status;

use super::INVOICE;
use crate::support::as2::{answer, hand_in, headers_of, opened, profile, reaches, receipt, set_up};
use crate::support::{Inbox, SOON, World, eventually, quiet, shared};

fn processed() -> Disposition {
    Disposition::Processed
}

#[tokio::test]
async fn a_document_that_waits_is_a_transaction_and_keeps_its_partner() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let (partner, gate) = Inbox::gated().await?;
    set_up(api, &partner.url(), json!({"mdn": "none"})).await?;
    let id = hand_in(api, INVOICE, "").await?;
    let path = format!("/v1/transactions/{id}");
    let shown = api.get(&path).await?.json(200)?;
    ensure!(shown["status"] == "queued" && shown["attempt_count"] == 0 && shown["attempts"] == json!([]), "{shown}");
    ensure!(shown["document"]["size"] == INVOICE.len() && shown["document_type"] == "810", "{shown}");
    let list = api.get("/v1/transactions?partner_id=p-1&status=queued").await?.json(200)?;
    ensure!(list["transactions"][0]["id"] == id.as_str(), "{list}");
    // It is on its way.
    let retried = api.post(&format!("{path}/retry"), &json!({})).await?.json(202)?;
    ensure!(retried["status"] == "queued", "{retried}");
    api.delete("/v1/partners/p-1").await?.error(409, "partner_in_use")?;
    gate.send(true)?;
    let sent = reaches(api, &id, "delivered").await?;
    ensure!(sent["attempt_count"] == 1 && quiet(|| partner.len()).await? == 1, "{sent}");
    let list = api.get("/v1/transactions?partner_id=p-1").await?.json(200)?;
    ensure!(list["transactions"].as_array().is_some_and(|all| all.len() == 1), "{list}");
    api.delete("/v1/partners/p-1").await?.empty(204)
}

#[tokio::test]
async fn a_document_is_delivered_by_a_receipt_and_both_can_be_read() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let partner = Inbox::answering(|post, _| answer(receipt(post, &processed()))).await?;
    set_up(api, &partner.url(), json!({})).await?;
    let events = Inbox::open().await?;
    let names = ["document.sent", "mdn.received"];
    tenant.webhook_with("erp", json!({"callback_url": events.url()}), json!({"event_filter": names})).await?;

    let id = hand_in(api, INVOICE, "?file_name=a%20b.edi&correlation_id=c-1").await?;
    let delivered = reaches(api, &id, "delivered").await?;
    ensure!(delivered["document_type"] == "810" && delivered["partner_id"] == "p-1", "{delivered}");
    ensure!(delivered["direction"] == "outbound" && delivered["attempt_count"] == 1, "{delivered}");
    let (_, received) = opened(&partner.posts()[0])?;
    ensure!(received.document.bytes == INVOICE, "another document came");
    ensure!(received.document.file_name.as_deref() == Some("a b.edi"), "{:?}", received.document.file_name);
    ensure!(received.protections.signed.is_some() && received.protections.encrypted.is_some());

    let document = api.get(&format!("/v1/transactions/{id}/document")).await?;
    ensure!(document.body == INVOICE && document.header("content-type") == "application/edi-x12", "{document:?}");
    let mdn = api.get(&format!("/v1/transactions/{id}/mdn")).await?;
    ensure!(mdn.status == 200 && mdn.header("content-type").starts_with("multipart/signed"), "{mdn:?}");
    ensure!(mdn.text().contains("Received-Content-MIC"), "{}", mdn.text());
    for post in events.wait_for(2).await? {
        let event = post.json()?;
        ensure!(names.contains(&event["name"].as_str().unwrap_or_default()), "{event}");
        let payload = &event["payload"];
        ensure!(payload["transaction_id"] == id && payload["partner_id"] == "p-1", "{event}");
        ensure!(payload["correlation_id"] == "c-1" && payload["control_numbers"][0]["groups"][0] == "77", "{event}");
    }
    // Nobody else's, and not in the sandbox.
    let other = shared().await.tenant().await?;
    for path in ["document", "mdn"] {
        let path = format!("/v1/transactions/{id}/{path}");
        other.api.get(&path).await?.error(404, "not_found")?;
        api.sandbox().get(&path).await?.error(404, "not_found")?;
    }
    Ok(())
}

#[tokio::test]
async fn what_is_sent_again_is_what_was_sent() -> Result<()> {
    let api = shared().await.tenant().await?.api;
    let tries = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tries);
    let partner = Inbox::answering(move |post, _| match count.fetch_add(1, Ordering::Relaxed) {
        0 => status(StatusCode::SERVICE_UNAVAILABLE),
        _ => answer(receipt(post, &processed())),
    })
    .await?;
    set_up(&api, &partner.url(), json!({"basic_auth": {"username": "u", "password": "p"}})).await?;
    let id = hand_in(&api, INVOICE, "").await?;
    let delivered = reaches(&api, &id, "delivered").await?;
    ensure!(delivered["attempt_count"] == 2, "{delivered}");
    let posts = partner.posts();
    ensure!(posts.len() == 2 && posts[0].received.body == posts[1].received.body, "{} posts", posts.len());
    for post in &posts {
        ensure!(post.received.header("authorization") == "Basic dTpw", "{:?}", post.received.headers);
    }
    let same =
        |name| headers_of(&posts[0]).get(name).map(str::to_owned) == headers_of(&posts[1]).get(name).map(str::to_owned);
    ensure!(same("message-id") && same("date") && same("content-type"), "{posts:?}");
    Ok(())
}

#[tokio::test]
async fn a_negative_receipt_rejects_and_sending_again_is_another_message() -> Result<()> {
    const REASON: &str = "Invoice 4711 was not posted: its line 3 refers to order 4500012345, which was closed on \
                          20 November and has no quantity left; please send a corrected invoice.";
    let api = shared().await.tenant().await?.api;
    let tries = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tries);
    let partner = Inbox::answering(move |post, _| {
        let refused = Disposition::Error(REASON.to_owned());
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        answer(receipt(post, if first { &refused } else { &Disposition::Processed }))
    })
    .await?;
    set_up(&api, &partner.url(), json!({"compress": true})).await?;
    let id = hand_in(&api, INVOICE, "").await?;
    let rejected = reaches(&api, &id, "rejected").await?;
    ensure!(rejected["error"] == REASON, "{rejected}");
    api.act(&format!("/v1/transactions/{id}/retry")).await?.json(202)?;
    let delivered = reaches(&api, &id, "delivered").await?;
    ensure!(delivered["attempt_count"] == 2, "{delivered}");
    let ids: Vec<_> = partner.posts().iter().map(|post| post.received.header("message-id").to_owned()).collect();
    ensure!(ids.len() == 2 && ids[0] != ids[1], "{ids:?}");
    api.act(&format!("/v1/transactions/{id}/retry")).await?;
    partner.wait_for(3).await?;
    Ok(())
}

/// A partner that takes each message but once would not look at it.
#[tokio::test]
async fn without_receipts_sending_again_is_another_message() -> Result<()> {
    let api = shared().await.tenant().await?.api;
    let partner = Inbox::answering(|_, _| status(StatusCode::OK)).await?;
    set_up(&api, &partner.url(), json!({"mdn": "none"})).await?;
    let id = hand_in(&api, INVOICE, "").await?;
    reaches(&api, &id, "delivered").await?;
    api.act(&format!("/v1/transactions/{id}/retry")).await?.json(202)?;
    let posts = partner.wait_for(2).await?;
    let ids: Vec<_> = posts.iter().map(|post| post.received.header("message-id").to_owned()).collect();
    ensure!(ids[0] != ids[1], "{ids:?}");
    Ok(())
}

#[tokio::test]
async fn what_waits_outlasts_a_profile_that_is_not_ready() -> Result<()> {
    let world = World::start(&[("SLUICE_RETRY_WEBHOOK", "200ms,200ms,500ms,1s,2s,3s,5s,5s,5s,10s")]).await?;
    let api = world.tenant().await?.api;
    let open = Arc::new(AtomicBool::new(false));
    let is_open = Arc::clone(&open);
    let partner = Inbox::answering(move |post, _| match is_open.load(Ordering::Relaxed) {
        false => status(StatusCode::SERVICE_UNAVAILABLE),
        true => answer(receipt(post, &processed())),
    })
    .await?;
    set_up(&api, &partner.url(), json!({})).await?;
    let id = hand_in(&api, INVOICE, "").await?;
    partner.wait_for(1).await?;
    api.patch("/v1/partners/p-1", &json!({"status": "inactive"})).await?.json(200)?;
    eventually("an attempt finds it inactive", SOON, async || {
        let shown = api.get(&format!("/v1/transactions/{id}")).await?;
        Ok(shown.text().contains("The partner is inactive.").then_some(()))
    })
    .await?;
    open.store(true, Ordering::Relaxed);
    api.patch("/v1/partners/p-1", &json!({"status": "active"})).await?.json(200)?;
    reaches(&api, &id, "delivered").await?;
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_large_message_has_longer() -> Result<()> {
    let world = World::start(&[("SLUICE_REQUEST_TIMEOUT_SECONDS", "1")]).await?;
    let api = world.tenant().await?.api;
    let (partner, gate) = Inbox::gated().await?;
    set_up(&api, &partner.url(), json!({"mdn": "none"})).await?;
    let large = hand_in(&api, &vec![b'x'; 4 * 1024 * 1024], "").await?;
    partner.wait_for(1).await?;
    let small = hand_in(&api, INVOICE, "").await?;
    eventually("the small one has no answer in time", SOON, async || {
        let shown = api.get(&format!("/v1/transactions/{small}")).await?.json(200)?;
        Ok((shown["attempt_count"].as_u64() >= Some(1)).then_some(()))
    })
    .await?;
    gate.send(true)?;
    let sent = reaches(&api, &large, "delivered").await?;
    ensure!(sent["attempt_count"] == 1, "{sent}");
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn documents_are_checked_before_they_are_taken() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let path = "/v1/partners/p-1/documents";
    let send = async |query: &str, body: &'static [u8]| {
        api.send(Method::POST, &format!("{path}{query}"), |request| request.body(body)).await
    };
    send("", b"x").await?.error(404, "not_found")?;
    let lone = json!({"id": "p-2", "name": "n", "transport": "webhook"});
    api.post("/v1/partners", &lone).await?.json(201)?;
    api.send(Method::POST, "/v1/partners/p-2/documents", |request| request.body("x"))
        .await?
        .error(409, "partner_not_ready")?;
    api.post("/v1/partners", &profile("http://127.0.0.1:9/", &json!({}))).await?.json(201)?;
    let unready = send("", b"x").await?.error(409, "partner_not_ready")?;
    ensure!(unready["message"].as_str().is_some_and(|words| words.contains("identity")), "{unready}");
    api.delete("/v1/partners/p-1").await?.empty(204)?;
    set_up(api, "http://127.0.0.1:9/", json!({})).await?;
    send("", b"").await?.error(400, "empty_document")?;
    ensure!(send("?file_name=..%2Fa", b"x").await?.pointers()? == ["?file_name"]);
    ensure!(send("?document_type=", b"x").await?.pointers()? == ["?document_type"]);
    ensure!(send("?unknown=1", b"x").await?.status == 400);
    api.patch("/v1/partners/p-1", &json!({"certificates": []})).await?.json(200)?;
    send("", b"x").await?.error(409, "partner_not_ready")?;
    api.patch("/v1/partners/p-1", &json!({"status": "inactive"})).await?.json(200)?;
    send("", b"x").await?.error(409, "partner_not_ready")?;
    let page = api.get("/v1/transactions").await?.json(200)?;
    ensure!(page["transactions"] == json!([]), "{page}");
    Ok(())
}

#[tokio::test]
async fn a_partner_is_tested_step_by_step() -> Result<()> {
    let api = shared().await.tenant().await?.api;
    let path = "/v1/partners/p-1/test";
    api.act(path).await?.error(404, "not_found")?;
    let partner = Inbox::answering(|post, _| answer(receipt(post, &processed()))).await?;
    set_up(&api, &partner.url(), json!({"mdn": "async"})).await?;
    let steps = async || {
        let test = api.act(path).await?.json(200)?;
        let steps = test["steps"].as_array().context("steps")?.clone();
        let names: Vec<String> = steps.iter().filter_map(|step| step["name"].as_str().map(str::to_owned)).collect();
        let error = steps.last().and_then(|step| step["message"].as_str()).unwrap_or_default().to_owned();
        ensure!(test["ok"] == error.is_empty(), "{test}");
        anyhow::Ok((names.join(" "), error))
    };
    ensure!(steps().await? == ("configuration message request mdn".to_owned(), String::new()));
    ensure!(partner.len() == 1, "one message");
    let page = api.get("/v1/transactions").await?.json(200)?;
    ensure!(page["transactions"] == json!([]), "{page}");
    api.patch("/v1/partners/p-1", &json!({"as2": {"url": "http://127.0.0.1:9/"}})).await?.json(200)?;
    ensure!(steps().await? == ("configuration message request".to_owned(), "connection refused".to_owned()));
    api.patch("/v1/partners/p-1", &json!({"status": "inactive"})).await?.json(200)?;
    ensure!(steps().await?.0 == "configuration");
    Ok(())
}

#[tokio::test]
async fn a_key_makes_one_document() -> Result<()> {
    let api = shared().await.tenant().await?.api;
    let partner = Inbox::answering(|post, _| answer(receipt(post, &processed()))).await?;
    set_up(&api, &partner.url(), json!({})).await?;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let reply = api
            .send(Method::POST, "/v1/partners/p-1/documents", |request| {
                request.header("idempotency-key", "one").body(INVOICE)
            })
            .await?;
        ids.push(reply.json(202)?["transaction_id"].as_str().context("an id")?.to_owned());
    }
    ensure!(ids[0] == ids[1], "{ids:?}");
    reaches(&api, &ids[0], "delivered").await?;
    // Its route made itself, and goes with the partner.
    api.delete("/v1/partners/p-1").await?.empty(204)?;
    let page = api.get("/v1/transactions").await?.json(200)?;
    ensure!(page["transactions"].as_array().is_some_and(|all| all.len() == 1), "{page}");
    Ok(())
}
