//! Operational events: published to whoever asks for them by name, once each, and never about themselves.

use anyhow::{Result, ensure};
use axum::http::StatusCode;
use serde_json::json;
use sluice_local::receiver::status;

use crate::support::{Inbox, SOON, World, eventually, quiet};

#[tokio::test]
async fn failures_are_announced_to_those_who_ask() -> Result<()> {
    let world = World::start(&[("SLUICE_RETRY_STREAM", "50ms"), ("SLUICE_RETRY_WEBHOOK", "50ms")]).await?;
    let tenant = world.tenant().await?;
    let target = Inbox::answering(|post, _| {
        let rejects = post.json().is_ok_and(|body| body["name"] == "a.rejected");
        status(if rejects { StatusCode::BAD_REQUEST } else { StatusCode::BAD_GATEWAY })
    });
    let target = target.await?;
    tenant.webhook("erp", &target.url()).await?;
    let (alerts, broken) = (Inbox::open().await?, Inbox::answering(|_, _| status(StatusCode::BAD_GATEWAY)).await?);
    for (url, events) in
        [(alerts.url(), "transaction.*"), (alerts.url(), "dead_letter.added"), (broken.url(), "transaction.*")]
    {
        let wanted = json!({"name": "alerts", "url": url, "events": [events]});
        tenant.api.post("/v1/webhooks/subscriptions", &wanted).await?.json(201)?;
    }
    let rejected = tenant.publish("a.rejected", 0..1).await?.remove(0);
    let dead = tenant.publish("a.dead", 1..2).await?.remove(0);
    alerts.wait_for(3).await?;
    // The broken one fails to take two of them: nothing comes of it.
    eventually("it has given up", SOON, async || Ok((broken.len() == 4).then_some(()))).await?;
    quiet(|| alerts.len() + broken.len() + target.len()).await?;
    let mut seen: Vec<(String, String)> = Vec::new();
    for post in alerts.posts() {
        let event = post.json()?;
        let payload = &event["payload"];
        ensure!(payload["route"] == json!({"type": "integration", "id": "erp"}), "{event}");
        ensure!(payload["message"].is_string() && payload["error"].is_string(), "{event}");
        let id = payload["transaction_id"].as_str().unwrap_or_default();
        let one = tenant.api.get(&format!("/v1/transactions/{id}")).await?.json(200)?;
        ensure!(one["event_id"] == payload["event_id"] && one["status"] == payload["status"], "{one} {event}");
        seen.push((event["name"].to_string(), payload["event_id"].to_string()));
    }
    seen.sort();
    let wanted = [("dead_letter.added", &dead), ("transaction.failed", &dead), ("transaction.rejected", &rejected)];
    ensure!(seen == wanted.map(|(name, id)| (json!(name).to_string(), json!(id).to_string())), "{seen:?}");
    // An integration that asks for everything is not told.
    ensure!(target.posts().iter().all(|post| !post.text().contains("transaction.")), "only what was published");
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_suspended_route_is_announced_once() -> Result<()> {
    let world =
        World::start(&[("SLUICE_RETRY_STREAM", "50ms,50ms,50ms,50ms"), ("SLUICE_SUSPEND_AFTER_FAILURES", "3")]).await?;
    let tenant = world.tenant().await?;
    let broken = Inbox::answering(|post, _| {
        let gone = post.json().is_ok_and(|body| body["name"] == "a.gone");
        status(if gone { StatusCode::GONE } else { StatusCode::BAD_GATEWAY })
    });
    let (broken, alerts) = (broken.await?, Inbox::open().await?);
    tenant.webhook("erp", &broken.url()).await?;
    let wanted = json!({"name": "alerts", "url": alerts.url(), "events": ["integration.*"], "format": "slack"});
    tenant.api.post("/v1/webhooks/subscriptions", &wanted).await?.json(201)?;
    tenant.publish("a.b", 0..3).await?;
    let post = alerts.wait_for(1).await?.remove(0);
    ensure!(post.text().contains("integration.suspended") && post.text().contains("erp suspended"), "{}", post.text());
    tenant.webhook("other", &broken.url()).await?;
    tenant.publish("a.gone", 3..4).await?;
    let post = alerts.wait_for(2).await?.remove(1);
    ensure!(post.text().contains("integration.stopped") && post.text().contains("gone"), "{}", post.text());
    tenant.stop("erp").await?;
    let post = alerts.wait_for(3).await?.remove(2);
    ensure!(post.text().contains("integration.stopped") && post.text().contains("via API"), "{}", post.text());
    quiet(|| alerts.len()).await?;
    ensure!(alerts.len() == 3, "{} alerts", alerts.len());
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_promise_that_is_not_kept_is_announced_once() -> Result<()> {
    let world = World::start(&[("SLUICE_RETRY_WEBHOOK", "3s,3s,1m"), ("SLUICE_RETRY_STREAM", "1m")]).await?;
    let tenant = world.tenant().await?;
    let (alerts, broken) = (Inbox::open().await?, Inbox::answering(|_, _| status(StatusCode::BAD_GATEWAY)).await?);
    let wanted = json!({"name": "alerts", "url": alerts.url(), "events": ["sla.violated"]});
    tenant.api.post("/v1/webhooks/subscriptions", &wanted).await?.json(201)?;
    // Of a route, and of a partner.
    let wanted = json!({"name": "late", "url": broken.url(), "events": ["a.b"], "deliver_within_seconds": 2});
    tenant.api.post("/v1/webhooks/subscriptions", &wanted).await?.json(201)?;
    let partner = json!({"id": "p-1", "name": "P", "transport": "webhook", "sla": {"deliver_within_seconds": 1}});
    tenant.api.post("/v1/partners", &partner).await?.json(201)?;
    let callback = json!({"callbackUrl": broken.url()});
    tenant.api.put("/v1/partners/p-1/callbacks/Notes", &callback).await?.json(201)?;
    let event = tenant.publish("a.b", 0..1).await?.remove(0);
    tenant.api.publish(&json!({"name": "Notes", "partner_id": "p-1", "payload": {}})).await?.json(202)?;
    let posts = alerts.wait_for(2).await?;
    // The attempts after it announce nothing more.
    broken.wait_for(4).await?;
    quiet(|| alerts.len()).await?;
    ensure!(alerts.len() == 2, "{} alerts", alerts.len());
    let of_route = posts.iter().find(|post| post.text().contains(&event)).map(|post| post.json());
    let of_route = of_route.transpose()?.unwrap_or_default();
    ensure!(of_route["name"] == "sla.violated" && of_route["payload"]["deliver_within_seconds"] == 2, "{of_route}");
    ensure!(posts.iter().any(|post| post.text().contains(r#""deliver_within_seconds":1,"#)), "the partner's");
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn what_waits_for_a_suspended_route_is_late_too() -> Result<()> {
    let world = World::start(&[
        ("SLUICE_RETRY_WEBHOOK", "200ms,200ms,200ms,200ms,200ms"),
        ("SLUICE_SUSPEND_AFTER_FAILURES", "2"),
        ("SLUICE_PROBE_DELAYS", "1m"),
    ]);
    let world = world.await?;
    let tenant = world.tenant().await?;
    let (alerts, broken) = (Inbox::open().await?, Inbox::answering(|_, _| status(StatusCode::BAD_GATEWAY)).await?);
    let wanted = json!({"name": "alerts", "url": alerts.url(), "events": ["sla.violated"]});
    tenant.api.post("/v1/webhooks/subscriptions", &wanted).await?.json(201)?;
    let wanted = json!({"name": "late", "url": broken.url(), "events": ["a.b"], "deliver_within_seconds": 2});
    let late = tenant.api.post("/v1/webhooks/subscriptions", &wanted).await?.json(201)?;
    let mut ids = tenant.publish("a.b", 0..1).await?;
    let path = format!("/v1/webhooks/subscriptions/{}", late["id"].as_str().unwrap_or_default());
    let suspended = async || Ok((tenant.api.get(&path).await?.json(200)?["status"] == "suspended").then_some(()));
    eventually("it is suspended", SOON, suspended).await?;
    // Until the first of them is late, and after it.
    ids.extend(tenant.publish("a.b", 1..6).await?);
    alerts.wait_for(6).await?;
    ids.extend(tenant.publish("a.b", 6..9).await?);
    alerts.wait_for(9).await?;
    quiet(|| alerts.len()).await?;
    let told = |id: &String| alerts.posts().iter().filter(|post| post.text().contains(id.as_str())).count();
    ensure!(ids.iter().all(|id| told(id) == 1), "each once: {:?}", ids.iter().map(told).collect::<Vec<_>>());
    world.stop().await;
    Ok(())
}
