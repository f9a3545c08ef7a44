//! Webhook subscriptions: made, paused, rotated, tested; what came of their deliveries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use serde_json::{Value, json};
use sluice_local::receiver::status;

use crate::support::{Inbox, SOON, Tenant, World, eventually, quiet, shared};

const MASK: &str = "••••••••";

async fn subscribe(tenant: &Tenant, url: &str, events: &[&str]) -> Result<Value> {
    let wanted = json!({"name": "ERP", "url": url, "events": events});
    tenant.api.post("/v1/webhooks/subscriptions", &wanted).await?.json(201)
}

fn path(subscription: &Value) -> String {
    format!("/v1/webhooks/subscriptions/{}", subscription["id"].as_str().unwrap_or_default())
}

fn secret(subscription: &Value) -> Result<String> {
    Ok(subscription["secret"].as_str().context("a secret")?.to_owned())
}

async fn deliveries(tenant: &Tenant, subscription: &Value, query: &str) -> Result<Vec<Value>> {
    let page = tenant.api.get(&format!("{}/deliveries{query}", path(subscription))).await?.json(200)?;
    Ok(page["deliveries"].as_array().context("deliveries")?.clone())
}

#[tokio::test]
async fn a_subscription_gets_the_events_it_names_signed() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    let made = subscribe(&tenant, &inbox.url(), &["order.created", "invoice.*"]).await?;
    ensure!(secret(&made)?.starts_with("whsec_") && made["enabled"] == true && made["status"] == "running", "{made}");
    let mut wanted = tenant.publish("order.created", 0..3).await?;
    wanted.extend(tenant.publish("invoice.paid", 3..5).await?);
    tenant.publish("order.cancelled", 5..7).await?;
    for post in inbox.exactly(&wanted).await? {
        post.verify(&secret(&made)?)?;
        ensure!(post.json()?["tenant"] == tenant.id.as_str(), "the envelope: {}", post.text());
    }

    let shown = tenant.api.get(&path(&made)).await?.json(200)?;
    ensure!(shown["secret"] == MASK && shown["name"] == "ERP", "{shown}");
    let list = tenant.api.get("/v1/webhooks/subscriptions").await?.json(200)?;
    ensure!(list["subscriptions"] == json!([shown]), "{list}");
    let elsewhere = tenant.api.sandbox().get("/v1/webhooks/subscriptions").await?.json(200)?;
    ensure!(elsewhere["subscriptions"] == json!([]), "{elsewhere}");
    tenant.api.delete(&path(&made)).await?.empty(204)?;
    tenant.api.delete(&path(&made)).await?.error(404, "not_found")?;
    tenant.api.get(&path(&made)).await?.error(404, "not_found")?;
    Ok(())
}

#[tokio::test]
async fn a_paused_subscription_catches_up() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    let made = subscribe(&tenant, &inbox.url(), &["*"]).await?;
    let paused = tenant.api.patch(&path(&made), &json!({"enabled": false})).await?.json(200)?;
    ensure!(paused["enabled"] == false && paused["status"] == "stopped", "{paused}");
    let missed = tenant.publish("a.b", 0..20).await?;
    quiet(|| inbox.len()).await?;
    ensure!(inbox.len() == 0, "nothing comes while it is paused");
    let change = json!({"enabled": true, "name": "Other", "events": ["a.b"], "headers": {"x-kind": "1"}});
    let changed = tenant.api.patch(&path(&made), &change).await?.json(200)?;
    ensure!(
        changed["name"] == "Other" && changed["events"] == json!(["a.b"]) && changed["enabled"] == true,
        "{changed}"
    );
    let posts = inbox.exactly(&missed).await?;
    ensure!(posts.iter().all(|post| post.received.header("x-kind") == "1"), "the new header");
    posts.iter().try_for_each(|post| post.verify(&secret(&made)?))?;
    Ok(())
}

#[tokio::test]
async fn both_secrets_sign_after_a_rotation_the_newer_first() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    let made = subscribe(&tenant, &inbox.url(), &["a.b"]).await?;
    let rotated = tenant.api.act(&format!("{}/secret/rotate", path(&made))).await?.json(200)?;
    ensure!(secret(&rotated)? != secret(&made)? && secret(&rotated)?.starts_with("whsec_"), "{rotated}");
    tenant.publish("a.b", 0..1).await?;
    let post = inbox.wait_for(1).await?.remove(0);
    post.verify(&secret(&made)?)?;
    post.verify(&secret(&rotated)?)?;
    let signatures: Vec<&str> = post.received.header("webhook-signature").split(' ').collect();
    ensure!(signatures.len() == 2, "{signatures:?}");
    // A third one: all three are good for their 24 hours.
    let again = tenant.api.act(&format!("{}/secret/rotate", path(&made))).await?.json(200)?;
    tenant.publish("a.b", 1..2).await?;
    let post = inbox.wait_for(2).await?.remove(1);
    for one in [&made, &rotated, &again] {
        post.verify(&secret(one)?)?;
    }
    // The user's own replaces them all.
    let own = format!("whsec_{}", "YWFh".repeat(10));
    tenant.api.patch(&path(&made), &json!({"secret": own})).await?.json(200)?;
    tenant.publish("a.b", 2..3).await?;
    let post = inbox.wait_for(3).await?.remove(2);
    post.verify(&own)?;
    ensure!(post.verify(&secret(&again)?).is_err(), "the old ones are gone");
    Ok(())
}

#[tokio::test]
async fn a_test_says_what_the_target_answered() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::answering(|post, _| {
        let rejects = post.json().is_ok_and(|body| body["name"] == "a.rejected");
        status(if rejects { StatusCode::BAD_REQUEST } else { StatusCode::ACCEPTED })
    });
    let inbox = inbox.await?;
    let made = subscribe(&tenant, &inbox.url(), &["order.created"]).await?;
    let test = format!("{}/test", path(&made));
    let answer = tenant.api.act(&test).await?.json(200)?;
    ensure!(answer["status"] == "delivered" && answer["code"] == 202 && answer["duration_ms"].is_u64(), "{answer}");
    let post = inbox.wait_for(1).await?.remove(0);
    ensure!(post.json()?["name"] == "order.created" && post.json()?["payload"]["test"] == true, "{}", post.text());
    post.verify(&secret(&made)?)?;
    tenant.api.patch(&path(&made), &json!({"events": ["a.rejected"]})).await?.json(200)?;
    let answer = tenant.api.act(&test).await?.json(200)?;
    ensure!(answer["status"] == "rejected" && answer["code"] == 400, "{answer}");
    tenant.api.patch(&path(&made), &json!({"url": "http://127.0.0.1:1/nobody", "secret": null})).await?.json(200)?;
    let answer = tenant.api.act(&test).await?.json(200)?;
    ensure!(answer["status"] == "failed" && answer["code"].is_null() && answer["error"].is_string(), "{answer}");
    Ok(())
}

#[tokio::test]
async fn deliveries_show_every_attempt() -> Result<()> {
    let world = World::start(&[("SLUICE_RETRY_WEBHOOK", "100ms,100ms")]).await?;
    let tenant = world.tenant().await?;
    let works = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&works);
    let answer = move |_: &_, _: usize| {
        status(if now.load(Ordering::Relaxed) { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR })
    };
    let inbox = Inbox::answering(answer).await?;
    let made = subscribe(&tenant, &inbox.url(), &["a.b"]).await?;
    let dead = tenant.publish("a.b", 0..1).await?.remove(0);
    let three = eventually("three attempts", SOON, async || {
        let found = deliveries(&tenant, &made, "?status=dead").await?;
        Ok((found.len() == 3).then_some(found))
    });
    for (place, attempt) in three.await?.iter().enumerate() {
        ensure!(attempt["attempt"] == 3 - place && attempt["event_id"] == dead.as_str(), "{attempt}");
        ensure!(attempt["code"] == 500 && attempt["duration_ms"].is_u64(), "{attempt}");
        ensure!(attempt["status"] == if place == 0 { "dead" } else { "failed" }, "{attempt}");
    }
    works.store(true, Ordering::Relaxed);
    let good = tenant.publish("a.b", 1..6).await?;
    let all = eventually("five successes", SOON, async || {
        let found = deliveries(&tenant, &made, "?status=delivered").await?;
        Ok((found.len() == 5).then_some(found))
    });
    ensure!(all.await?.iter().all(|one| good.iter().any(|id| one["event_id"] == id.as_str())), "ours");
    // Pages, and a range of time.
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = tenant.api.get(&format!("{}/deliveries{query}", path(&made))).await?.json(200)?;
        seen.extend(page["deliveries"].as_array().context("deliveries")?.clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=2&cursor={next}");
    }
    ensure!(seen.len() == 8, "{} attempts", seen.len());
    let later = deliveries(&tenant, &made, "?from=2099-01-01T00:00:00.000Z").await?;
    let all = deliveries(&tenant, &made, "?to=2099-01-01T00:00:00.000Z").await?;
    ensure!(later.is_empty() && all.len() == 8, "{later:?} {}", all.len());
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn what_a_stranger_may_write_is_refused_with_its_place() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let good = json!({"name": "n", "url": "http://127.0.0.1:9/", "events": ["a.b"]});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let cases = [
        (with("events", json!([])), "/events"),
        (with("events", json!(vec!["a.b"; 10_000])), "/events"),
        (with("events", json!(["a b"])), "/events/0"),
        (with("name", json!("")), "/name"),
        (with("secret", json!("x")), "/secret"),
        (with("secret", json!("whsec_YQ==")), "/secret"),
        (with("url", json!("http://user:password@127.0.0.1/")), "/url"),
        (with("url", json!("ftp://127.0.0.1/")), "/url"),
        (with("headers", json!({"host": "x"})), "/headers/host"),
        (with("partner_id", json!("")), "/partner_id"),
        (with("format", json!("pagerduty")), "/routing_key"),
        (with("routing_key", json!("x")), "/routing_key"),
        (with("format", json!("teams")), "/format"),
        (with("timeout_seconds", json!(61)), "/timeout_seconds"),
        (with("oauth2", json!({"token_url": "x", "client_id": "c", "client_secret": "s"})), "/oauth2/token_url"),
        (
            with("client_certificate", json!({"certificate_pem": "x", "private_key_pem": "y"})),
            "/client_certificate/certificate_pem",
        ),
        (with("deliver_within_seconds", json!(0)), "/deliver_within_seconds"),
        (with("unknown", json!(1)), "/unknown"),
    ];
    for (body, pointer) in cases {
        let reply = tenant.api.post("/v1/webhooks/subscriptions", &body).await?;
        let error = reply.json(400).with_context(|| pointer.to_owned())?;
        ensure!(error["details"][0]["pointer"] == pointer, "{pointer}: {error}");
    }
    let list = tenant.api.get("/v1/webhooks/subscriptions").await?.json(200)?;
    ensure!(list["subscriptions"] == json!([]), "nothing was made: {list}");
    let made = tenant.api.post("/v1/webhooks/subscriptions", &good).await?.json(201)?;
    for (change, pointer) in [
        (json!({"events": []}), "/events"),
        (json!({"name": "\u{7}"}), "/name"),
        (json!({"url": "x"}), "/url"),
        (json!({"format": "pagerduty", "routing_key": MASK}), "/routing_key"),
        (json!({"enabled": "yes"}), "/enabled"),
        (json!({"oauth2": {"token_url": "x", "client_id": "c", "client_secret": "s"}}), "/oauth2/token_url"),
    ] {
        let pointers = tenant.api.patch(&path(&made), &change).await?.pointers()?;
        ensure!(pointers == [pointer], "{change}: {pointers:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_message_for_a_chat_or_a_pager_needs_no_code() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    let key = "0123456789abcdef0123456789abcdef";
    let mut wanted = json!({"name": "Slack", "url": inbox.url(), "events": ["a.slack"], "format": "slack"});
    tenant.api.post("/v1/webhooks/subscriptions", &wanted).await?.json(201)?;
    wanted["events"] = json!(["a.pager"]);
    wanted["format"] = json!("pagerduty");
    wanted["routing_key"] = json!(key);
    let pager = tenant.api.post("/v1/webhooks/subscriptions", &wanted).await?.json(201)?;
    ensure!(pager["routing_key"] == MASK && pager["format"] == "pagerduty", "{pager}");
    tenant.api.patch(&path(&pager), &json!({"routing_key": MASK, "name": "Pager"})).await?.json(200)?;
    tenant.publish("a.slack", 0..1).await?;
    tenant.publish("a.pager", 1..2).await?;
    let mut posts = inbox.wait_for(2).await?;
    posts.sort_by_key(|post| post.text().contains("routing_key"));
    let (slack, alert) = (posts[0].json()?, posts[1].json()?);
    ensure!(slack["text"].as_str().is_some_and(|text| text.starts_with("a.slack")), "{slack}");
    ensure!(alert["routing_key"] == key && alert["event_action"] == "trigger", "{alert}");
    Ok(())
}
