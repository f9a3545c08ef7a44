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
async fn the_credentials_of_a_tenant_share_a_limit_and_token_requests_count() -> Result<()> {
    let world =
        World::start(&[("SLUICE_REQUESTS_PER_MINUTE", "30"), ("SLUICE_TENANT_REQUESTS_PER_MINUTE", "60")]).await?;
    let (tenant, other) = (world.tenant().await?, world.tenant().await?);
    let token = json!({"client_id": tenant.client_id, "client_secret": tenant.client_secret});
    let mut good = 0;
    let refused = loop {
        let reply = world.open()?.post("/v1/auth/token", &token).await?;
        if reply.status != 200 {
            break reply;
        }
        good += 1;
        ensure!(good < 100, "never refused");
    };
    refused.error(429, "rate_limited")?;
    retry_after(&refused, 60)?;
    ensure!((30..=60).contains(&good), "{good}");
    // New credentials have limits of their own, but not without end.
    for n in 0.. {
        ensure!(n < 100, "never refused");
        let one = world.limited(&tenant, "events:read").await?;
        let replies = [one.get("/v1/events").await?, one.get("/v1/events").await?];
        if let Some(refused) = replies.iter().find(|reply| reply.status != 200) {
            retry_after(refused, 60)?;
            ensure!(refused.error(429, "rate_limited")?["message"] == "The tenant has made too many requests.");
            break;
        }
    }
    other.api.get("/v1/events").await?.json(200)?;
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn bad_credentials_cost_one_read_at_most_and_their_source_is_turned_away() -> Result<()> {
    let world = World::start(&[("SLUICE_FAILED_AUTHENTICATIONS_PER_MINUTE", "1000")]).await?;
    let tenant = world.tenant().await?;
    tenant.api.get("/v1/events").await?.json(200)?;
    let token = tenant.api.act("/v1/auth/token").await?.json(200)?;
    let reads =
        || world.system.usage().get("dynamodb").and_then(|calls| Some(calls.get("GetItem")?.calls)).unwrap_or(0);
    let open = world.open()?;
    // A key begins with its id.
    let junk = |n: u32| format!("ApiKey slc_{}_{n:024x}{n:040x}", tenant.id);

    // The workers read a little meanwhile.
    let before = reads();
    for _ in 0..150 {
        open.with(&junk(1)).get("/v1/events").await?.error(401, "unauthorized")?;
        let unknown = json!({"client_id": format!("client_{}_{:024x}", tenant.id, 1), "client_secret": "wrong"});
        open.post("/v1/auth/token", &unknown).await?.error(401, "invalid_client")?;
        let wrong = json!({"client_id": tenant.client_id, "client_secret": "wrong"});
        open.post("/v1/auth/token", &wrong).await?.error(401, "invalid_client")?;
    }
    let read = reads() - before;
    ensure!(read < 50, "{read} reads for 450 requests with the same credentials");
    let before = reads();
    for n in 1..=150 {
        open.with(&junk(1_000 + n)).get("/v1/events").await?.error(401, "unauthorized")?;
    }
    let read = reads() - before;
    ensure!((150..200).contains(&read), "{read} reads for 150 keys");

    let mut refused = None;
    for n in 0..2_000 {
        let reply = open.with(&junk(n)).get("/v1/events").await?;
        if reply.status != 401 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.context("never turned away")?;
    refused.error(429, "rate_limited")?;
    retry_after(&refused, 60)?;
    // Who was good a moment ago is good still, and so are tokens.
    tenant.api.get("/v1/events").await?.json(200)?;
    let bearer = format!("Bearer {}", token["access_token"].as_str().context("a token")?);
    let of_token = open.with(&bearer);
    of_token.get("/v1/events").await?.json(200)?;
    // A token that has ended was no guess: its holder is told to get another one.
    let key = tenant.api.get("/v1/api-keys").await?.json(200)?["api_keys"][0]["id"].clone();
    let revoke = format!("/v1/api-keys/{}/revoke", key.as_str().context("an id")?);
    tenant.api.act(&revoke).await?.json(200)?;
    eventually("the token is refused", SOON, async || {
        let reply = of_token.get("/v1/events").await?;
        Ok((reply.status != 200).then_some(reply))
    })
    .await?
    .error(401, "unauthorized")?;
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
