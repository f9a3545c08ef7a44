//! Events that a target answers with 400: kept, shown, sent again, deleted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use serde_json::{Value, json};
use sluice_local::receiver::status;

use crate::support::target::{Manner, Target};
use crate::support::{Inbox, SOON, Tenant, World, eventually, shared};

/// A target whose answer to the numbers from 100 on can be changed.
async fn picky() -> Result<(Inbox, Arc<AtomicU16>)> {
    let code = Arc::new(AtomicU16::new(400));
    let current = Arc::clone(&code);
    let inbox = Inbox::answering(move |post, _| {
        let code = if post.number() >= 100 { current.load(Ordering::Relaxed) } else { 204 };
        let mut answer = status(StatusCode::from_u16(code).unwrap_or_default());
        if code >= 300 {
            *answer.body_mut() = "no such article".into();
        }
        answer
    });
    Ok((inbox.await?, code))
}

async fn rejected(tenant: &Tenant) -> Result<Vec<Value>> {
    let list = tenant.api.get("/v1/integrations/hook/rejected_events").await?.json(200)?;
    Ok(list["rejected_events"].as_array().context("a list")?.clone())
}

async fn wait_for(tenant: &Tenant, count: usize) -> Result<Vec<Value>> {
    eventually("rejected events", SOON, async || {
        let list = rejected(tenant).await?;
        Ok((list.len() == count).then_some(list))
    })
    .await
}

#[tokio::test]
async fn kept_and_shown_while_the_stream_goes_on() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let (inbox, _) = picky().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let ids = tenant.publish("order.created", 98..103).await?;
    inbox.exactly(&ids).await?;
    let list = wait_for(&tenant, 3).await?;
    for event in &list {
        let fields: Vec<&String> = event.as_object().context("an object")?.keys().collect();
        ensure!(fields == ["created_at", "id", "name", "reason"], "{event}");
        ensure!(event["name"] == "order.created" && event["reason"] == "no such article", "{event}");
        ensure!(event["created_at"].is_string() && ids.iter().any(|id| event["id"] == id.as_str()), "{event}");
    }
    let id = &ids[2];
    let envelope = tenant.api.get(&format!("/v1/integrations/hook/rejected_events/{id}")).await?;
    ensure!(envelope.json(200)?["payload"]["n"] == 100, "{}", envelope.text());
    let sent = inbox.posts().iter().find(|post| post.id() == *id).context("not sent")?.text();
    ensure!(envelope.text() == sent, "{} and {sent}", envelope.text());
    let log = tenant.log("hook").await?;
    ensure!(log.iter().filter(|(action, _)| action == "event_rejected").count() == 3, "{log:?}");
    // One that was delivered is not among them.
    tenant.api.get(&format!("/v1/integrations/hook/rejected_events/{}", ids[0])).await?.error(404, "not_found")?;
    Ok(())
}

#[tokio::test]
async fn sent_again_it_leaves_the_list_when_it_is_taken() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let (inbox, code) = picky().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let ids = tenant.publish("order.created", 100..102).await?;
    wait_for(&tenant, 2).await?;
    let retry = format!("/v1/integrations/hook/rejected_events/{}/_retry", ids[0]);
    for refusal in [400, 500, 302, 410] {
        code.store(refusal, Ordering::Relaxed);
        let error = tenant.api.act(&retry).await?.error(502, "delivery_failed")?;
        ensure!(error["details"][0]["status"] == refusal, "{error}");
        ensure!(rejected(&tenant).await?.len() == 2, "it left the list");
        let status = if refusal == 410 { "stopped" } else { "running" };
        ensure!(tenant.api.get("/v1/integrations/hook").await?.json(200)?["status"] == status, "after {refusal}");
    }
    code.store(200, Ordering::Relaxed);
    let before = inbox.len();
    tenant.api.post(&retry, &json!({})).await?.empty(204)?;
    let last = inbox.posts().pop().context("nothing was sent")?;
    ensure!(inbox.len() == before + 1 && last.id() == ids[0], "{} came", inbox.len() - before);
    let list = rejected(&tenant).await?;
    ensure!(list.len() == 1 && list[0]["id"] == ids[1].as_str(), "{list:?}");
    tenant.api.act(&retry).await?.error(404, "not_found")?;

    let path = format!("/v1/integrations/hook/rejected_events/{}", ids[1]);
    tenant.api.delete(&path).await?.empty(204)?;
    tenant.api.delete(&path).await?.error(404, "not_found")?;
    ensure!(rejected(&tenant).await?.is_empty());
    ensure!(inbox.len() == before + 1, "a deleted one was sent");
    Ok(())
}

#[tokio::test]
async fn a_retry_to_a_target_that_is_down_says_so() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let (inbox, _) = picky().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let ids = tenant.publish("order.created", 100..101).await?;
    wait_for(&tenant, 1).await?;
    drop(inbox);
    let path = format!("/v1/integrations/hook/rejected_events/{}/_retry", ids[0]);
    let error = eventually("the target is down", SOON, async || {
        let reply = tenant.api.act(&path).await?;
        Ok((reply.status == 502).then(|| reply.error(502, "delivery_failed")))
    });
    let error = error.await??;
    ensure!(error["details"][0]["status"].is_null() && error["details"][0]["error"].is_string(), "{error}");
    Ok(())
}

#[tokio::test]
async fn the_newest_thirty_are_shown() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let (inbox, _) = picky().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    for n in 0..4 {
        let ids = tenant.publish("order.created", 100 + n * 10..110 + n * 10).await?;
        eventually("they are rejected", SOON, async || {
            let list = rejected(&tenant).await?;
            let mine = list.iter().filter(|event| ids.iter().any(|id| event["id"] == id.as_str())).count();
            Ok((mine == 10).then_some(()))
        })
        .await?;
    }
    let list = rejected(&tenant).await?;
    ensure!(list.len() == 30, "{}", list.len());
    let times: Vec<&str> = list.iter().filter_map(|event| event["created_at"].as_str()).collect();
    ensure!(times.is_sorted_by(|a, b| a >= b), "not newest first");
    Ok(())
}

/// Lost without it: API Gateway answers 504 in our place while the function still waits for a target that may take a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_to_a_target_that_hangs_is_answered_in_time() -> Result<()> {
    let world = World::start(&[("SLUICE_REQUEST_TIMEOUT_SECONDS", "60")]).await?;
    let tenant = world.tenant().await?;
    let (inbox, _) = picky().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let ids = tenant.publish("order.created", 100..101).await?;
    wait_for(&tenant, 1).await?;
    let target = Target::start(Manner::Hang).await?;
    tenant.stop("hook").await?;
    let hang =
        json!({"callback_parameters": {"callback_url": target.url, "timeout_seconds": 60, "signing_secret": null}});
    tenant.api.patch("/v1/integrations/hook", &hang).await?.json(200)?;
    let begun = Instant::now();
    let reply = tenant.api.act(&format!("/v1/integrations/hook/rejected_events/{}/_retry", ids[0])).await?;
    ensure!(begun.elapsed() < Duration::from_secs(25), "it took {:?}", begun.elapsed());
    let error = reply.error(502, "delivery_failed")?;
    ensure!(error["details"][0]["error"] == "timeout", "{error}");
    ensure!(rejected(&tenant).await?.len() == 1, "it left the list");
    world.stop().await;
    Ok(())
}
