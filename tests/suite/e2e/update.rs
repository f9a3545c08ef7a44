//! Changing an integration: only while it is stopped; what is missing stays, a mask keeps the secret.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::support::{Inbox, Reply, Tenant, shared};

async fn patch(tenant: &Tenant, id: &str, body: Value) -> Result<Reply> {
    tenant.api.patch(&format!("/v1/integrations/{id}"), &body).await
}

#[tokio::test]
async fn a_stopped_integration_is_changed_and_keeps_its_secrets() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    let parameters =
        json!({"callback_url": inbox.url(), "api_key": "first", "headers": {"x-one": "1"}, "timeout_seconds": 3});
    let made = tenant.webhook_with("hook", parameters, json!({})).await?;
    let secret = made["callback_parameters"]["signing_secret"].as_str().unwrap_or_default().to_owned();
    patch(&tenant, "hook", json!({})).await?.error(400, "integration_not_stopped")?;
    tenant.stop("hook").await?;
    let body = json!({
        "callback_parameters": {
            "callback_url": format!("{}?more", inbox.url()), "api_key": "••••••••", "signing_secret": "••••••••",
            "timeout_seconds": null,
        },
        "filter_conditions": {"entity_filter": ["a"]},
    });
    let changed = patch(&tenant, "hook", body).await?.json(200)?;
    ensure!(changed["callback_parameters"]["headers"] == json!({"x-one": "1"}), "{changed}");
    ensure!(changed["callback_parameters"].get("timeout_seconds").is_none(), "{changed}");
    tenant.start("hook").await?;
    tenant.publish("other.b", 0..3).await?;
    let ids = tenant.publish("a.b", 0..3).await?;
    for post in inbox.exactly(&ids).await? {
        post.verify(&secret)?;
        ensure!(post.received.header("authorization") == "Bearer first");
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_changed_is_refused_and_nothing_changes() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    tenant.stop("hook").await?;
    let before = tenant.api.get("/v1/integrations/hook").await?.json(200)?;
    let cases = [
        (json!({"id": "other"}), "/id"),
        (json!({"integration_type": "temporary"}), "/integration_type"),
        (json!({"starts_at": "2026-01-01T00:00:00Z"}), "/starts_at"),
        (json!({"s3_parameters": {"bucket": "abc"}}), "/s3_parameters"),
        (json!({"callback_parameters": {"max_per_second": 0}}), "/callback_parameters/max_per_second"),
        (json!({"filter_conditions": {"event_filter": ["a b"]}}), "/filter_conditions/event_filter/0"),
    ];
    for (body, pointer) in cases {
        ensure!(patch(&tenant, "hook", body.clone()).await?.pointers()? == [pointer], "{body}");
    }
    let insecure = json!({"callback_parameters": {"callback_url": "http://example.com/"}});
    patch(&tenant, "hook", insecure).await?.error(400, "insecure_url")?;
    patch(&tenant, "none", json!({})).await?.error(404, "not_found")?;
    ensure!(tenant.api.get("/v1/integrations/hook").await?.json(200)? == before);
    Ok(())
}
