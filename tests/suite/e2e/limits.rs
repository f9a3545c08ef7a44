//! How often a credential may call, and how much a tenant may publish.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::support::{Api, Reply, SOON, World, eventually};

fn retry_after(reply: &Reply, at_most: u64) -> Result<()> {
    let seconds: u64 = reply.header("retry-after").parse().context("no Retry-After")?;
    ensure!((1..=at_most).contains(&seconds), "{seconds}");
    Ok(())
}

fn batch(n: usize) -> Value {
    json!({"events": (0..n).map(|n| json!({"name": "a.b", "payload": {"n": n}})).collect::<Vec<_>>()})
}

/// Calls until it is refused; gives how often it was not.
async fn until_refused(api: &Api) -> Result<(usize, Reply)> {
    for n in 0..100 {
        let reply = api.get("/v1/events").await?;
        if reply.status != 200 {
            return Ok((n, reply));
        }
    }
    anyhow::bail!("never refused")
}

#[tokio::test]
async fn a_credential_that_calls_too_often_is_told_when_to_come_again() -> Result<()> {
    let world = World::start(&[("SLUICE_REQUESTS_PER_MINUTE", "20")]).await?;
    let (tenant, other) = (world.tenant().await?, world.tenant().await?);
    let (good, refused) = until_refused(&tenant.api).await?;
    refused.error(429, "rate_limited")?;
    retry_after(&refused, 60)?;
    // A minute may have ended on the way.
    ensure!((20..=40).contains(&good), "{good}");
    // Others have limits of their own: another tenant, and another key of the same.
    other.api.get("/v1/events").await?.json(200)?;
    world.limited(&tenant, "events:read").await?.get("/v1/events").await?.json(200)?;
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_day_has_a_quota_of_events_in_both_environments_together() -> Result<()> {
    let world = World::start(&[("SLUICE_EVENTS_PER_DAY", "100")]).await?;
    let tenant = world.tenant().await?;
    tenant.api.publish(&batch(101)).await?.error(429, "quota_exceeded")?;
    tenant.api.publish(&batch(60)).await?.json(202)?;
    let refused = tenant.api.sandbox().publish(&batch(41)).await?;
    refused.error(429, "quota_exceeded")?;
    retry_after(&refused, 86_400)?;
    tenant.api.sandbox().publish(&batch(40)).await?.json(202)?;
    tenant.api.publish(&batch(1)).await?.error(429, "quota_exceeded")?;
    // A bad batch costs nothing, and reading is not publishing.
    tenant.api.get("/v1/events").await?.json(200)?;

    let path = format!("/v1/tenants/{}", tenant.id);
    let operator = world.open()?.with(&format!("ApiKey {}", world.system.credentials.api_key));
    operator.patch(&path, &json!({"events_per_day": 0})).await?.json(200)?;
    eventually("the new quota counts", SOON, async || {
        Ok((tenant.api.publish(&batch(1)).await?.status == 202).then_some(()))
    })
    .await?;
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn counting_costs_no_write_for_each_request() -> Result<()> {
    let world = World::start(&[("SLUICE_REQUESTS_PER_MINUTE", "60000"), ("SLUICE_EVENTS_PER_DAY", "1000000")]).await?;
    let tenant = world.tenant().await?;
    let writes =
        || world.system.usage().get("dynamodb").and_then(|calls| Some(calls.get("UpdateItem")?.calls)).unwrap_or(0);
    let before = writes();
    for _ in 0..300 {
        tenant.api.get("/v1/events?limit=1").await?.json(200)?;
    }
    let leases = writes() - before;
    ensure!((1..=40).contains(&leases), "{leases} writes for 300 requests");
    let before = writes();
    for _ in 0..50 {
        tenant.api.publish(&batch(100)).await?.json(202)?;
    }
    let leases = writes() - before;
    ensure!(leases <= 30, "{leases} writes for 50 requests of 100 events");
    world.stop().await;
    Ok(())
}
