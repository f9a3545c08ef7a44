//! MyD3 subscriptions: the bare id, the notification, and a query that is shown nowhere.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::support::{Inbox, SOON, eventually, shared};

const PATH: &str = "/subscription/v1/subscription";

#[tokio::test]
async fn a_subscription_is_a_bare_id_and_gets_notifications() -> Result<()> {
    let world = shared().await;
    let tenant = world.tenant().await?;
    // A token from an API key, as MyD3's clients get it.
    let key = format!("ApiKey {}", tenant.api_key);
    let token = world.open()?.with(&key).act("/v1/auth/token").await?.json(200)?;
    let token = token["accessToken"].as_str().context("an accessToken")?;
    let api = world.open()?.with(&format!("Bearer {token}"));

    let inbox = Inbox::open().await?;
    let url = format!("{}?apiKey=s3cret-in-the-query", inbox.url());
    let made = api.post(PATH, &json!({"eventType": "order.created", "notificationUrl": url})).await?;
    let id = made.json(201)?.as_str().context("a bare id")?.to_owned();
    ensure!(id.len() == 36 && made.header("location") == format!("{PATH}/{id}"), "{:?}", made.headers);
    let shown = api.get(&format!("{PATH}/{id}")).await?.json(200)?;
    ensure!(shown["notificationUrl"] == format!("{}?••••••••", inbox.url()), "{shown}");
    ensure!(shown["subscriptionId"] == id.as_str() && shown["eventTypes"] == json!(["order.created"]), "{shown}");
    ensure!(api.get(PATH).await?.json(200)? == json!([shown]), "the list has it");

    let event = tenant.publish("order.created", 0..1).await?.remove(0);
    let post = inbox.wait_for(1).await?.remove(0);
    let body = post.json()?;
    let fields: Vec<&String> = body.as_object().context("an object")?.keys().collect();
    ensure!(fields == ["data", "eventId", "eventType", "subscriptionId", "timestamp"], "{body}");
    ensure!(body["eventId"] == event.as_str() && body["eventType"] == "order.created", "{body}");
    ensure!(body["subscriptionId"] == id.as_str() && body["data"]["n"] == 0, "{body}");
    let path = &post.received.path;
    ensure!(path == "/hook?apiKey=s3cret-in-the-query", "the query is sent: {path}");

    // It is shown nowhere.
    let transactions = eventually("a transaction", SOON, async || {
        let page = tenant.api.get("/v1/transactions").await?.json(200)?;
        Ok((page["transactions"] != json!([])).then_some(page))
    });
    let audit = tenant.api.get("/v1/audit-log").await?.json(200)?;
    for answer in [transactions.await?, audit] {
        ensure!(!answer.to_string().contains("s3cret"), "{answer}");
    }
    let path = format!("{PATH}/{id}");
    api.delete(&path).await?.empty(204)?;
    api.delete(&path).await?.error(404, "not_found")?;
    Ok(())
}

#[tokio::test]
async fn bad_subscriptions_are_refused() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let url = "http://127.0.0.1:9/";
    let cases: [(Value, &str); 6] = [
        (json!({"notificationUrl": url}), ""),
        (json!({"eventType": "a.b", "eventTypes": ["a.b"], "notificationUrl": url}), ""),
        (json!({"eventTypes": [], "notificationUrl": url}), "/eventTypes"),
        (json!({"eventType": "a b", "notificationUrl": url}), "/eventType/0"),
        (json!({"eventType": "a.b", "notificationUrl": "nowhere"}), "/notificationUrl"),
        (json!({"eventType": "a.b", "notificationUrl": url, "event_type": "a"}), "/event_type"),
    ];
    for (body, pointer) in cases {
        let pointers = tenant.api.post(PATH, &body).await?.pointers()?;
        ensure!(pointers == [pointer], "{body}: {pointers:?}");
    }
    let insecure = json!({"eventType": "a.b", "notificationUrl": "http://10.0.0.1/?key=s3cret"});
    let refused = tenant.api.post(PATH, &insecure).await?;
    ensure!(refused.status == 400 && !refused.text().contains("s3cret"), "{}", refused.text());
    ensure!(tenant.api.get(PATH).await?.json(200)? == json!([]), "nothing was made");
    Ok(())
}
