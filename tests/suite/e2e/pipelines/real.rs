//! Real records: webhooks of GitHub as a source's pages, and an order as Shopify's documentation has it.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{make, mapping, pipeline, profile, sync};
use crate::support::shop::order;
use crate::support::{Api, Inbox, Shop, shared};

/// A pipeline that makes each record's `event` an event.
pub(super) async fn to_events(api: &Api, from: &Shop) -> Result<String> {
    let source = make(api, "/v1/connection-profiles", &profile(&from.url())).await?;
    let events = json!({"name": "events", "connection": {"system": "eventStream"}});
    let events = make(api, "/v1/connection-profiles", &events).await?;
    let mut document = mapping();
    document["normalization"]["fields"] = json!([
        {"target": "n", "source": "$.id", "type": "int", "required": true},
        {"target": "event", "source": "$.event", "type": "object"},
    ]);
    document["transformation"] = json!({"key": ["n"], "fields": [
        {"target": "n", "source": "$.n"}, {"target": "event", "source": "$.event"},
    ]});
    let document = make(api, "/v1/mapping-configurations", &document).await?;
    let instance = json!({
        "name": "events", "sourceProfileId": source, "targetProfileId": events, "active": true,
        "mappings": [{"mappingConfigurationId": document, "load": {"system": "eventStream", "name": "github.event"}}],
    });
    make(api, "/v1/instances", &instance).await
}

#[tokio::test]
async fn records_are_as_large_as_events_may_be() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let from = Shop::open(0).await?;
    // 30 of nearly 256 KiB, and one that is too large for an event.
    for n in 1..=31 {
        let mut record = order(n);
        let size = if n == 31 { 400 * 1024 } else { 255 * 1024 };
        record["event"] = json!({"note": "x".repeat(size)});
        from.put(record);
    }
    let instance = to_events(api, &from).await?;
    let inbox = Inbox::open().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let run = sync(api, &instance, json!({})).await?;
    ensure!(run["counts"]["success"] == 30 && run["counts"]["failed"] == 1, "{run}");
    inbox.wait_for(30).await?;
    let id = run["errors"][0]["deadLetterId"].as_str().context("a dead letter")?;
    let letter = api.get(&format!("/v1/dlq/{id}")).await?.json(200)?;
    ensure!(letter["payload"].as_str().is_some_and(|payload| payload.len() > 400 * 1024), "it is kept whole");
    Ok(())
}

#[tokio::test]
async fn real_payloads_become_events_as_they_are() -> Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/github-events.ndjson");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: shared/data/github-events.ndjson is not here");
        return Ok(());
    };
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let from = Shop::open(0).await?;
    let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    for (place, line) in lines.iter().enumerate() {
        let mut record = order(place + 1);
        record["event"] = line["payload"].clone();
        from.put(record);
    }
    let instance = to_events(api, &from).await?;
    let inbox = Inbox::open().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let run = sync(api, &instance, json!({})).await?;
    ensure!(run["counts"]["success"] == lines.len(), "{run}");
    let posts = inbox.wait_for(lines.len()).await?;
    for post in posts {
        let payload = post.json()?["payload"].clone();
        let place = payload["n"].as_u64().context("a number")? as usize;
        ensure!(payload["event"] == lines[place - 1]["payload"], "record {place} arrived changed");
    }
    // What is read again is the same event.
    let again = sync(api, &instance, json!({"mode": "fullSync"})).await?;
    ensure!(again["counts"]["total"] == lines.len(), "{again}");
    crate::support::quiet(|| inbox.len()).await?;
    ensure!(inbox.len() == lines.len(), "{} of {} events", inbox.len(), lines.len());
    Ok(())
}

#[tokio::test]
async fn an_order_as_shopify_has_it() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let (from, to) = (Shop::open(0).await?, Shop::open(0).await?);
    // From the documentation of the Order resource, shortened.
    from.put(json!({
        "id": 450_789_469_u64, "admin_graphql_api_id": "gid://shopify/Order/450789469", "name": "#1001",
        "created_at": "2026-01-10T11:00:00-05:00", "updated_at": "2026-01-10T11:00:00-05:00", "currency": "USD",
        "email": "bob.norman@mail.example.com", "financial_status": "partially_refunded", "test": false,
        "total_price": "598.94", "subtotal_price": "597.00", "total_tax": "11.94", "taxes_included": false,
        "note_attributes": [{"name": "custom engraving", "value": "Happy Birthday"}],
        "discount_codes": [{"code": "TENOFF", "amount": "10.00", "type": "fixed_amount"}],
        "line_items": [
            {"id": 466_157_049_u64, "sku": "IPOD2008GREEN", "quantity": 1, "price": "199.00", "gift_card": false},
            {"id": 518_995_019_u64, "sku": "IPOD2008RED", "quantity": 1, "price": "199.00", "gift_card": false},
            {"id": 703_073_504_u64, "sku": "GIFT", "quantity": 1, "price": "199.00", "gift_card": true},
        ],
    }));
    let instance = pipeline(&tenant.api, &from, &to, json!({})).await?;
    let run = sync(&tenant.api, &instance, json!({})).await?;
    ensure!(run["status"] == "succeeded", "{run}");
    let wanted = json!({
        "DocType": "dDocument_Items", "NumAtCard": "450789469", "DocTotal": "598.94",
        "DocumentLines": [{"ItemCode": "IPOD2008GREEN"}, {"ItemCode": "IPOD2008RED"}],
    });
    ensure!(to.kept()["450789469"] == wanted, "{:?}", to.kept());
    Ok(())
}
