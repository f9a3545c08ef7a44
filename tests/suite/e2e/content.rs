//! Filters by content: what a CEL expression lets through live, from the past and into files, and which are refused.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::support::{Inbox, SOON, Tenant, bucket, shared};

const FILTER: &str = "payload.total > 100 && payload.lines.exists(l, l.sku.startsWith(payload.brand))";

/// Events of which only those with `n` below 10 are asked for by [`FILTER`].
fn orders() -> Vec<Value> {
    let order = |n: usize, payload: Value| json!({"name": "order.created", "id": format!("o-{n}"), "payload": payload});
    let line = |sku: &str| json!([{"sku": "other"}, {"sku": sku}]);
    let wanted = (0..10).map(|n| order(n, json!({"n": n, "total": 101 + n, "brand": "A", "lines": line("A-1")})));
    let cheap = (10..20).map(|n| order(n, json!({"n": n, "total": 100.0, "brand": "A", "lines": line("A-1")})));
    let other = (20..30).map(|n| order(n, json!({"n": n, "total": 500, "brand": "A", "lines": line("B-1")})));
    // About these the expression cannot be evaluated at all.
    let odd =
        [json!({"n": 30}), json!({"n": 31, "total": "500", "brand": 1, "lines": {}}), json!({"n": 32, "total": 1e300})];
    let odd = odd.into_iter().zip(30..).map(|(payload, n)| order(n, payload));
    wanted.chain(cheap).chain(other).chain(odd).collect()
}

fn numbers(inbox: &Inbox) -> Vec<usize> {
    let mut numbers: Vec<usize> = inbox.posts().iter().map(crate::support::inbox::Post::number).collect();
    numbers.sort_unstable();
    numbers
}

async fn ten(inbox: &Inbox) -> Result<()> {
    inbox.wait_for(10).await?;
    crate::support::quiet(|| inbox.len()).await?;
    ensure!(numbers(inbox) == (0..10).collect::<Vec<_>>(), "{:?}", numbers(inbox));
    Ok(())
}

#[tokio::test]
async fn an_expression_narrows_live_events_a_past_window_and_files() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let (live, past, all) = (Inbox::open().await?, Inbox::open().await?, Inbox::open().await?);
    let filter = json!({"entity_filter": ["order"], "payload_filter": FILTER});
    let made = tenant.webhook_with("live", json!({"callback_url": live.url()}), filter.clone()).await?;
    ensure!(made["filter_conditions"]["payload_filter"] == FILTER, "{made}");
    tenant.webhook("all", &all.url()).await?;
    let prefix = format!("content-{}", tenant.id);
    let mut files = json!({"id": "files", "integration_type": "permanent", "filter_conditions": filter.clone()});
    files["s3_parameters"] = tenant.s3_parameters(&prefix);
    tenant.api.post("/v1/integrations", &files).await?.json(200)?;

    let from = made["starts_at"].clone();
    let events = orders();
    tenant.api.publish(&json!({ "events": events })).await?.json(202)?;
    tenant.api.publish(&json!({"name": "return.created", "payload": events[0]["payload"]})).await?.json(202)?;
    all.wait_for(events.len() + 1).await?;
    ten(&live).await?;

    // The same window again: for one that is made later, and for one that asks for it once more.
    let mut later =
        json!({"id": "past", "integration_type": "permanent", "starts_at": from, "filter_conditions": filter});
    later["callback_parameters"] = json!({"callback_url": past.url()});
    tenant.api.post("/v1/integrations", &later).await?.json(200)?;
    ten(&past).await?;
    tenant.api.post("/v1/integrations/live/_recover", &json!({ "from": from })).await?.json(202)?;
    live.wait_for(20).await?;
    crate::support::quiet(|| live.len()).await?;
    ensure!(live.len() == 20 && numbers(&live).iter().all(|n| *n < 10), "{:?}", numbers(&live));

    let files = bucket::files_with(&tenant.s3, &prefix, 10, SOON).await?;
    bucket::each_once(&files, 10)
}

#[tokio::test]
async fn an_expression_is_changed_while_its_integration_is_stopped() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    let filter = json!({"payload_filter": "payload.n < 2"});
    tenant.webhook_with("hook", json!({"callback_url": inbox.url()}), filter).await?;
    tenant.publish("a.b", 0..4).await?;
    inbox.wait_for(2).await?;
    tenant.stop("hook").await?;
    let refused = json!({"filter_conditions": {"payload_filter": "payload.n <"}});
    let pointers = tenant.api.patch("/v1/integrations/hook", &refused).await?.pointers()?;
    ensure!(pointers == ["/filter_conditions/payload_filter"], "{pointers:?}");
    let changed = json!({"filter_conditions": {"payload_filter": "payload.n >= 6"}});
    tenant.api.patch("/v1/integrations/hook", &changed).await?.json(200)?;
    tenant.start("hook").await?;
    tenant.publish("a.b", 4..8).await?;
    inbox.wait_for(4).await?;
    crate::support::quiet(|| inbox.len()).await?;
    ensure!(numbers(&inbox) == [0, 1, 6, 7], "{:?}", numbers(&inbox));
    Ok(())
}

async fn refused(tenant: &Tenant, filter: Value) -> Result<Value> {
    let body = json!({
        "id": "hook", "integration_type": "permanent", "filter_conditions": filter,
        "callback_parameters": {"callback_url": "https://example.com/hook"},
    });
    tenant.api.post("/v1/integrations", &body).await?.error(400, "validation_failed")
}

#[tokio::test]
async fn what_does_not_compile_or_may_cost_too_much_is_refused_where_it_is_wrong() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    for (expression, place) in [
        ("payload.total >", "line 1, column 16"),
        ("payload.total > 1 &&\n totals > 2", "line 2, column 2"),
        ("payload.total", ""),
        ("payload.total + 1", "line 1"),
        ("payload.text.matches('(')", "line 1, column 22"),
        ("payload.a.exists(i, payload.a.exists(j, i == j))", "line 1, column 28"),
    ] {
        if place.is_empty() {
            continue; // It may be a bool.
        }
        let error = refused(&tenant, json!({"payload_filter": expression})).await?;
        ensure!(error["details"][0]["pointer"] == "/filter_conditions/payload_filter", "{error}");
        let message = error["details"][0]["message"].as_str().context("a message")?;
        ensure!(message.contains(place), "{expression}: {message}");
    }
    for unit in ["(", "[", "!", "-", "{", "a?b:", "payload.a.map(i,", "\"", "payload.a.exists(i, "] {
        for length in [2_048, 2_049, 100_000] {
            let bomb: String = unit.chars().cycle().take(length).collect();
            refused(&tenant, json!({"payload_filter": bomb})).await?;
        }
    }
    refused(&tenant, json!({"payload_filter": 7})).await?;
    for list in ["entity_filter", "event_filter"] {
        let error = refused(&tenant, json!({ list: vec!["order"; 10_000] })).await?;
        ensure!(error["details"][0]["pointer"] == format!("/filter_conditions/{list}"), "{error}");
    }
    Ok(())
}
