//! What nobody may publish, by whichever way: names of our own events, and payloads that nest too deep.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::pipelines::{make, mapping, profile};
use crate::support::{Inbox, Tenant, shared};

const RESERVED: [&str; 7] = [
    "integration.stopped",
    "transaction.failed",
    "transaction.paid",
    "dead_letter.added",
    "sla.violated",
    "mdn.received",
    "document.received",
];

#[tokio::test]
async fn names_of_our_own_events_are_refused() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    for name in RESERVED {
        let event = json!({"name": name, "payload": {}});
        ensure!(tenant.api.publish(&event).await?.pointers()? == ["/name"], "{name}");
        ensure!(tenant.api.sandbox().publish(&event).await?.pointers()? == ["/name"], "{name}");
        let batch = json!({"events": [{"name": "order.created", "payload": {}}, event]});
        ensure!(tenant.api.publish(&batch).await?.pointers()? == ["/events/1/name"], "{name}");
        let path = format!("/v1/event-types/{name}");
        ensure!(tenant.api.put(&path, &json!({"description": "x"})).await?.pointers()? == ["?name"], "{name}");
    }
    // Notifications of partners' callbacks have another form, and entities of these names no events.
    for name in ["Document", "WorkflowStateChange", "document", "order.document", "documents.received"] {
        tenant.api.publish(&json!({"name": name, "payload": {}})).await?.json(202)?;
    }
    let log = tenant.api.get("/v1/events").await?.json(200)?;
    ensure!(log["events"].as_array().is_some_and(|events| events.len() == 5), "{log}");
    Ok(())
}

#[tokio::test]
async fn nor_does_a_pipeline_publish_them() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let source = make(api, "/v1/connection-profiles", &profile("http://127.0.0.1:9")).await?;
    let events = json!({"name": "events", "connection": {"system": "eventStream"}});
    let target = make(api, "/v1/connection-profiles", &events).await?;
    let mapping = make(api, "/v1/mapping-configurations", &mapping()).await?;
    let instance = |name: &str| {
        let load = json!({"system": "eventStream", "name": name});
        json!({
            "name": "orders", "sourceProfileId": source, "targetProfileId": target,
            "mappings": [{"mappingConfigurationId": mapping, "load": load}],
        })
    };
    for name in RESERVED {
        let pointers = api.post("/v1/instances", &instance(name)).await?.pointers()?;
        ensure!(pointers == ["/mappings/0/load/name"], "{name}: {pointers:?}");
    }
    api.post("/v1/instances", &instance("order.synced")).await?.json(201)?;
    Ok(())
}

/// An event whose payload has that many levels, as text.
fn nested(name: &str, levels: usize) -> String {
    let payload = format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    format!("{{\"name\":\"{name}\",\"payload\":{payload}}}")
}

async fn publish(tenant: &Tenant, body: &str) -> Result<Option<Value>> {
    let reply = tenant.api.post_text("/v1/events", body.to_owned()).await?;
    if reply.status == 202 {
        return Ok(None);
    }
    Ok(Some(reply.error(400, "nesting_too_deep")?["details"][0]["pointer"].clone()))
}

#[tokio::test]
async fn payloads_nest_64_levels_with_a_schema_and_without() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    tenant.api.put("/v1/event-types/with.schema", &json!({"schema": {"type": "object"}})).await?.json(201)?;
    for name in ["with.schema", "without.schema"] {
        ensure!(publish(&tenant, &nested(name, 64)).await?.is_none(), "{name}");
        for levels in [65, 127, 128, 5_000] {
            ensure!(publish(&tenant, &nested(name, levels)).await? == Some(json!("/payload")), "{name} {levels}");
        }
        let batch = format!("{{\"events\":[{},{}]}}", nested(name, 64), nested(name, 65));
        ensure!(publish(&tenant, &batch).await? == Some(json!("/events/1/payload")), "{name}");
    }
    inbox.wait_for(2).await?;
    let lists = format!("{{\"name\":\"a.b\",\"payload\":{{\"a\":{}{}}}}}", "[".repeat(64), "]".repeat(64));
    ensure!(publish(&tenant, &lists).await? == Some(json!("/payload")));
    Ok(())
}
