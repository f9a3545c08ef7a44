//! Partner callbacks: registered by type, told what is published for the partner, and how the partner is doing.

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use serde_json::{Value, json};
use sluice_local::receiver::status;

use crate::support::{Inbox, SOON, Tenant, World, eventually, shared};

async fn partner(tenant: &Tenant, id: &str) -> Result<()> {
    let wanted = json!({"id": id, "name": "Example", "transport": "webhook"});
    tenant.api.post("/v1/partners", &wanted).await?.json(201)?;
    Ok(())
}

fn note() -> Value {
    json!({"processUniqueId": "p", "noteUniqueId": "n", "message": "hi", "createdAt": "2026-01-01T00:00:00.000Z"})
}

async fn publish(tenant: &Tenant, name: &str, partner: &str, payload: Value) -> Result<()> {
    let event = json!({"name": name, "partner_id": partner, "payload": payload});
    tenant.api.publish(&event).await?.json(202)?;
    Ok(())
}

#[tokio::test]
async fn a_partner_is_told_what_is_published_for_it() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    let path = "/v1/partners/p-1/callbacks/2";
    let body = json!({"callbackUrl": inbox.url(), "apiKey": "k1"});
    tenant.api.put(path, &body).await?.error(404, "not_found")?;
    partner(&tenant, "p-1").await?;
    partner(&tenant, "p-2").await?;
    tenant.api.put("/v1/partners/p-1/callbacks/4", &body).await?.error(400, "unsupported_notification_type")?;
    let made = tenant.api.put(path, &body).await?.json(201)?;
    ensure!(made["notificationTypeID"] == 2 && made["notificationType"] == "Notes", "{made}");
    ensure!(made["apiKey"] == "••••••••" && made["callbackUrl"] == inbox.url(), "{made}");
    // By its name it is the same one; the mask keeps the key.
    let again = json!({"callbackUrl": inbox.url(), "apiKey": "••••••••"});
    tenant.api.put("/v1/partners/p-1/callbacks/Notes", &again).await?.json(200)?;

    publish(&tenant, "Notes", "p-2", note()).await?;
    publish(&tenant, "Document", "p-1", note()).await?;
    publish(&tenant, "Notes", "p-1", note()).await?;
    let post = inbox.wait_for(1).await?.remove(0);
    ensure!(post.json()? == note() && post.received.header("authorization") == "Bearer k1", "{}", post.text());

    let echo = tenant.api.post(&format!("{path}/echo"), &note()).await?.json(200)?;
    ensure!(echo["status"] == "delivered" && echo["statusCode"] == 204 && echo["durationMs"].is_u64(), "{echo}");
    ensure!(inbox.wait_for(2).await?[1].json()? == note(), "the body as it is");
    let mut both = note();
    both["simulationUniqueId"] = json!("s");
    tenant.api.post(&format!("{path}/echo"), &both).await?.error(400, "validation_failed")?;
    tenant
        .api
        .post(
            "/v1/partners/p-1/callbacks/3/echo",
            &json!({"processUniqueId": "p", "documentUniqueId": "d", "documentTypeID": 1, "fileName": "f"}),
        )
        .await?
        .error(404, "not_found")?;
    tenant.api.post("/v1/partners/p-1/callbacks/9/echo", &note()).await?.error(400, "unsupported_notification_type")?;

    tenant.api.put("/v1/partners/p-1/callbacks/3", &body).await?.json(201)?;
    let page = tenant.api.get("/v1/partners/p-1/callbacks?offset=1&limit=1").await?.json(200)?;
    ensure!(page["total"] == 2 && page["offset"] == 1 && page["limit"] == 1, "{page}");
    ensure!(
        page["items"].as_array().is_some_and(|items| items.len() == 1 && items[0]["notificationTypeID"] == 3),
        "{page}"
    );
    tenant.api.get("/v1/partners/nobody/callbacks").await?.error(404, "not_found")?;
    tenant.api.get("/v1/partners/p-1/callbacks?limit=0").await?.pointers()?;
    tenant.api.delete(path).await?.empty(204)?;
    tenant.api.delete(path).await?.error(404, "not_found")?;
    for bad in [json!({}), json!({"callbackUrl": "x"}), json!({"callbackUrl": inbox.url(), "key": 1})] {
        tenant.api.put(path, &bad).await?.pointers()?;
    }
    Ok(())
}

#[tokio::test]
async fn what_others_are_told_of_a_partner_is_not_sent_to_it() -> Result<()> {
    let world = World::start(&[("SLUICE_RETRY_STREAM", "10m")]).await?;
    let tenant = world.tenant().await?;
    partner(&tenant, "p-1").await?;
    let erp = Inbox::answering(|post, _| {
        let fails = post.json().is_ok_and(|body| body["name"] == "order.refused");
        status(if fails { StatusCode::BAD_GATEWAY } else { StatusCode::OK })
    });
    let erp = erp.await?;
    tenant.webhook("erp", &erp.url()).await?;
    publish(&tenant, "order.created", "p-1", json!({})).await?;
    publish(&tenant, "order.refused", "p-1", json!({})).await?;
    for state in ["delivered", "failed"] {
        let path = format!("/v1/transactions?partner_id=p-1&status={state}");
        eventually(state, SOON, async || {
            let page = tenant.api.get(&path).await?.json(200)?;
            Ok(page["transactions"].as_array().is_some_and(|all| all.len() == 1).then_some(()))
        })
        .await?;
    }
    let live = &tenant.api.get("/v1/partners/p-1").await?.json(200)?["live"];
    ensure!(live["last_success_at"].is_null() && live["failing_since"].is_null() && live["backlog"] == 0, "{live}");
    tenant.api.delete("/v1/partners/p-1").await?.empty(204)?;
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_partner_shows_how_it_is_doing_and_stays_while_it_is_needed() -> Result<()> {
    let world = World::start(&[("SLUICE_RETRY_STREAM", "10m"), ("SLUICE_SUSPEND_AFTER_FAILURES", "2")]).await?;
    let tenant = world.tenant().await?;
    partner(&tenant, "p-1").await?;
    let inbox = Inbox::answering(|post, _| {
        let fails = post.json().is_ok_and(|body| body["message"] == "fail");
        status(if fails { StatusCode::BAD_GATEWAY } else { StatusCode::OK })
    });
    let inbox = inbox.await?;
    tenant.api.put("/v1/partners/p-1/callbacks/Notes", &json!({"callbackUrl": inbox.url()})).await?.json(201)?;
    publish(&tenant, "Notes", "p-1", note()).await?;
    let live = async |wanted: &str, found: &dyn Fn(&Value) -> bool| {
        eventually(wanted, SOON, async || {
            let live = tenant.api.get("/v1/partners/p-1").await?.json(200)?["live"].clone();
            Ok(found(&live).then_some(live))
        })
        .await
    };
    let well = live("a success", &|live| live["last_success_at"].is_string()).await?;
    ensure!(well["failing_since"].is_null() && well["backlog"] == 0 && well["suspended"] == json!([]), "{well}");
    let mut failing = note();
    failing["message"] = json!("fail");
    publish(&tenant, "Notes", "p-1", failing.clone()).await?;
    let ill = live("a failure", &|live| live["backlog"] == 1).await?;
    ensure!(ill["failing_since"].is_string() && ill["last_success_at"] == well["last_success_at"], "{ill}");
    publish(&tenant, "Notes", "p-1", failing).await?;
    live("it is suspended", &|live| live["suspended"] == json!(["callback p-1.2"])).await?;

    let refused = tenant.api.delete("/v1/partners/p-1").await?.error(409, "partner_in_use")?;
    let used_by = refused["details"][0]["used_by"].as_array().context("what uses it")?.clone();
    ensure!(used_by.len() == 2 && used_by[0] == "callback p-1.2", "its callback and a transaction: {used_by:?}");
    tenant.api.delete("/v1/partners/p-1?force=true").await?.empty(204)?;
    partner(&tenant, "p-1").await?;
    let left = tenant.api.get("/v1/partners/p-1/callbacks").await?.json(200)?;
    ensure!(left["total"] == 0, "its callbacks went with it: {left}");
    world.stop().await;
    Ok(())
}
