//! Inbound webhooks: signed, seen once, never out of order, durable before the answer.

use anyhow::{Context as _, Result, ensure};
use axum::http::{Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use sluice::domain::pipeline::run::{Job, Run, Trigger};

use super::{finished, load, make, mapping, pipeline, profile};
use crate::support::shop::order;
use crate::support::{Api, Reply, Shop, World, shared};

const OLD: &str = "old-webhook-secret";
const NEW: &str = "new-webhook-secret";

fn signature(secret: &str, body: &str) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(body.as_bytes());
    Ok(BASE64.encode(mac.finalize().into_bytes()))
}

/// A pipeline from a shop of a vendor, whose webhooks are signed.
async fn signed(api: &Api, connection: Value, to: &Shop) -> Result<String> {
    let source = make(api, "/v1/connection-profiles", &json!({"name": "v", "connection": connection})).await?;
    let target = make(api, "/v1/connection-profiles", &profile(&to.url())).await?;
    let mapping = make(api, "/v1/mapping-configurations", &mapping()).await?;
    let instance = json!({
        "name": "orders", "sourceProfileId": source, "targetProfileId": target, "active": true,
        "mappings": [{"mappingConfigurationId": mapping, "load": load()}],
    });
    make(api, "/v1/instances", &instance).await
}

/// Each vendor: what its webhooks' path begins with, a connection to a shop of it, and the header of its signatures.
fn vendors() -> [(&'static str, Value, &'static str); 2] {
    let shopify = json!({
        "system": "shopify", "shop": "example.myshopify.com", "accessToken": "shpat_1", "webhookSecrets": [NEW],
    });
    let woocommerce = json!({
        "system": "wooCommerce", "siteUrl": "http://127.0.0.1:9", "consumerKey": "ck_1", "consumerSecret": "cs_1",
        "webhookSecrets": [NEW],
    });
    [
        ("/v1/inbound/shopify", shopify, "x-shopify-hmac-sha256"),
        ("/v1/inbound/woocommerce", woocommerce, "x-wc-webhook-signature"),
    ]
}

async fn send(api: &Api, path: &str, body: &str, headers: &[(&str, &str)]) -> Result<Reply> {
    api.send(Method::POST, path, |request| {
        let request = request.header("content-type", "application/json").body(body.to_owned());
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    })
    .await
}

fn correlation(reply: &Reply, status: u16) -> Result<String> {
    Ok(reply.json(status)?["correlationId"].as_str().context("a correlation id")?.to_owned())
}

#[tokio::test]
async fn what_nests_too_deep_for_an_event_is_refused() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let (from, to) = (Shop::open(0).await?, Shop::open(0).await?);
    let path = format!("/v1/inbound/{}", pipeline(&tenant.api, &from, &to, json!({})).await?);
    let nested = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    correlation(&tenant.api.post_text(&path, nested(64)).await?, 202)?;
    for levels in [65, 10_000] {
        tenant.api.post_text(&path, nested(levels)).await?.error(400, "nesting_too_deep")?;
    }
    Ok(())
}

#[tokio::test]
async fn a_name_that_is_there_twice_is_refused_at_any_depth() -> Result<()> {
    let world = shared().await;
    let tenant = world.tenant().await?;
    let (from, to, open) = (Shop::open(0).await?, Shop::open(0).await?, world.open()?);
    let bodies = [
        (r#"{"id":1,"meta":{"limit":2,"limit":1}}"#, "/meta/limit"),
        (r#"{"id":1,"id":2}"#, "/id"),
        (r#"[{"id":1},{"id":2,"lines":[{"sku":1,"\u0073ku":2}]}]"#, "/1/lines/0/sku"),
    ];
    let refused = |reply: Reply, pointer: &str| {
        let error = reply.error(400, "duplicate_key")?;
        ensure!(error["details"][0]["pointer"] == pointer, "{error}");
        anyhow::Ok(())
    };
    let path = format!("/v1/inbound/{}", pipeline(&tenant.api, &from, &to, json!({})).await?);
    for (body, pointer) in bodies {
        refused(tenant.api.post_text(&path, body).await?, pointer)?;
    }
    for (prefix, connection, header) in vendors() {
        let path = format!("{prefix}/{}", signed(&tenant.api, connection, &to).await?);
        for (body, pointer) in bodies {
            let sign = signature(NEW, body)?;
            refused(send(&open, &path, body, &[(header, &sign)]).await?, pointer)?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_source_of_forged_signatures_is_told_to_stop_and_genuine_ones_pass() -> Result<()> {
    let world = World::start(&[("SLUICE_FAILED_AUTHENTICATIONS_PER_MINUTE", "20")]).await?;
    let tenant = world.tenant().await?;
    let (to, open, body) = (Shop::open(0).await?, world.open()?, order(5).to_string());
    for (prefix, connection, header) in vendors() {
        let path = format!("{prefix}/{}", signed(&tenant.api, connection, &to).await?);
        let forged = signature("another-secret", &body)?;
        for n in 0.. {
            ensure!(n < 100, "{prefix}: never told");
            let reply = send(&open, &path, &body, &[(header, &forged)]).await?;
            if reply.status != 401 {
                reply.error(429, "rate_limited")?;
                break;
            }
        }
        // All shops of a vendor call from the same addresses.
        let sign = signature(NEW, &body)?;
        correlation(&send(&open, &path, &body, &[(header, &sign)]).await?, 202)?;
    }
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn records_are_taken_and_worked_on_after() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let (from, to) = (Shop::open(0).await?, Shop::open(0).await?);
    let instance = pipeline(api, &from, &to, json!({})).await?;
    let path = format!("/v1/inbound/{instance}");
    let one = correlation(&api.post(&path, &order(1)).await?, 202)?;
    let many: Vec<Value> = (2..30).map(order).collect();
    // The mapping says where records are in a response of the source.
    let some = correlation(&api.post_text(&path, serde_json::to_string(&many)?).await?, 202)?;
    for (run, count) in [(one, 1), (some, 28)] {
        let run = finished(api, &run).await?;
        ensure!(run["status"] == "succeeded" && run["counts"]["success"] == count, "{run}");
        ensure!(run["trigger"] == "inbound", "{run}");
    }
    ensure!(to.kept().len() == 29);
    api.post_text(&path, "{").await?.error(400, "malformed_json")?;
    api.post(&format!("{path}?entityType=product"), &order(1)).await?.error(400, "unknown_entity_type")?;
    api.post("/v1/inbound/ins_none", &order(1)).await?.error(404, "not_found")?;
    let large = json!({"id": 1, "total_price": "1", "note": "x".repeat(3 * 1024 * 1024)});
    api.post(&path, &large).await?.error(413, "payload_too_large")?;
    // As large as it may be, and not to be compressed.
    let note: String =
        (0..1_500_000_u32).map(|n| char::from(b'!' + (n.wrapping_mul(2_654_435_761) >> 24) as u8 % 90)).collect();
    let noisy = json!({"id": 77, "total_price": "1", "note": note});
    let run = correlation(&api.post(&path, &noisy).await?, 202)?;
    ensure!(finished(api, &run).await?["status"] == "succeeded");
    api.act(&format!("/v1/instances/{instance}/deactivate")).await?.json(200)?;
    api.post(&path, &order(1)).await?.error(409, "instance_inactive")?;
    Ok(())
}

#[tokio::test]
async fn a_shopify_webhook_is_verified_and_seen_once() -> Result<()> {
    let world = shared().await;
    let tenant = world.tenant().await?;
    let to = Shop::open(0).await?;
    let connection = json!({
        "system": "shopify", "shop": "example.myshopify.com", "accessToken": "shpat_1",
        "webhookSecrets": [NEW, OLD],
    });
    let instance = signed(&tenant.api, connection, &to).await?;
    let (path, open) = (format!("/v1/inbound/shopify/{instance}"), world.open()?);
    let body = order(5).to_string();
    for (number, secret) in [OLD, NEW].into_iter().enumerate() {
        let (sign, id) = (signature(secret, &body)?, format!("id-{number}"));
        let headers = [
            ("x-shopify-hmac-sha256", sign.as_str()),
            ("x-shopify-webhook-id", &id),
            ("x-shopify-topic", "orders/create"),
        ];
        let run = correlation(&send(&open, &path, &body, &headers).await?, 202)?;
        ensure!(finished(&tenant.api, &run).await?["counts"]["success"] == 1);
        let again = correlation(&send(&open, &path, &body, &headers).await?, 200)?;
        ensure!(again == run, "it was seen before");
    }
    ensure!(to.writes() == 2, "{} writes", to.writes());
    // Old news: nothing is overwritten.
    for (id, at, price) in [("a", "2026-02-02T00:00:00Z", "9"), ("b", "2026-02-01T00:00:00Z", "8")] {
        let mut order = order(6);
        order["total_price"] = json!(price);
        let (body, secret) = (order.to_string(), NEW);
        let sign = signature(secret, &body)?;
        let headers = [
            ("x-shopify-hmac-sha256", sign.as_str()),
            ("x-shopify-webhook-id", id),
            ("x-shopify-topic", "orders/updated"),
            ("x-shopify-triggered-at", at),
        ];
        let run = correlation(&send(&open, &path, &body, &headers).await?, 202)?;
        finished(&tenant.api, &run).await?;
    }
    ensure!(to.kept()["6"]["DocTotal"] == "9.00", "{:?}", to.kept());
    for sign in ["", "x", &signature("another-secret", &body)?, &signature(NEW, "{}")?] {
        let refused = send(&open, &path, &body, &[("x-shopify-hmac-sha256", sign)]).await?;
        refused.error(401, "invalid_signature")?;
    }
    send(&open, &path, &body, &[]).await?.error(401, "invalid_signature")?;
    send(&open, "/v1/inbound/shopify/ins_none", &body, &[]).await?.error(404, "not_found")?;
    let sign = signature(NEW, &body)?;
    let elsewhere = send(&open.sandbox(), &path, &body, &[("x-shopify-hmac-sha256", &sign)]).await?;
    elsewhere.error(404, "not_found")?;
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_does_not_overwrite_what_happened_later() -> Result<()> {
    let world = shared().await;
    let tenant = world.tenant().await?;
    let to = Shop::refusing(0, |_, number| (number == 0).then_some(StatusCode::UNPROCESSABLE_ENTITY)).await?;
    let connection = json!({
        "system": "shopify", "shop": "example.myshopify.com", "accessToken": "shpat_1", "webhookSecrets": [NEW],
    });
    let instance = signed(&tenant.api, connection, &to).await?;
    let (path, open) = (format!("/v1/inbound/shopify/{instance}"), world.open()?);
    for (at, price) in [("2026-02-01T00:00:00Z", "8"), ("2026-02-02T00:00:00Z", "9")] {
        let mut order = order(6);
        order["total_price"] = json!(price);
        let body = order.to_string();
        let sign = signature(NEW, &body)?;
        let headers = [("x-shopify-hmac-sha256", sign.as_str()), ("x-shopify-triggered-at", at)];
        let run = correlation(&send(&open, &path, &body, &headers).await?, 202)?;
        finished(&tenant.api, &run).await?;
    }
    ensure!(to.kept()["6"]["DocTotal"] == "9.00", "{:?}", to.kept());
    let letters = tenant.api.get("/v1/dlq?kind=record").await?.json(200)?;
    let id = letters["items"][0]["id"].as_str().context("a dead letter")?;
    let replayed = tenant.api.act(&format!("/v1/dlq/{id}/replay")).await?;
    finished(&tenant.api, &correlation(&replayed, 202)?).await?;
    ensure!(to.kept()["6"]["DocTotal"] == "9.00" && to.writes() == 2, "{:?}", to.kept());
    Ok(())
}

#[tokio::test]
async fn a_woocommerce_webhook_is_verified_and_its_ping_dropped() -> Result<()> {
    let world = shared().await;
    let tenant = world.tenant().await?;
    let to = Shop::open(0).await?;
    let connection = json!({
        "system": "wooCommerce", "siteUrl": "http://127.0.0.1:9", "consumerKey": "ck_1", "consumerSecret": "cs_1",
        "webhookSecrets": [NEW],
    });
    let instance = signed(&tenant.api, connection, &to).await?;
    let (path, open) = (format!("/v1/inbound/woocommerce/{instance}"), world.open()?);
    ensure!(send(&open, &path, "webhook_id=12", &[]).await?.status == 200);
    let body = order(8).to_string();
    send(&open, &path, &body, &[]).await?.error(401, "invalid_signature")?;
    let sign = signature(NEW, &body)?;
    let headers = [
        ("x-wc-webhook-signature", sign.as_str()),
        ("x-wc-webhook-delivery-id", "d1"),
        ("x-wc-webhook-topic", "order.updated"),
    ];
    let run = correlation(&send(&open, &path, &body, &headers).await?, 202)?;
    ensure!(finished(&tenant.api, &run).await?["status"] == "succeeded");
    ensure!(send(&open, &path, &body, &headers).await?.status == 200);
    ensure!(to.writes() == 1 && to.kept().contains_key("8"));
    Ok(())
}

#[tokio::test]
async fn what_came_in_survives_a_target_that_is_gone() -> Result<()> {
    let world = World::start(&[]).await?;
    let tenant = world.tenant().await?;
    let api = &tenant.api;
    let (from, to) = (Shop::open(0).await?, Shop::open(0).await?);
    let instance = pipeline(api, &from, &to, json!({})).await?;
    drop(to);
    let scope = tenant.scope();
    let engine = &world.system.app.engine.pipelines;
    let job = (Trigger::Inbound, Job::Inbound { triggered_at: None });
    let mut run = Run::new(engine.new_id(), &instance, "order", job, world.system.app.ports.now());
    // It was tried for long already.
    run.progress.failures = 7;
    let records = json!([order(1), order(2)]).to_string();
    world.system.app.stores.pipelines.payloads.keep(&scope, &run.id, records.as_bytes()).await?;
    engine.start(&scope, &run).await?;
    let run = finished(api, &run.id).await?;
    ensure!(run["status"] == "failed" && run["counts"]["failed"] == 2, "{run}");
    let list = api.get("/v1/dlq?kind=record").await?.json(200)?;
    ensure!(list["total"] == 2 && list["items"][0]["category"] == "transient", "{list}");
    world.stop().await;
    Ok(())
}
