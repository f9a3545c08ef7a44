//! The newest thirty rejected events, each as large as an event can be: together more than one page of the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use serde_json::{Value, json};
use sluice::ports::Ports;
use sluice_local::receiver::status;

use crate::support::{Inbox, Tenant, eventually, shared};

/// 8 MB are published, delivered and kept.
const WITHIN: Duration = Duration::from_secs(90);
/// The text of the largest payload: 256 KiB with the rest of the payload and the event's name.
const TEXT_BYTES: usize = 256 * 1024 - 64;

/// Text that does not compress, in as many bytes of JSON.
fn noise(bytes: usize) -> String {
    let ports = Ports::system();
    let letters: Vec<char> = (' '..='~').filter(|letter| !matches!(letter, '"' | '\\')).collect();
    std::iter::repeat_with(|| ports.bytes::<256>())
        .flatten()
        .map(|byte| letters[usize::from(byte) % letters.len()])
        .take(bytes)
        .collect()
}

fn event(id: &str, text: &str) -> Value {
    json!({"id": id, "name": "a.b", "payload": {"text": text}})
}

async fn listed(tenant: &Tenant) -> Result<Vec<String>> {
    let list = tenant.api.get("/v1/integrations/hook/rejected_events").await?.json(200)?;
    let events = list["rejected_events"].as_array().context("a list")?;
    Ok(events.iter().filter_map(|event| event["id"].as_str().map(str::to_owned)).collect())
}

async fn wait_for(tenant: &Tenant, ids: &[String]) -> Result<()> {
    eventually("rejected events", WITHIN, async || {
        let mut list = listed(tenant).await?;
        list.sort_unstable();
        Ok((list == ids).then_some(()))
    })
    .await
}

#[tokio::test]
async fn thirty_of_the_largest_are_listed_read_retried_deleted_and_trimmed() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let code = Arc::new(AtomicU16::new(400));
    let current = Arc::clone(&code);
    let answer = move |_: &_, _| status(StatusCode::from_u16(current.load(Ordering::Relaxed)).unwrap_or_default());
    let inbox = Inbox::answering(answer).await?;
    tenant.webhook("hook", &inbox.url()).await?;

    let mut texts: Vec<String> = (0..28).map(|_| noise(TEXT_BYTES)).collect();
    // Each of these characters takes two bytes of JSON.
    texts.extend(["\"", "\\"].map(|letter| letter.repeat(TEXT_BYTES / 2)));
    let ids: Vec<String> = (10..40).map(|n| format!("large-{n}")).collect();
    let events: Vec<Value> = ids.iter().zip(&texts).map(|(id, text)| event(id, text)).collect();
    for batch in events.chunks(15) {
        let published = tenant.api.publish(&json!({ "events": batch })).await?;
        ensure!(published.json(202)?["accepted"] == 15, "{}", published.text());
    }
    wait_for(&tenant, &ids).await?;
    let path = |id: &str| format!("/v1/integrations/hook/rejected_events/{id}");
    for (id, text) in ids.iter().zip(&texts) {
        let envelope = tenant.api.get(&path(id)).await?.json(200)?;
        ensure!(envelope["payload"]["text"] == text.as_str(), "{id} is not what was published");
    }

    // The last in the list is on the last page.
    let list = listed(&tenant).await?;
    let (oldest, next) = (&list[29], &list[28]);
    tenant.api.act(&format!("{}/_retry", path(oldest))).await?.error(502, "delivery_failed")?;
    code.store(204, Ordering::Relaxed);
    tenant.api.act(&format!("{}/_retry", path(oldest))).await?.empty(204)?;
    tenant.api.delete(&path(next)).await?.empty(204)?;
    for gone in [oldest, next] {
        tenant.api.get(&path(gone)).await?.error(404, "not_found")?;
        tenant.api.delete(&path(gone)).await?.error(404, "not_found")?;
    }
    ensure!(listed(&tenant).await? == list[..28]);

    code.store(400, Ordering::Relaxed);
    let more: Vec<Value> = (0..4).map(|n| event(&format!("more-{n}"), &noise(TEXT_BYTES))).collect();
    tenant.api.publish(&json!({ "events": more })).await?.json(202)?;
    let mut expected: Vec<String> = list[..26].to_vec();
    expected.extend((0..4).map(|n| format!("more-{n}")));
    expected.sort_unstable();
    wait_for(&tenant, &expected).await?;
    for dropped in &list[26..28] {
        tenant.api.get(&path(dropped)).await?.error(404, "not_found")?;
    }
    Ok(())
}

#[tokio::test]
async fn an_event_that_is_rejected_again_is_listed_once() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::answering(|_, _| status(StatusCode::BAD_REQUEST)).await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let ids = tenant.publish("a.b", 0..2).await?;
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    wait_for(&tenant, &sorted).await?;
    let from = tenant.api.get(&format!("/v1/events/{}", ids[0])).await?.json(200)?;
    let from = from["published_at"].as_str().context("a time")?.to_owned();
    tenant.api.post("/v1/integrations/hook/_recover", &json!({ "from": from })).await?.json(202)?;
    inbox.wait_for(4).await?;
    eventually("both are rejected again", WITHIN, async || {
        let log = tenant.log("hook").await?;
        Ok((log.iter().filter(|(action, _)| action == "event_rejected").count() == 4).then_some(()))
    })
    .await?;
    let mut list = listed(&tenant).await?;
    list.sort_unstable();
    ensure!(list == sorted, "{list:?}");
    Ok(())
}
