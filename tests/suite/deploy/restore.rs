//! A rehearsed restore: a stack over tables that were made from another stack's records, as docs/recovery.md describes.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, BillingMode, GlobalSecondaryIndex, PutRequest, WriteRequest};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::journey::{LONG_AGO, Session, Target, expect, operator};
use super::stack::{Stack, stack};

/// The most that one batch of writes may hold.
const BATCH: usize = 25;

#[tokio::test]
async fn a_stack_over_restored_tables_has_lost_nothing_and_goes_on() {
    let lost = stack().await;
    let session = Session::start(lost, "survivor").await;
    let mut target = Target::start().await;
    let hook = json!({
        "id": "hook", "integration_type": "permanent", "callback_parameters": {"callback_url": target.url},
    });
    session.post("/v1/integrations", hook, 200).await;
    let delivered = session.publish("order.before").await;
    target.takes(["order.before"]).await;
    target.answer([("order.refused", StatusCode::BAD_REQUEST)]);
    let refused = session.publish("order.refused").await;
    // What happened is recorded a moment later.
    let both = |page: &Value| [&delivered, &refused].iter().all(|id| page.to_string().contains(id.as_str()));
    let rejected = "/v1/integrations/hook/rejected_events";
    session.eventually("/v1/transactions", both).await;
    session.eventually(rejected, |page| page["rejected_events"][0].is_object()).await;
    let event = format!("/v1/events/{delivered}");
    let paths = ["/v1/integrations/hook", &event, rejected, "/v1/transactions"];
    let mut before = Vec::new();
    for path in paths {
        before.push(session.get(path).await);
    }

    let restored = restore(lost).await;
    let session = session.at(&restored);
    for (path, before) in paths.iter().zip(before) {
        assert_eq!(session.get(path).await, before, "{path}");
    }
    target.answer([]);
    let after = session.publish("order.after").await;
    target.takes(["order.after"]).await;
    assert_eq!(session.get(&format!("/v1/events/{after}")).await["name"], "order.after");
    expect(session.at(lost).call("GET", &format!("/v1/events/{after}"), None).await, 404);
    session.post("/v1/integrations/hook/_recover", json!({"from": LONG_AGO}), 202).await;
    target.takes(["order.after", "order.before", "order.refused"]).await;
}

/// A second stack over copies of a stack's tables, and over its master keys.
async fn restore(lost: &Stack) -> Stack {
    let (client, variables) = (Client::new(&operator(lost).await), lost.variables().await);
    let variable = |name: &str| variables[name].as_str().unwrap_or_else(|| panic!("{name} in {variables}"));
    for (variable_name, copy) in [
        ("SLUICE_TABLE_EVENTS", "restored-events"),
        ("SLUICE_TABLE_CONFIG", "restored-config"),
        ("SLUICE_TABLE_ACTIVITY", "restored-activity"),
    ] {
        create_like(&client, variable(variable_name), copy).await;
        copy_items(&client, variable(variable_name), copy).await;
    }
    let parameters = [
        ("ExistingEventsTable", "restored-events"),
        ("ExistingConfigTable", "restored-config"),
        ("ExistingActivityTable", "restored-activity"),
        ("ExistingKeysSecretArn", variable("SLUICE_KEYS_SECRET_ID")),
        // What is off by default deploys too.
        ("Tracing", "on"),
        ("KmsKeyArn", "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"),
    ];
    let restored = Stack::deploy("restored", &parameters).await;
    let found = restored.variables().await;
    assert_eq!(found["SLUICE_TABLE_EVENTS"], "restored-events");
    assert_ne!(found["SLUICE_QUEUE_DELIVER"], variables["SLUICE_QUEUE_DELIVER"], "its queues are its own");
    restored
}

/// Makes an empty table with the keys and indexes of another.
async fn create_like(client: &Client, table: &str, copy: &str) {
    let described = client.describe_table().table_name(table).send().await.expect("the table");
    let described = described.table.expect("its description");
    let index = |index: &aws_sdk_dynamodb::types::GlobalSecondaryIndexDescription| {
        GlobalSecondaryIndex::builder()
            .set_index_name(index.index_name.clone())
            .set_key_schema(index.key_schema.clone())
            .set_projection(index.projection.clone())
            .build()
            .expect("an index")
    };
    let indexes = described.global_secondary_indexes.filter(|indexes| !indexes.is_empty());
    let created = client
        .create_table()
        .table_name(copy)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(described.attribute_definitions)
        .set_key_schema(described.key_schema)
        .set_global_secondary_indexes(indexes.map(|indexes| indexes.iter().map(index).collect()));
    created.send().await.expect("the copy is made");
}

async fn copy_items(client: &Client, table: &str, copy: &str) {
    let mut pages = client.scan().table_name(table).into_paginator().items().send();
    let mut batch = Vec::new();
    while let Some(item) = pages.next().await {
        batch.push(put(item.expect("an item")));
        if batch.len() == BATCH {
            write(client, copy, std::mem::take(&mut batch)).await;
        }
    }
    if !batch.is_empty() {
        write(client, copy, batch).await;
    }
}

fn put(item: HashMap<String, AttributeValue>) -> WriteRequest {
    let put = PutRequest::builder().set_item(Some(item)).build().expect("an item");
    WriteRequest::builder().put_request(put).build()
}

async fn write(client: &Client, table: &str, batch: Vec<WriteRequest>) {
    let mut left = HashMap::from([(table.to_owned(), batch)]);
    while !left.is_empty() {
        let written = client.batch_write_item().set_request_items(Some(left)).send().await.expect("written");
        left = written.unprocessed_items.unwrap_or_default();
    }
}
