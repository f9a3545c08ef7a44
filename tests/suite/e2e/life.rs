//! An integration's life: read, started, stopped, deleted, and what its log says of it.

use anyhow::{Result, ensure};
use futures::future::join_all;
use serde_json::json;

use crate::support::{Inbox, shared};

#[tokio::test]
async fn read_listed_and_deleted() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    for id in ["b", "a", "c"] {
        tenant.webhook(id, &inbox.url()).await?;
    }
    let list = tenant.api.get("/v1/integrations").await?.json(200)?;
    let ids: Vec<&str> =
        list["integrations"].as_array().into_iter().flatten().filter_map(|i| i["id"].as_str()).collect();
    ensure!(ids == ["a", "b", "c"], "{ids:?}");
    ensure!(tenant.api.get("/v1/integrations/b").await?.json(200)? == list["integrations"][1]);

    tenant.api.delete("/v1/integrations/b").await?.empty(204)?;
    tenant.api.delete("/v1/integrations/b").await?.error(404, "not_found")?;
    for path in ["", "/log", "/rejected_events", "/rejected_events/x"] {
        tenant.api.get(&format!("/v1/integrations/b{path}")).await?.error(404, "not_found")?;
    }
    for action in ["_start", "_stop", "rejected_events/x/_retry"] {
        tenant.api.act(&format!("/v1/integrations/b/{action}")).await?.error(404, "not_found")?;
    }
    let ids = tenant.publish("x.y", 0..4).await?;
    inbox.wait_for(2 * ids.len()).await?;
    crate::support::quiet(|| inbox.len()).await?;
    ensure!(inbox.len() == 2 * ids.len(), "{} came", inbox.len());
    Ok(())
}

#[tokio::test]
async fn starting_and_stopping_twice_changes_nothing() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    tenant.webhook("hook", "http://127.0.0.1:9/").await?;
    ensure!(tenant.start("hook").await?["status"] == "running");
    let stopped = tenant.stop("hook").await?;
    ensure!(stopped["status"] == "stopped", "{stopped}");
    ensure!(tenant.stop("hook").await? == stopped);
    ensure!(tenant.api.post("/v1/integrations/hook/_stop", &json!({})).await?.json(200)? == stopped);
    ensure!(tenant.api.get("/v1/integrations/hook").await?.json(200)? == stopped);
    ensure!(tenant.start("hook").await?["status"] == "running");
    tenant.start("hook").await?;
    tenant.stop("hook").await?;
    let actions: Vec<String> = tenant.log("hook").await?.into_iter().map(|(action, _)| action).collect();
    let want = ["integration_stopped", "integration_started", "integration_stopped", "integration_started"];
    ensure!(actions == want, "{actions:?}");
    Ok(())
}

#[tokio::test]
async fn the_log_shows_the_last_fifty() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    tenant.files("files", tenant.s3_parameters("nothing")).await?;
    for _ in 0..26 {
        tenant.stop("files").await?;
        tenant.start("files").await?;
    }
    let log = tenant.log("files").await?;
    ensure!(log.len() == 50 && log[0].0 == "integration_started" && log[1].0 == "integration_stopped", "{log:?}");
    ensure!(log.iter().all(|(_, reason)| !reason.is_empty()), "{log:?}");
    Ok(())
}

#[tokio::test]
async fn twenty_at_once_agree_in_the_end() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let act = |n: usize| {
        let api = tenant.api.clone();
        async move {
            api.act(if n.is_multiple_of(2) { "/v1/integrations/hook/_stop" } else { "/v1/integrations/hook/_start" })
                .await
        }
    };
    for reply in join_all((0..20).map(act)).await {
        let reply = reply?;
        if reply.status != 200 {
            reply.error(409, "conflict")?;
        }
    }
    tenant.start("hook").await?;
    let ids = tenant.publish("a.b", 0..5).await?;
    inbox.exactly(&ids).await?;
    Ok(())
}

#[tokio::test]
async fn a_new_integration_of_an_old_id_knows_nothing_of_the_old_one() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let (old, new) = (Inbox::open().await?, Inbox::open().await?);
    tenant.webhook("hook", &old.url()).await?;
    let ids = tenant.publish("a.b", 0..3).await?;
    old.exactly(&ids).await?;
    tenant.stop("hook").await?;
    tenant.publish("a.b", 3..6).await?;
    tenant.api.delete("/v1/integrations/hook").await?.empty(204)?;
    tenant.webhook("hook", &new.url()).await?;
    let log = tenant.log("hook").await?;
    ensure!(log.len() == 1 && log[0].0 == "integration_started", "{log:?}");
    let ids = tenant.publish("a.b", 6..9).await?;
    new.exactly(&ids).await?;
    ensure!(old.len() == 3, "{} came to the old one", old.len());
    Ok(())
}

#[tokio::test]
async fn one_that_starts_in_the_past_gets_what_was_published_before_it_was_made() -> Result<()> {
    let world = shared().await;
    let tenant = world.tenant().await?;
    let inbox = Inbox::open().await?;
    tenant.publish("before.all", 0..3).await?;
    let page = tenant.api.get("/v1/events?limit=1").await?.json(200)?;
    let last = page["events"][0]["logged_at"].as_str().unwrap_or_default().to_owned();
    let start = crate::support::eventually("a later millisecond", crate::support::SOON, async || {
        let now = world.system.app.ports.now().to_string();
        Ok((now > last).then_some(now))
    })
    .await?;
    let mut ids = tenant.publish("after.start", 3..30).await?;
    let body = json!({
        "id": "hook", "integration_type": "permanent", "callback_parameters": {"callback_url": inbox.url()}, "starts_at": start,
    });
    let made = tenant.api.post("/v1/integrations", &body).await?.json(200)?;
    ensure!(made["starts_at"] == start.as_str(), "{made}");
    ids.extend(tenant.publish("after.creation", 30..50).await?);
    inbox.exactly(&ids).await?;
    Ok(())
}
