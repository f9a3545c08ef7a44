//! Filters by entity, by event name and by wildcard let through exactly what they say.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::support::{Inbox, SOON, bucket, quiet, shared};

const NAMES: [&str; 12] = [
    "order.created",
    "order.cancelled",
    "order.line.added",
    "orders.created",
    "order",
    "return.created",
    "return.closed",
    "pull_request.opened",
    "pull_request_review.submitted",
    "pull.opened",
    "Order.created",
    "a-b.c_d",
];

#[tokio::test]
async fn each_integration_gets_exactly_what_it_asks_for() -> Result<()> {
    let cases: [(Value, &[&str]); 11] = [
        (json!({}), &NAMES),
        (json!({"entity_filter": [], "event_filter": []}), &NAMES),
        (json!({"entity_filter": ["order"]}), &["order.created", "order.cancelled", "order.line.added", "order"]),
        (json!({"event_filter": ["order.created"]}), &["order.created"]),
        (
            json!({"entity_filter": ["return"], "event_filter": ["order.created"]}),
            &["return.created", "return.closed", "order.created"],
        ),
        (
            json!({"event_filter": ["*.created"]}),
            &["order.created", "orders.created", "return.created", "Order.created"],
        ),
        (json!({"entity_filter": ["pull_*"]}), &["pull_request.opened", "pull_request_review.submitted"]),
        (json!({"event_filter": ["order.*"]}), &["order.created", "order.cancelled", "order.line.added"]),
        (json!({"entity_filter": ["*"]}), &NAMES),
        (json!({"event_filter": ["*-*.*_*", "pull*opened"]}), &["a-b.c_d", "pull_request.opened", "pull.opened"]),
        (json!({"entity_filter": ["nothing"], "event_filter": ["no*"]}), &[]),
    ];
    let tenant = shared().await.tenant().await?;
    let mut inboxes = Vec::new();
    for (n, (filter, names)) in cases.into_iter().enumerate() {
        let inbox = Inbox::open().await?;
        let made = tenant.webhook_with(&format!("f-{n}"), json!({"callback_url": inbox.url()}), filter.clone()).await?;
        ensure!(made["filter_conditions"].is_object(), "{made}");
        inboxes.push((filter, names, inbox));
    }
    let mut s3 =
        json!({"id": "files", "integration_type": "permanent", "filter_conditions": {"entity_filter": ["order"]}});
    let prefix = format!("filtered-{}", tenant.id);
    s3["s3_parameters"] = tenant.s3_parameters(&prefix);
    tenant.api.post("/v1/integrations", &s3).await?.json(200)?;

    let events: Vec<Value> = NAMES.iter().map(|name| json!({"name": name, "payload": {}})).collect();
    tenant.api.publish(&json!({ "events": events })).await?.json(202)?;
    tenant.api.publish(&json!({ "events": events })).await?.json(202)?;
    for (filter, names, inbox) in &inboxes {
        inbox.wait_for(2 * names.len()).await.with_context(|| filter.to_string())?;
    }
    quiet(|| inboxes.iter().map(|(_, _, inbox)| inbox.len()).sum()).await?;
    for (filter, names, inbox) in inboxes {
        let mut came = Vec::new();
        for post in inbox.posts() {
            came.push(post.json()?["name"].as_str().context("no name")?.to_owned());
        }
        let different: BTreeSet<&str> = came.iter().map(String::as_str).collect();
        ensure!(different == names.iter().copied().collect(), "{filter} let {different:?} through");
        ensure!(came.len() == 2 * names.len(), "{filter}: {} of {}", came.len(), 2 * names.len());
    }
    let files = bucket::files_with(&tenant.s3, &prefix, 8, SOON).await?;
    for file in files {
        let names: Vec<Value> = file.lines()?.iter().map(|line| line["name"].clone()).collect();
        ensure!(
            names.iter().all(|name| name.as_str().is_some_and(|n| n == "order" || n.starts_with("order."))),
            "{names:?}"
        );
    }
    Ok(())
}
