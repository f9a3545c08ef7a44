//! Pipelines, from their configuration to what reaches the target.

mod configuration;
mod dead_letters;
mod inbound;
mod real;
mod runs;
mod schedules;
mod transactions;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::support::{Api, SOON, Shop, eventually};

/// A mapping of a shop's orders.
pub(crate) fn mapping() -> Value {
    json!({
        "name": "orders", "entityType": "order",
        "extraction": {
            "request": {"path": "/orders.json", "query": {"status": "any"}},
            "records": "$.orders[*]", "sourceId": "$.id",
            "pagination": {"type": "page", "parameter": "page", "sizeParameter": "size", "size": 50},
            "cursor": {"column": "$.updated_at", "type": "datetime", "parameter": "updated_at_min", "overlapSeconds": 1},
        },
        "normalization": {"fields": [
            {"target": "orderId", "source": "$.id", "type": "string", "required": true},
            {"target": "total", "source": "$.total_price", "type": "decimal", "required": true},
            {"target": "currency", "source": "$.currency", "type": "string", "default": "USD"},
            {"target": "lines", "source": "$.line_items[*]", "type": "array", "fields": [
                {"target": "sku", "source": "$.sku", "type": "string", "required": true},
                {"target": "gift", "source": "$.gift_card", "type": "bool", "default": false},
            ]},
        ]},
        "transformation": {"key": ["NumAtCard"], "static": {"DocType": "dDocument_Items"}, "fields": [
            {"target": "NumAtCard", "source": "$.orderId"},
            {"target": "DocTotal", "source": "$.total", "transform": "formatDecimal", "options": {"decimals": 2}},
            {"target": "DocumentLines", "source": "$.lines[*]", "type": "array", "where": "!item.gift", "fields": [
                {"target": "ItemCode", "source": "$.sku"},
            ]},
        ]},
    })
}

/// How orders are written to a shop.
pub(crate) fn load() -> Value {
    json!({"system": "genericApi", "mode": "upsert", "method": "PUT", "path": "/kept/{key}"})
}

pub(crate) fn profile(url: &str) -> Value {
    json!({"name": "shop", "connection": {"system": "genericApi", "baseUrl": url, "auth": {"type": "none"}}})
}

pub(crate) fn id(made: &Value) -> Result<String> {
    Ok(made["id"].as_str().context("an id")?.to_owned())
}

pub(crate) async fn make(api: &Api, path: &str, body: &Value) -> Result<String> {
    id(&api.post(path, body).await?.json(201)?)
}

/// A pipeline from one shop to another; gives its instance.
pub(crate) async fn pipeline(api: &Api, from: &Shop, to: &Shop, more: Value) -> Result<String> {
    let source = make(api, "/v1/connection-profiles", &profile(&from.url())).await?;
    let target = make(api, "/v1/connection-profiles", &profile(&to.url())).await?;
    let mapping = make(api, "/v1/mapping-configurations", &mapping()).await?;
    let mut instance = json!({
        "name": "orders", "sourceProfileId": source, "targetProfileId": target, "active": true, "batchSize": 50,
        "mappings": [{"mappingConfigurationId": mapping, "load": load()}],
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        instance[name] = value.clone();
    }
    make(api, "/v1/instances", &instance).await
}

/// Starts a run.
pub(crate) async fn start(api: &Api, instance: &str, more: Value) -> Result<String> {
    let mut event = json!({"instanceId": instance, "entityType": "order"});
    for (name, value) in more.as_object().into_iter().flatten() {
        event[name] = value.clone();
    }
    let started = api.post("/v1/sync-events", &event).await?.json(202)?;
    Ok(started["correlationId"].as_str().context("a correlation id")?.to_owned())
}

/// A run that is over.
pub(crate) async fn finished(api: &Api, run: &str) -> Result<Value> {
    eventually("the run is over", SOON, async || {
        let run = api.get(&format!("/v1/sync-events/{run}")).await?.json(200)?;
        Ok((run["status"] != "queued" && run["status"] != "running").then_some(run))
    })
    .await
}

/// Starts a run and follows it to its end.
pub(crate) async fn sync(api: &Api, instance: &str, more: Value) -> Result<Value> {
    finished(api, &start(api, instance, more).await?).await
}
