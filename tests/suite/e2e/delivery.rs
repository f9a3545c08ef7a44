//! A healthy target gets every event once, signed, as the contract's envelope.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sluice_local::receiver::status;

use crate::support::{Inbox, shared};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[tokio::test]
async fn signed_with_the_api_key_and_the_users_headers() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    let parameters = json!({
        "callback_url": format!("{}?token=a%20b", inbox.url()), "api_key": "s3cret key!", "signing_secret": SECRET,
        "headers": {"X-Team": "blue", "accept": "text/plain"},
    });
    tenant.webhook_with("hook", parameters, json!({})).await?;
    let mut ids = tenant.publish("order.created", 0..40).await?;
    let event =
        json!({"name": "order.shipped", "payload": {"n": 40}, "id": "own-id", "published_at": "2024-05-06T07:08:09Z"});
    tenant.api.publish(&event).await?.json(202)?;
    ids.push("own-id".to_owned());
    for post in inbox.exactly(&ids).await? {
        post.verify(SECRET)?;
        let received = &post.received;
        ensure!(received.header("authorization") == "Bearer s3cret key!", "{:?}", received.headers);
        ensure!(received.header("x-team") == "blue" && received.header("accept") == "text/plain");
        ensure!(received.header("content-type") == "application/json");
        ensure!(received.header("user-agent").starts_with("Sluice/"));
        let body = post.json()?;
        let keys: Vec<&String> = body.as_object().context("an object")?.keys().collect();
        ensure!(keys == ["name", "payload", "published_at", "tenant"], "{body}");
        ensure!(body["tenant"] == tenant.id.as_str(), "{body}");
        if post.id() == "own-id" {
            ensure!(body["published_at"] == "2024-05-06T07:08:09.000Z" && body["name"] == "order.shipped", "{body}");
        }
        let mut forged = post.clone();
        forged.received.body = post.text().replace("order", "older").into();
        ensure!(forged.verify(SECRET).is_err(), "a changed body passes");
        ensure!(post.verify("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").is_err(), "another secret passes");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_events_reach_each_of_several_targets_once() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inboxes = [Inbox::open().await?, Inbox::open().await?, Inbox::open().await?];
    for (n, inbox) in inboxes.iter().enumerate() {
        tenant.webhook(&format!("hook-{n}"), &inbox.url()).await?;
    }
    let mut ids = tenant.publish("order.created", 0..2_500).await?;
    for n in 2_500..2_550 {
        ids.extend(tenant.publish("order.created", n..n + 1).await?);
    }
    let different: BTreeSet<&String> = ids.iter().collect();
    ensure!(different.len() == ids.len(), "two events have the same id");
    for inbox in &inboxes {
        let posts = inbox.exactly(&ids).await?;
        let numbers: BTreeSet<usize> = posts.iter().map(crate::support::inbox::Post::number).collect();
        ensure!(numbers.len() == ids.len() && numbers.last() == Some(&2_549), "{}", numbers.len());
    }
    Ok(())
}

#[tokio::test]
async fn any_2xx_is_taken_for_delivered() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::answering(|post, _| {
        let code = [200, 201, 202, 204, 206, 299][post.number() % 6];
        let mut answer = status(code.try_into().unwrap_or_default());
        if code != 204 {
            *answer.body_mut() = "x".repeat(10_000).into();
        }
        answer
    });
    let inbox = inbox.await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let ids = tenant.publish("a.b", 0..12).await?;
    inbox.exactly(&ids).await?;
    let actions: Vec<String> = tenant.log("hook").await?.into_iter().map(|(action, _)| action).collect();
    ensure!(actions == ["integration_started"], "{actions:?}");
    Ok(())
}

#[tokio::test]
async fn real_events_of_many_shapes_arrive_byte_for_byte() -> Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/github-events.ndjson");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: shared/data/github-events.ndjson is not here");
        return Ok(());
    };
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let mut ids = Vec::new();
    for batch in lines.chunks(50) {
        let answer =
            tenant.api.post_text("/v1/events", format!("{{\"events\":[{}]}}", batch.join(","))).await?.json(202)?;
        let events: Vec<Value> = answer["events"].as_array().context("a list")?.clone();
        ids.extend(events.iter().filter_map(|event| event["id"].as_str().map(str::to_owned)));
    }
    let posts = inbox.exactly(&ids).await?;
    for (id, line) in ids.iter().zip(lines) {
        let body = posts.iter().find(|post| post.id() == *id).context("missing")?.json()?;
        let sent: Value = serde_json::from_str(line)?;
        ensure!(body["name"] == sent["name"] && body["payload"] == sent["payload"], "{id} arrived changed");
    }
    Ok(())
}
