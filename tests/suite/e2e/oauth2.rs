//! Webhooks that authenticate with OAuth 2.0 access tokens.

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use serde_json::{Value, json};
use sluice_local::receiver::status;

use crate::support::token_endpoint::{CLIENT_SECRET, TOKEN, TokenEndpoint};
use crate::support::{Inbox, SOON, Tenant, eventually, shared};

const MASK: &str = "••••••••";
const PATH: &str = "/v1/integrations/hook";

async fn register(tenant: &Tenant, inbox: &Inbox, oauth2: Value) -> Result<Value> {
    tenant.webhook_with("hook", json!({"callback_url": inbox.url(), "oauth2": oauth2}), json!({})).await
}

/// The reasons of the retries in the log, newest first.
async fn retries(tenant: &Tenant) -> Result<Vec<String>> {
    let log = tenant.log("hook").await?;
    Ok(log.into_iter().filter(|(action, _)| action == "retry_triggered").map(|(_, reason)| reason).collect())
}

/// Nothing that the API shows has a secret.
async fn tells_no_secret(tenant: &Tenant) -> Result<()> {
    for path in ["/v1/integrations", PATH, &format!("{PATH}/log"), "/v1/audit-log"] {
        let text = tenant.api.get(path).await?.text();
        ensure!(!text.contains(CLIENT_SECRET) && !text.contains(TOKEN), "{path}: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn one_token_is_fetched_and_sent_with_every_event() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let (inbox, endpoint) = (Inbox::open().await?, TokenEndpoint::start().await?);
    let mut client = endpoint.client();
    client["scope"] = "orders:write".into();
    client["audience"] = "https://erp.example.com/".into();
    let made = register(&tenant, &inbox, client.clone()).await?;
    client["client_secret"] = MASK.into();
    ensure!(made["callback_parameters"]["oauth2"] == client, "{made}");
    let ids = tenant.publish("a.b", 0..50).await?;
    for post in inbox.exactly(&ids).await? {
        ensure!(post.received.header("authorization") == format!("Bearer {TOKEN}1"));
        ensure!(!post.received.header("webhook-signature").is_empty());
    }
    let requests = endpoint.requests();
    ensure!(requests.len() == 1, "{} tokens were fetched", requests.len());
    let form = "grant_type=client_credentials&scope=orders%3Awrite&audience=https%3A%2F%2Ferp.example.com%2F";
    ensure!(requests[0].body == form.as_bytes(), "{:?}", requests[0].body);
    ensure!(requests[0].header("content-type") == "application/x-www-form-urlencoded");
    tells_no_secret(&tenant).await
}

#[tokio::test]
async fn a_token_that_the_target_refuses_is_fetched_anew_in_the_same_attempt() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let endpoint = TokenEndpoint::start().await?;
    let inbox = Inbox::answering(|post, _| {
        let is_good = post.received.header("authorization") == format!("Bearer {TOKEN}2");
        status(if is_good { StatusCode::NO_CONTENT } else { StatusCode::UNAUTHORIZED })
    });
    let inbox = inbox.await?;
    register(&tenant, &inbox, endpoint.client()).await?;
    tenant.publish("a.b", 0..1).await?;
    let posts = inbox.wait_for(2).await?;
    ensure!(posts[0].id() == posts[1].id() && posts[0].text() == posts[1].text());
    // From then on the new token is good.
    tenant.publish("a.b", 1..4).await?;
    inbox.wait_for(5).await?;
    ensure!(endpoint.requests().len() == 2, "{}", endpoint.requests().len());
    ensure!(retries(&tenant).await?.is_empty(), "it counts as an attempt of its own");
    tells_no_secret(&tenant).await
}

#[tokio::test]
async fn a_target_that_refuses_every_token_is_asked_twice_in_an_attempt() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let endpoint = TokenEndpoint::start().await?;
    let inbox = Inbox::answering(|_, before| {
        status(if before < 2 { StatusCode::UNAUTHORIZED } else { StatusCode::NO_CONTENT })
    });
    let inbox = inbox.await?;
    register(&tenant, &inbox, endpoint.client()).await?;
    tenant.publish("a.b", 0..1).await?;
    inbox.wait_for(3).await?;
    let reasons = retries(&tenant).await?;
    ensure!(reasons.len() == 1 && reasons[0].contains("Reason: unauthorized (HTTP status code 401)."), "{reasons:?}");
    Ok(())
}

#[tokio::test]
async fn a_token_endpoint_that_is_down_is_a_retry_with_a_clear_reason() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    for (id, failure) in [("refused", StatusCode::UNAUTHORIZED), ("down", StatusCode::SERVICE_UNAVAILABLE)] {
        let endpoint = TokenEndpoint::failing(2, failure).await?;
        let parameters = json!({"callback_url": inbox.url(), "oauth2": endpoint.client()});
        tenant.webhook_with(id, parameters, json!({"event_filter": [format!("{id}.event")]})).await?;
        let ids = tenant.publish(&format!("{id}.event"), 0..1).await?;
        inbox.all(&ids).await?;
        let log = tenant.log(id).await?;
        let reason = format!("Reason: the token endpoint responded with HTTP status code {}.", failure.as_u16());
        let retries = log.iter().filter(|(action, text)| action == "retry_triggered" && text.contains(&reason));
        ensure!(retries.count() == 2, "{log:?}");
        let text = format!("{log:?}");
        ensure!(!text.contains(CLIENT_SECRET) && !text.contains("realm-of-the-test"), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn nobody_at_the_token_endpoint_is_a_retry_too() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let (inbox, endpoint) = (Inbox::open().await?, TokenEndpoint::start().await?);
    let mut client = endpoint.client();
    // The port is bound and nobody listens on it, so that no other test gets it.
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    client["token_url"] = format!("http://{}/token", socket.local_addr()?).into();
    register(&tenant, &inbox, client).await?;
    tenant.publish("a.b", 0..1).await?;
    let reasons = eventually("a retry", SOON, async || {
        let reasons = retries(&tenant).await?;
        Ok((!reasons.is_empty()).then_some(reasons))
    });
    let reason = reasons.await?.pop().context("a reason")?;
    ensure!(reason.contains("Reason: the request to the token endpoint failed: connection refused."), "{reason}");
    ensure!(inbox.len() == 0);
    Ok(())
}

#[tokio::test]
async fn a_mask_keeps_the_secret_where_it_is() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let (inbox, endpoint, other) = (Inbox::open().await?, TokenEndpoint::start().await?, TokenEndpoint::start().await?);
    tenant.webhook_with("hook", json!({"callback_url": inbox.url(), "api_key": "key"}), json!({})).await?;
    tenant.stop("hook").await?;
    let patch = async |parameters: Value| tenant.api.patch(PATH, &json!({ "callback_parameters": parameters })).await;
    let with = |field: &str, value: Value| {
        let mut client = endpoint.client();
        client["client_secret"] = MASK.into();
        client[field] = value;
        json!({ "oauth2": client })
    };
    // The key is still there.
    let both = patch(json!({"oauth2": endpoint.client()})).await?;
    ensure!(both.pointers()? == ["/callback_parameters/oauth2"], "{}", both.text());
    ensure!(
        patch(with("scope", json!("a")))
            .await?
            .pointers()?
            .contains(&"/callback_parameters/oauth2/client_secret".to_owned())
    );
    patch(json!({"api_key": null, "oauth2": endpoint.client()})).await?.json(200)?;
    // What is shown, sent back, changes nothing; nor do other fields.
    let shown = patch(with("scope", json!("a b"))).await?.json(200)?;
    let again =
        patch(json!({"oauth2": shown["callback_parameters"]["oauth2"], "timeout_seconds": 3})).await?.json(200)?;
    ensure!(again["callback_parameters"]["oauth2"] == shown["callback_parameters"]["oauth2"], "{again}");
    patch(json!({"timeout_seconds": null})).await?.json(200)?;
    // Another path of the same origin is fine; the masked secret does not follow to another origin.
    patch(with("token_url", format!("{}&more", endpoint.url()).into())).await?.json(200)?;
    let moved = patch(with("token_url", other.url().into())).await?;
    let moved = moved.error(400, "secret_required")?;
    ensure!(moved["details"][0]["pointer"] == "/callback_parameters/oauth2/client_secret", "{moved}");
    tenant.start("hook").await?;
    let ids = tenant.publish("a.b", 0..1).await?;
    let post = inbox.exactly(&ids).await?.pop().context("one post")?;
    ensure!(post.received.header("authorization") == format!("Bearer {TOKEN}1"));
    ensure!(endpoint.requests().len() == 1 && other.requests().is_empty());
    tenant.stop("hook").await?;
    patch(json!({"oauth2": other.client()})).await?.json(200)?;
    let removed = patch(json!({"oauth2": null})).await?.json(200)?;
    ensure!(removed["callback_parameters"].get("oauth2").is_none(), "{removed}");
    tells_no_secret(&tenant).await
}

#[tokio::test]
async fn bad_clients_are_pointed_at() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let client = json!({"token_url": "http://127.0.0.1:9/", "client_id": "a", "client_secret": "b"});
    for (field, value, code) in [
        ("token_url", json!("http://example.com/token"), "insecure_url"),
        ("token_url", json!("https://169.254.169.254/token"), "forbidden_address"),
        ("token_url", json!("https://[::ffff:127.0.0.1]/token"), "forbidden_address"),
        ("token_url", json!("https://user:pass@example.com/token"), "validation_failed"),
        ("token_url", json!("token"), "validation_failed"),
        ("token_url", json!(7), "validation_failed"),
        ("client_id", json!(""), "validation_failed"),
        ("client_id", json!("a\r\nb"), "validation_failed"),
        ("client_secret", json!(""), "validation_failed"),
        ("client_secret", json!("é"), "validation_failed"),
        ("client_secret", json!(MASK), "validation_failed"),
        ("scope", json!("a  b"), "validation_failed"),
        ("scope", json!("a".repeat(1025)), "validation_failed"),
        ("audience", json!(""), "validation_failed"),
        ("grant_type", json!("password"), "validation_failed"),
    ] {
        let mut oauth2 = client.clone();
        oauth2[field] = value;
        let parameters = json!({"callback_url": "http://127.0.0.1:9/", "oauth2": oauth2});
        let body = json!({"id": "a", "integration_type": "permanent", "callback_parameters": parameters});
        let error = tenant.api.post("/v1/integrations", &body).await?.error(400, code)?;
        ensure!(error["details"][0]["pointer"] == format!("/callback_parameters/oauth2/{field}"), "{error}");
        ensure!(error["details"].as_array().is_some_and(|all| all.len() == 1), "{error}");
    }
    Ok(())
}
