//! The catalogue of event types, and publishing against its schemas.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::support::{Inbox, Tenant, shared};

fn order_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "required": ["total"],
        "properties": {"total": {"type": "number"}, "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}}},
        "$defs": {"line": {"type": "object", "properties": {"sku": {"type": "string", "pattern": "^[A-Z]-[0-9]+$"}}}},
    })
}

async fn put(tenant: &Tenant, name: &str, schema: &Value, status: u16) -> Result<Value> {
    tenant.api.put(&format!("/v1/event-types/{name}"), &json!({ "schema": schema })).await?.json(status)
}

#[tokio::test]
async fn an_event_type_is_made_shown_replaced_and_deleted() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let path = "/v1/event-types/order.created";
    tenant.api.get(path).await?.error(404, "not_found")?;
    let body = json!({"description": "An order came in.", "schema": order_schema()});
    let made = tenant.api.put(path, &body).await?.json(201)?;
    ensure!(made["name"] == "order.created" && made["description"] == "An order came in.", "{made}");
    ensure!(made["schema"] == order_schema(), "{made}");
    ensure!(tenant.api.get(path).await?.json(200)? == made);
    let replaced = tenant.api.put(path, &json!({"schema": true})).await?.json(200)?;
    ensure!(replaced.get("description").is_none() && replaced["schema"] == true, "{replaced}");
    ensure!(replaced["created_at"] == made["created_at"], "{replaced}");
    tenant.api.put("/v1/event-types/a", &json!({})).await?.json(201)?;
    tenant.api.put("/v1/event-types/b", &json!({"description": "b", "schema": null})).await?.json(201)?;

    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = tenant.api.get(&format!("/v1/event-types?limit=2{cursor}")).await?.json(200)?;
        for one in page["event_types"].as_array().context("a list")? {
            names.push((one["name"].as_str().context("a name")?.to_owned(), one["has_schema"] == true));
        }
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    ensure!(
        names == [("a".to_owned(), false), ("b".to_owned(), false), ("order.created".to_owned(), true)],
        "{names:?}"
    );
    tenant.api.sandbox().get(path).await?.error(404, "not_found")?;
    tenant.api.delete(path).await?.empty(204)?;
    tenant.api.delete(path).await?.error(404, "not_found")?;
    tenant.api.get(path).await?.error(404, "not_found")?;
    Ok(())
}

#[tokio::test]
async fn payloads_are_checked_against_their_schema() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let good = json!({"name": "order.created", "payload": {"total": 1, "lines": [{"sku": "A-1"}]}});
    let bad = json!({"name": "order.created", "payload": {"total": "1", "lines": [{"sku": "A-1"}, {"sku": "hidden"}]}});
    let other = json!({"name": "order.cancelled", "payload": {"total": "1"}});
    tenant.api.publish(&bad).await?.json(202)?;
    put(&tenant, "order.created", &order_schema(), 201).await?;

    // On the process that took it, at once.
    let mut pointers = tenant.api.publish(&bad).await?.pointers()?;
    pointers.sort_unstable();
    ensure!(pointers == ["/payload/lines/1/sku", "/payload/total"], "{pointers:?}");
    let batch = json!({"events": [good, other, {"name": "order.created", "payload": {}}, bad]});
    let reply = tenant.api.publish(&batch).await?;
    let pointers = reply.pointers()?;
    ensure!(pointers[0] == "/events/2/payload" && pointers[1].starts_with("/events/3/payload/"), "{pointers:?}");
    ensure!(!reply.text().contains("hidden"), "values stay where they are: {}", reply.text());
    tenant.api.publish(&json!({ "events": [good, other] })).await?.json(202)?;
    tenant.api.sandbox().publish(&bad).await?.json(202)?;
    // Nothing of the batch that was refused is on its way.
    inbox.wait_for(3).await?;
    ensure!(crate::support::quiet(|| inbox.len()).await? == 3, "{} came", inbox.len());

    put(&tenant, "order.created", &json!({"required": ["id"]}), 200).await?;
    ensure!(tenant.api.publish(&good).await?.pointers()? == ["/payload"]);
    tenant.api.delete("/v1/event-types/order.created").await?.empty(204)?;
    tenant.api.publish(&bad).await?.json(202)?;
    Ok(())
}

#[tokio::test]
async fn a_large_batch_is_checked_while_others_are_served() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    put(&tenant, "big", &json!({"properties": {"items": {"items": {"type": "integer", "minimum": 0}}}}), 201).await?;
    let items: Vec<u32> = vec![7; 60_000];
    let mut events = vec![json!({"name": "big", "payload": {"items": items}}); 20];
    tenant.api.publish(&json!({ "events": events })).await?.json(202)?;
    events[13]["payload"]["items"][59_999] = json!(-1);
    let pointers = tenant.api.publish(&json!({ "events": events })).await?.pointers()?;
    ensure!(pointers == ["/events/13/payload/items/59999"], "{pointers:?}");
    // What JSON cannot mean as a number, or nests too deep, cannot be checked.
    let deep = format!("{{\"items\":{}{}}}", "[".repeat(500), "]".repeat(500));
    for (payload, code) in [(r#"{"items":[1e999]}"#, "validation_failed"), (&*deep, "nesting_too_deep")] {
        let reply = tenant.api.post_text("/v1/events", format!("{{\"name\":\"big\",\"payload\":{payload}}}")).await?;
        let error = reply.error(400, code)?;
        ensure!(error["details"][0]["pointer"] == "/payload", "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn bad_schemas_are_refused_where_they_are_bad() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let doubling = json!({"allOf": [{"properties": {"a": {"$ref": "#"}}}, {"properties": {"a": {"$ref": "#"}}}]});
    let deep = (0..50).fold(json!({}), |below, _| json!({"properties": {"a": below}}));
    for (schema, pointer) in [
        (json!({"type": "nothing"}), "/schema/type"),
        (json!("text"), "/schema"),
        (json!({"$ref": "https://example.com/schema.json"}), "/schema/$ref"),
        (json!({"properties": {"a": {"$ref": "http://169.254.169.254/latest"}}}), "/schema/properties/a/$ref"),
        (json!({"$ref": "file:///etc/passwd"}), "/schema/$ref"),
        (json!({"$schema": "http://json-schema.org/draft-07/schema#"}), "/schema/$schema"),
        (json!({"properties": {"a": {"pattern": "(?=x)"}}}), "/schema/properties/a/pattern"),
        (json!({"description": "x".repeat(66_000)}), "/schema"),
        (json!({"$ref": "#"}), "/schema"),
        (doubling, "/schema"),
    ] {
        let shown: String = schema.to_string().chars().take(100).collect();
        let pointers = tenant.api.put("/v1/event-types/x", &json!({ "schema": schema })).await?.pointers()?;
        ensure!(pointers.first().is_some_and(|first| first == pointer), "{shown}: {pointers:?}");
    }
    tenant.api.put("/v1/event-types/deep", &json!({ "schema": deep })).await?.json(201)?;
    let path = "/v1/event-types/x";
    tenant.api.put(path, &json!({"schema": {"x": "y".repeat(300_000)}})).await?.error(413, "payload_too_large")?;
    ensure!(tenant.api.put(path, &json!({"more": 1})).await?.pointers()? == ["/more"]);
    ensure!(tenant.api.put(path, &json!({"description": "x".repeat(2_000)})).await?.pointers()? == ["/description"]);
    ensure!(tenant.api.put("/v1/event-types/not%20one", &json!({})).await?.pointers()? == ["?name"]);
    tenant.api.get("/v1/event-types/not%20one").await?.error(404, "not_found")?;
    tenant.api.get(path).await?.error(404, "not_found")?;
    ensure!(tenant.api.get("/v1/event-types?cursor=%21").await?.pointers()? == ["?cursor"]);
    ensure!(tenant.api.get("/v1/event-types?limit=501").await?.pointers()? == ["?limit"]);
    Ok(())
}

#[tokio::test]
async fn a_scope_has_at_most_500() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    for n in 0..500 {
        tenant.api.put(&format!("/v1/event-types/n.{n}"), &json!({})).await?.json(201)?;
    }
    tenant.api.put("/v1/event-types/more", &json!({})).await?.error(400, "event_type_limit_exceeded")?;
    tenant.api.put("/v1/event-types/n.7", &json!({"description": "again"})).await?.json(200)?;
    tenant.api.sandbox().put("/v1/event-types/more", &json!({})).await?.json(201)?;
    tenant.api.delete("/v1/event-types/n.7").await?.empty(204)?;
    tenant.api.put("/v1/event-types/more", &json!({})).await?.json(201)?;
    let page = tenant.api.get("/v1/event-types?limit=500").await?.json(200)?;
    ensure!(page["event_types"].as_array().is_some_and(|all| all.len() == 500), "{page}");
    Ok(())
}
