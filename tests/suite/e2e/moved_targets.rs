//! A target that moves to another server takes no stored secret along: not by a mask, and not by silence.

use anyhow::{Context as _, Result, ensure};
use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Api, Inbox, Reply, shared};

const MASK: &str = "••••••••";
const HERE: &str = "http://127.0.0.1:9/hook";
const THERE: &str = "http://127.0.0.1:10/hook";
const SIGNING: &str = "whsec_YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh";

/// The pointers of a refusal, sorted.
fn required(reply: &Reply) -> Result<Vec<String>> {
    let error = reply.error(400, "secret_required")?;
    let pointer = |detail: &Value| Ok(detail["pointer"].as_str().context("a pointer")?.to_owned());
    let mut pointers: Vec<String> =
        error["details"].as_array().context("a list")?.iter().map(pointer).collect::<Result<_>>()?;
    pointers.sort_unstable();
    Ok(pointers)
}

#[tokio::test]
async fn a_webhook_of_an_integration() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    let parameters = json!({
        "callback_url": HERE, "api_key": "key", "signing_secret": SIGNING, "headers": {"x-plain": "1", "x-api-key": "k"},
    });
    tenant.webhook_with("hook", parameters, json!({})).await?;
    tenant.stop("hook").await?;
    let patch = async |change: Value| {
        tenant.api.patch("/v1/integrations/hook", &json!({ "callback_parameters": change })).await
    };
    let all = ["api_key", "headers/x-api-key", "signing_secret"].map(|name| format!("/callback_parameters/{name}"));
    for url in [THERE, "https://127.0.0.1:9/hook", "http://[::1]:9/hook"] {
        ensure!(required(&patch(json!({ "callback_url": url })).await?)? == all, "{url}: what is not named stays");
        let masks = json!({
            "callback_url": url, "api_key": MASK, "signing_secret": MASK, "headers": {"X-Api-Key": MASK},
        });
        let found = required(&patch(masks).await?)?;
        ensure!(found.len() == 3 && found[0] == "/callback_parameters/api_key", "{url}: {found:?}");
    }
    // Elsewhere on the same server it stays.
    let shown = patch(json!({"callback_url": "http://127.0.0.1:9/other", "api_key": MASK})).await?.json(200)?;
    ensure!(shown["callback_parameters"]["api_key"] == MASK, "{shown}");
    // Given again or removed; a signing secret is always there, so another one is made, and shown once.
    let moved = json!({
        "callback_url": inbox.url(), "api_key": null, "signing_secret": null, "headers": {"x-plain": "1", "x-api-key": "new"},
    });
    let shown = patch(moved).await?.json(200)?;
    let made = shown["callback_parameters"]["signing_secret"].as_str().context("a secret")?.to_owned();
    ensure!(made.starts_with("whsec_") && made != SIGNING, "{shown}");
    ensure!(shown["callback_parameters"].get("api_key").is_none(), "{shown}");
    let again = tenant.api.get("/v1/integrations/hook").await?.json(200)?;
    ensure!(again["callback_parameters"]["signing_secret"] == MASK, "{again}");
    tenant.start("hook").await?;
    let ids = tenant.publish("a.b", 0..1).await?;
    let post = inbox.exactly(&ids).await?.pop().context("one post")?;
    post.verify(&made)?;
    ensure!(post.received.header("x-api-key") == "new" && post.received.header("authorization").is_empty());
    Ok(())
}

#[tokio::test]
async fn an_oauth2_client_and_its_tokens() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let client = json!({"token_url": "http://127.0.0.1:9/token", "client_id": "a", "client_secret": "b"});
    tenant.webhook_with("hook", json!({"callback_url": HERE, "oauth2": client}), json!({})).await?;
    tenant.stop("hook").await?;
    let patch = async |change: Value| {
        tenant.api.patch("/v1/integrations/hook", &json!({ "callback_parameters": change })).await
    };
    let secret = ["/callback_parameters/oauth2/client_secret"];
    let moved = json!({"token_url": "http://127.0.0.1:10/token", "client_id": "a", "client_secret": MASK});
    ensure!(required(&patch(json!({ "oauth2": moved })).await?)? == secret);
    // Its tokens would go to the other server.
    ensure!(required(&patch(json!({"callback_url": THERE, "signing_secret": null})).await?)? == secret);
    patch(json!({"callback_url": THERE, "signing_secret": null, "oauth2": client})).await?.json(200)?;
    Ok(())
}

#[tokio::test]
async fn a_bucket_of_an_integration() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let body = json!({"id": "files", "integration_type": "permanent", "s3_parameters": {
        "aws_access_key_id": "id", "aws_secret_access_key": "secret", "aws_region": "eu-central-1", "bucket": "bucket",
        "key_prefix": "p", "endpoint_url": "http://127.0.0.1:9",
    }});
    tenant.api.post("/v1/integrations", &body).await?.json(200)?;
    tenant.stop("files").await?;
    let patch =
        async |change: Value| tenant.api.patch("/v1/integrations/files", &json!({ "s3_parameters": change })).await;
    let keys = ["/s3_parameters/aws_access_key_id", "/s3_parameters/aws_secret_access_key"];
    for endpoint in [json!("http://127.0.0.1:10"), Value::Null] {
        ensure!(required(&patch(json!({ "endpoint_url": endpoint })).await?)? == keys, "{endpoint}");
    }
    patch(json!({"bucket": "another", "endpoint_url": "http://127.0.0.1:9/"})).await?.json(200)?;
    let moved = json!({"endpoint_url": null, "aws_access_key_id": "id", "aws_secret_access_key": "secret"});
    patch(moved).await?.json(200)?;
    Ok(())
}

#[tokio::test]
async fn a_subscription_and_its_routing_key() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let key = "0123456789abcdef0123456789abcdef";
    let body = json!({
        "name": "pager", "url": HERE, "events": ["a.b"], "format": "pagerduty", "routing_key": key,
        "headers": {"cookie": "c"},
    });
    let made = tenant.api.post("/v1/webhooks/subscriptions", &body).await?.json(201)?;
    let path = format!("/v1/webhooks/subscriptions/{}", made["id"].as_str().context("an id")?);
    let patch = async |change: Value| tenant.api.patch(&path, &change).await;
    ensure!(required(&patch(json!({ "url": THERE })).await?)? == ["/headers/cookie", "/routing_key", "/secret"]);
    let masks = json!({"url": THERE, "secret": null, "headers": null, "routing_key": MASK});
    ensure!(required(&patch(masks).await?)? == ["/routing_key"]);
    patch(json!({"url": "http://127.0.0.1:9/other", "routing_key": MASK})).await?.json(200)?;
    let moved = json!({"url": THERE, "secret": null, "headers": null, "routing_key": key});
    let shown = patch(moved).await?.json(200)?;
    ensure!(shown["secret"].as_str().is_some_and(|text| text.starts_with("whsec_")), "{shown}");
    ensure!(shown["secret"] != made["secret"] && shown["headers"] == json!({}), "{shown}");
    Ok(())
}

#[tokio::test]
async fn a_callback_of_a_partner() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    tenant.api.post("/v1/partners", &json!({"id": "p", "name": "P", "transport": "webhook"})).await?.json(201)?;
    let put = async |body: Value| tenant.api.put("/v1/partners/p/callbacks/2", &body).await;
    put(json!({"callbackUrl": HERE, "apiKey": "k"})).await?.json(201)?;
    ensure!(required(&put(json!({"callbackUrl": THERE, "apiKey": MASK})).await?)? == ["/apiKey"]);
    put(json!({"callbackUrl": "http://127.0.0.1:9/other", "apiKey": MASK})).await?.json(200)?;
    put(json!({"callbackUrl": THERE, "apiKey": "other"})).await?.json(200)?;
    put(json!({ "callbackUrl": HERE })).await?.json(200)?;
    Ok(())
}

#[tokio::test]
async fn the_transports_of_a_partner() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let body = json!({
        "id": "p", "name": "P", "transport": "as2",
        "as2": {"url": HERE, "as2_id": "A", "basic_auth": {"username": "us", "password": "secret"}},
        "sftp": {"host": "127.0.0.1", "username": "us", "password": "secret"},
    });
    tenant.api.post("/v1/partners", &body).await?.json(201)?;
    let patch = async |change: Value| tenant.api.patch("/v1/partners/p", &change).await;
    ensure!(required(&patch(json!({"as2": {"url": THERE}})).await?)? == ["/as2/basic_auth/password"]);
    for sftp in [json!({"host": "::1"}), json!({"port": 2222, "password": MASK})] {
        ensure!(required(&patch(json!({ "sftp": sftp })).await?)? == ["/sftp/password"], "{sftp}");
    }
    patch(json!({"as2": {"url": "http://127.0.0.1:9/other"}, "sftp": {"port": 22}})).await?.json(200)?;
    patch(json!({"as2": {"url": THERE, "basic_auth": null}, "sftp": {"port": 2222, "password": "new"}}))
        .await?
        .json(200)?;
    Ok(())
}

async fn replace(api: &Api, path: &str, body: &Value) -> Result<Reply> {
    let bytes = serde_json::to_vec(body)?;
    api.send(Method::PUT, path, |request| {
        request.header("content-type", "application/json").header("if-match", "*").body(bytes)
    })
    .await
}

#[tokio::test]
async fn a_connection_profile() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let url = |port: u16| json!(format!("http://127.0.0.1:{port}"));
    let api = json!({"system": "genericApi", "baseUrl": url(9), "auth": {"type": "bearer", "token": "secret"}});
    let shop = json!({
        "system": "wooCommerce", "siteUrl": url(9), "consumerKey": "k", "consumerSecret": "s", "webhookSecrets": ["w"],
    });
    let files = json!({
        "system": "flatFile", "format": {"type": "csv"}, "bucket": "bucket", "region": "eu-central-1", "endpointUrl": url(9),
        "accessKeyId": "id", "secretAccessKey": "secret",
    });
    for (connection, address, secrets) in [
        (api, "baseUrl", &["/auth/token"][..]),
        // What verifies webhooks is sent nowhere.
        (shop, "siteUrl", &["/consumerKey", "/consumerSecret"]),
        (files, "endpointUrl", &["/accessKeyId", "/secretAccessKey"]),
    ] {
        let mut body = json!({"name": address, "connection": connection});
        let made = tenant.api.post("/v1/connection-profiles", &body).await?.json(201)?;
        let path = format!("/v1/connection-profiles/{}", made["id"].as_str().context("an id")?);
        body["connection"] = made["connection"].clone();
        replace(&tenant.api, &path, &body).await?.json(200)?;
        body["connection"][address] = url(10);
        let expected: Vec<String> = secrets.iter().map(|secret| format!("/connection{secret}")).collect();
        ensure!(required(&replace(&tenant.api, &path, &body).await?)? == expected, "{address}");
        for secret in secrets {
            *body["connection"].pointer_mut(secret).context("a secret")? = json!("given-again");
        }
        replace(&tenant.api, &path, &body).await?.json(200)?;
    }
    Ok(())
}
