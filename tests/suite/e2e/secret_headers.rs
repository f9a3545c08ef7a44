//! Headers whose name or user says that they are secret come back masked, and still reach the target.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::support::{Inbox, shared};

const MASK: &str = "••••••••";
const PATH: &str = "/v1/integrations/hook";

#[tokio::test]
async fn secret_headers_are_masked_and_sent_back_masks_keep_them() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    let headers = json!({
        "Authorization": "Basic c2VjcmV0", "cookie": "session=secret-1", "x-api-key": "secret-2", "X-Auth-Token": "secret-3",
        "x-client-secret": "secret-4", "X-Tenant": "secret-5", "x-plain": "plain",
    });
    let parameters = json!({"callback_url": inbox.url(), "headers": headers, "secret_headers": ["x-tenant"]});
    let made = tenant.webhook_with("hook", parameters, json!({})).await?;
    let masked = json!({
        "Authorization": MASK, "cookie": MASK, "x-api-key": MASK, "X-Auth-Token": MASK, "x-client-secret": MASK,
        "X-Tenant": MASK, "x-plain": "plain",
    });
    let headers_of = |shown: &Value| shown["callback_parameters"]["headers"].clone();
    ensure!(
        headers_of(&made) == masked && made["callback_parameters"]["secret_headers"] == json!(["x-tenant"]),
        "{made}"
    );

    let mut texts = vec![tenant.api.get("/v1/integrations").await?.text(), tenant.api.get(PATH).await?.text()];
    texts.push(tenant.stop("hook").await?.to_string());
    // The answer as it is, sent back, changes nothing; nor does taking the name off the list uncover the value.
    let back = json!({"callback_parameters": {"headers": masked, "secret_headers": null}});
    let changed = tenant.api.patch(PATH, &back).await?.json(200)?;
    ensure!(headers_of(&changed) == masked, "{changed}");
    texts.push(changed.to_string());
    // A new value is a new header: it may be plain.
    let replaced =
        json!({"callback_parameters": {"headers": {"X-Tenant": "open", "x-api-key": MASK}, "secret_headers": []}});
    let changed = tenant.api.patch(PATH, &replaced).await?.json(200)?;
    ensure!(headers_of(&changed) == json!({"X-Tenant": "open", "x-api-key": MASK}), "{changed}");
    texts.push(tenant.start("hook").await?.to_string());
    for text in texts {
        ensure!(!text.contains("secret-") && !text.contains("c2VjcmV0"), "{text}");
    }

    let ids = tenant.publish("a.b", 0..1).await?;
    let post = inbox.exactly(&ids).await?.pop().context("one post")?;
    ensure!(post.received.header("x-api-key") == "secret-2" && post.received.header("x-tenant") == "open");
    ensure!(post.received.header("authorization").is_empty());
    Ok(())
}

#[tokio::test]
async fn a_mask_with_no_value_behind_it_is_refused() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    for (parameters, pointer) in [
        (json!({"headers": {"x-api-key": MASK}}), "/callback_parameters/headers/x-api-key"),
        (json!({"headers": {"x-plain": MASK}}), "/callback_parameters/headers/x-plain"),
        (json!({"secret_headers": ["x-a", "a b"]}), "/callback_parameters/secret_headers/1"),
        (json!({"api_key": MASK}), "/callback_parameters/api_key"),
    ] {
        let mut parameters = parameters;
        parameters["callback_url"] = inbox.url().into();
        let body = json!({"id": "a", "integration_type": "permanent", "callback_parameters": parameters});
        ensure!(tenant.api.post("/v1/integrations", &body).await?.pointers()? == [pointer], "{body}");
    }
    Ok(())
}
