//! History, windows of time, and windows sent once more.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use sluice::domain::time::Millis;
use sluice::ports::{Clock as _, System};

use crate::support::{Inbox, SOON, Tenant, World, bucket, eventually, shared};

fn now() -> Millis {
    System.now()
}

async fn register(tenant: &Tenant, body: Value) -> Result<Value> {
    tenant.api.post("/v1/integrations", &body).await?.json(200)
}

async fn ends(tenant: &Tenant, id: &str) -> Result<()> {
    let stopped = ("integration_stopped".to_owned(), "Reached its end date.".to_owned());
    eventually("the log says its end", SOON, async || {
        Ok((tenant.log(id).await?.first() == Some(&stopped)).then_some(()))
    })
    .await?;
    let integration = tenant.api.get(&format!("/v1/integrations/{id}")).await?.json(200)?;
    ensure!(integration["status"] == "stopped", "{integration}");
    Ok(())
}

#[tokio::test]
async fn history_comes_first_and_the_seam_has_no_gap_and_no_double() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    let before = now();
    let mut ids = tenant.publish("a.b", 0..30).await?;
    let publishing = async {
        let mut ids = Vec::new();
        for n in 30..60 {
            ids.extend(tenant.publish("a.b", n..n + 1).await?);
        }
        anyhow::Ok(ids)
    };
    let body = json!({
        "id": "hook", "integration_type": "permanent", "starts_at": before,
        "callback_parameters": {"callback_url": inbox.url()},
    });
    let (during, registered) = tokio::join!(publishing, register(&tenant, body));
    ensure!(registered?["status"] == "running");
    ids.extend(during?);
    ids.extend(tenant.publish("a.b", 60..70).await?);
    inbox.exactly(&ids).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_comes_in_the_order_of_the_log() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    let before = now();
    let mut ids = tenant.publish("a.b", 0..300).await?;
    for n in 0..10 {
        ids.extend(tenant.publish("a.b", 300 + 30 * n..301 + 30 * n).await?);
        ids.extend(tenant.publish("other.b", 0..3).await?);
        ids.extend(tenant.publish("a.b", 301 + 30 * n..330 + 30 * n).await?);
    }
    let body = json!({
        "id": "hook", "integration_type": "permanent", "starts_at": before,
        "callback_parameters": {"callback_url": inbox.url()},
    });
    register(&tenant, body).await?;
    // An id says where in the log its event stands.
    ids.sort();
    let mut all = ids.clone();
    all.extend(tenant.publish("a.b", 1_000..1_020).await?);
    let posts = inbox.exactly(&all).await?;
    inbox.in_order(&ids)?;
    let live = posts.iter().position(|post| post.number() >= 1_000);
    ensure!(live >= Some(ids.len()), "what is live came before the history: {live:?} of {}", ids.len());
    Ok(())
}

#[tokio::test]
async fn a_temporary_webhook_gets_its_window_and_stops_itself() -> Result<()> {
    let world = World::start(&[]).await?;
    let tenant = world.tenant().await?;
    let inbox = Inbox::open().await?;
    tenant.publish("a.b", 0..5).await?;
    let starts_at = now().plus(Duration::from_millis(1));
    eventually("the window", SOON, async || Ok((now() > starts_at).then_some(()))).await?;
    let mut ids = tenant.publish("a.b", 5..15).await?;
    let ends_at = now().plus(Duration::from_secs(2));
    let body = json!({
        "id": "hook", "integration_type": "temporary", "starts_at": starts_at, "ends_at": ends_at,
        "callback_parameters": {"callback_url": inbox.url()},
    });
    register(&tenant, body).await?;
    ids.extend(tenant.publish("a.b", 15..25).await?);
    ensure!(now() < ends_at, "the machine is too slow for this window");
    ends(&tenant, "hook").await?;
    tenant.publish("a.b", 25..30).await?;
    inbox.exactly(&ids).await?;
    let error = tenant.api.patch("/v1/integrations/hook", &json!({})).await?;
    error.error(400, "integration_temporary")?;
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_temporary_bucket_gets_its_window_and_stops_itself() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let starts_at = now();
    let ids = tenant.publish("a.b", 0..20).await?;
    let ends_at = now().plus(Duration::from_millis(100));
    let body = json!({
        "id": "files", "integration_type": "temporary", "starts_at": starts_at, "ends_at": ends_at,
        "s3_parameters": tenant.s3_parameters("window"),
    });
    register(&tenant, body).await?;
    ends(&tenant, "files").await?;
    let files = bucket::files_with(&tenant.s3, "window/", ids.len(), SOON).await?;
    bucket::each_once(&files, ids.len())
}

#[tokio::test]
async fn a_window_is_sent_once_more_and_marked() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    tenant.webhook_with("hook", json!({"callback_url": inbox.url()}), json!({"entity_filter": ["a"]})).await?;
    let from = now();
    let ids = tenant.publish("a.b", 0..20).await?;
    tenant.publish("other.b", 0..20).await?;
    inbox.exactly(&ids).await?;
    let recover = async |body: Value| tenant.api.post("/v1/integrations/hook/_recover", &body).await;
    recover(json!({"from": from})).await?.json(202)?;
    let posts = inbox.wait_for(40).await?;
    let again: Vec<_> = posts.iter().filter(|post| post.received.header("webhook-replay") == "true").collect();
    ensure!(again.len() == 20 && again.iter().all(|post| ids.contains(&post.id())), "{} came again", again.len());
    ensure!(recover(json!({"from": from, "to": from})).await?.pointers()? == ["/to"]);
    ensure!(recover(json!({"from": from, "to": "2999-01-01T00:00:00Z"})).await?.pointers()? == ["/to"]);
    ensure!(recover(json!({})).await?.pointers()?.len() == 1);
    Ok(())
}
