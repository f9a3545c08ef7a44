//! Transactions: every delivery is found, by any combination of facts, and can be sent again.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use serde_json::{Value, json};
use sluice_local::receiver::status;

use crate::support::{Api, Inbox, SOON, World, eventually, shared};

async fn list(api: &Api, query: &str) -> Result<Vec<Value>> {
    let page = api.get(&format!("/v1/transactions{query}")).await?.json(200)?;
    Ok(page["transactions"].as_array().context("transactions")?.clone())
}

async fn wait(api: &Api, query: &str, count: usize) -> Result<Vec<Value>> {
    eventually(query, SOON, async || {
        let found = list(api, query).await?;
        Ok((found.len() == count).then_some(found))
    })
    .await
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// A target whose answers are what is stored here.
async fn answering(code: &Arc<AtomicU16>) -> Result<Inbox> {
    let code = Arc::clone(code);
    Inbox::answering(move |_, _| status(StatusCode::from_u16(code.load(Ordering::Relaxed)).unwrap_or_default())).await
}

#[tokio::test]
async fn every_delivery_is_found_by_any_of_its_facts() -> Result<()> {
    let world = World::start(&[("SLUICE_RETRY_STREAM", "100ms")]).await?;
    let tenant = world.tenant().await?;
    let api = &tenant.api;
    let code = Arc::new(AtomicU16::new(200));
    let inbox = answering(&code).await?;
    tenant.webhook("erp", &inbox.url()).await?;
    let event = |n: usize, partner: &str, document: &str| json!({"name": "a.b", "payload": {"n": n}, "partner_id": partner, "document_type": document});
    let events: Vec<Value> =
        (0..40).map(|n| event(n, ["p-1", "p-2"][n % 2], ["invoice", "order"][usize::from(n >= 20)])).collect();
    api.publish(&json!({"events": events})).await?.json(202)?;
    wait(api, "?status=delivered&limit=500", 40).await?;
    code.store(400, Ordering::Relaxed);
    api.publish(&event(40, "p-1", "invoice")).await?.json(202)?;
    wait(api, "?status=rejected", 1).await?;
    code.store(500, Ordering::Relaxed);
    api.publish(&event(41, "p-2", "invoice")).await?.json(202)?;
    wait(api, "?status=dead", 1).await?;

    for (query, count) in [
        ("", 42),
        ("&partner_id=p-1", 21),
        ("&partner_id=p-1&document_type=invoice", 11),
        ("&partner_id=p-1&document_type=invoice&status=delivered", 10),
        ("&partner_id=p-2&status=dead", 1),
        ("&partner_id=p-1&status=dead", 0),
        ("&partner_id=p-3", 0),
        ("&direction=outbound", 42),
        ("&direction=inbound", 0),
        ("&from=2099-01-01T00:00:00.000Z", 0),
        ("&to=2099-01-01T00:00:00.000Z&from=2020-01-01T00:00:00.000Z", 42),
        ("&to=2020-01-01T00:00:00.000Z", 0),
    ] {
        let found = list(api, &format!("?limit=500{query}")).await?.len();
        ensure!(found == count, "{query}: {found} instead of {count}");
    }

    // A cursor stays where it is while more is added.
    code.store(200, Ordering::Relaxed);
    let mut seen: Vec<String> = Vec::new();
    let mut query = "?limit=7".to_owned();
    loop {
        let page = api.get(&format!("/v1/transactions{query}")).await?.json(200)?;
        let ids = page["transactions"].as_array().context("transactions")?.iter().map(|one| text(one, "id").to_owned());
        seen.extend(ids);
        let Some(next) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=7&cursor={next}");
        api.publish(&event(100 + seen.len(), "p-9", "other")).await?.json(202)?;
        let partner = format!("?partner_id=p-9&limit={}", seen.len().min(500));
        eventually("one more", SOON, async || Ok((!list(api, &partner).await?.is_empty()).then_some(()))).await?;
    }
    let distinct: HashSet<&String> = seen.iter().collect();
    ensure!(seen.len() == 42 && distinct.len() == 42, "{} transactions, {} distinct", seen.len(), distinct.len());

    for id in &seen {
        let one = api.get(&format!("/v1/transactions/{id}")).await?.json(200)?;
        let attempts = one["attempts"].as_array().context("attempts")?;
        ensure!(one["id"] == id.as_str() && one["attempt_count"] == attempts.len(), "{one}");
        ensure!(one["route"] == json!({"type": "integration", "id": "erp"}), "{one}");
    }
    let dead = list(api, "?status=dead").await?.remove(0);
    let dead = api.get(&format!("/v1/transactions/{}", text(&dead, "id"))).await?.json(200)?;
    ensure!(dead["attempts"][0]["status"] == "failed" && dead["attempts"][1]["status"] == "dead", "{dead}");
    ensure!(dead["attempts"][1]["code"] == 500 && text(&dead, "error").contains("500"), "{dead}");
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_delivery_is_sent_again_as_often_as_it_is_asked_for() -> Result<()> {
    let world = World::start(&[("SLUICE_RETRY_STREAM", "100ms")]).await?;
    let tenant = world.tenant().await?;
    let api = &tenant.api;
    let code = Arc::new(AtomicU16::new(500));
    let inbox = answering(&code).await?;
    tenant.webhook("erp", &inbox.url()).await?;
    let event = tenant.publish("a.b", 0..1).await?.remove(0);
    let id = text(&wait(api, "?status=dead", 1).await?[0], "id").to_owned();
    ensure!(inbox.len() == 2, "{} attempts", inbox.len());

    let retry = format!("/v1/transactions/{id}/retry");
    for attempt in 3..6 {
        let queued = api.act(&retry).await?.json(202)?;
        ensure!(queued["status"] == "queued" && queued["id"] == id.as_str(), "{queued}");
        inbox.wait_for(attempt).await?;
        let path = format!("/v1/transactions/{id}");
        let done = async || {
            let one = api.get(&path).await?.json(200)?;
            Ok((one["attempt_count"] == attempt && one["status"] == "dead").then_some(()))
        };
        eventually("it is dead again", SOON, done).await?;
    }
    code.store(204, Ordering::Relaxed);
    // Two at once: neither is swallowed.
    let (one, two) = tokio::try_join!(api.act(&retry), api.act(&retry))?;
    ensure!((one.status, two.status) == (202, 202), "{} {}", one.text(), two.text());
    let posts = inbox.wait_for(7).await?;
    ensure!(posts.iter().all(|post| post.id() == event), "the same webhook-id each time");
    ensure!(posts[6].received.header("webhook-replay") == "true", "{:?}", posts[6].received.headers);
    wait(api, "?status=delivered", 1).await?;

    // One that had arrived.
    let good = tenant.publish("a.b", 1..2).await?.remove(0);
    let arrived = wait(api, "?status=delivered", 2).await?;
    let arrived = arrived.iter().find(|one| one["event_id"] == good.as_str()).context("it arrived")?;
    let path = format!("/v1/transactions/{}", text(arrived, "id"));
    api.act(&format!("{path}/retry")).await?.json(202)?;
    inbox.wait_for(9).await?;
    let both =
        async || Ok(Some(api.get(&path).await?.json(200)?).filter(|one| one["attempts"][1]["status"] == "delivered"));
    eventually("two attempts", SOON, both).await?;
    let all = list(api, "").await?;
    ensure!(all.len() == 2, "each is listed once: {all:?}");

    tenant.api.delete("/v1/integrations/erp").await?.empty(204)?;
    api.act(&retry).await?.error(409, "route_gone")?;
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn what_is_no_transaction_is_not_found() -> Result<()> {
    let (one, other) = (shared().await.tenant().await?, shared().await.tenant().await?);
    let inbox = Inbox::open().await?;
    one.webhook("erp", &inbox.url()).await?;
    one.publish("a.b", 0..1).await?;
    let id = text(&wait(&one.api, "", 1).await?[0], "id").to_owned();
    for api in [&other.api, &one.api.sandbox()] {
        api.get(&format!("/v1/transactions/{id}")).await?.error(404, "not_found")?;
        api.act(&format!("/v1/transactions/{id}/retry")).await?.error(404, "not_found")?;
        ensure!(list(api, "").await?.is_empty(), "nothing of another");
    }
    for bad in ["x", "txn_", &id[..id.len() - 1], &format!("{id}x")] {
        one.api.get(&format!("/v1/transactions/{bad}")).await?.error(404, "not_found")?;
    }
    for (query, pointer) in
        [("status=lost", "?"), ("limit=0", "?limit"), ("cursor=x", "?cursor"), ("from=now", "?"), ("x=1", "?")]
    {
        let pointers = one.api.get(&format!("/v1/transactions?{query}")).await?.pointers()?;
        ensure!(pointers == [pointer], "{query}: {pointers:?}");
    }
    Ok(())
}
