//! Documents by SFTP, both ways: as files on a partner's real server.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use serde_json::{Value, json};
use sluice::deadline::Deadline;
use sluice_local::receiver::status;

use super::as2::{ACKNOWLEDGMENT, INVOICE};
use crate::support::as2::{hand_in, profile, reaches};
use crate::support::sshd::Sshd;
use crate::support::{Ahead, Api, Inbox, SOON, World, eventually, shared};

const RETRIES: (&str, &str) = ("SLUICE_RETRY_WEBHOOK", "100ms,100ms,100ms,100ms,100ms,100ms,100ms,100ms");

/// A partner whose documents are files in `in` and `out` on that server.
fn partner(sshd: &Sshd, inbound: &Value) -> Result<Value> {
    let mut sftp = sshd.parameters()?;
    sftp["outbound"] = json!({"directory": "in"});
    if inbound.is_object() {
        sftp["inbound"] = inbound.clone();
    }
    sshd.put("in/", b"")?;
    sshd.put("out/", b"")?;
    Ok(json!({"id": "p-1", "name": "Partner", "transport": "sftp", "sftp": sftp}))
}

#[tokio::test]
async fn a_document_stands_on_the_partners_server_and_is_delivered() -> Result<()> {
    let (tenant, sshd) = (shared().await.tenant().await?, Sshd::start().await?);
    let api = &tenant.api;
    let events = Inbox::open().await?;
    tenant.webhook_with("erp", json!({"callback_url": events.url()}), json!({"event_filter": ["document.*"]})).await?;
    api.post("/v1/partners", &partner(&sshd, &Value::Null)?).await?.json(201)?;
    let id = hand_in(api, INVOICE, "").await?;
    let shown = reaches(api, &id, "delivered").await?;
    ensure!(shown["document_type"] == "810" && shown["attempt_count"] == 1, "{shown}");
    let names = sshd.names("in")?;
    ensure!(names.len() == 1 && names[0].starts_with("810-000000905-") && names[0].ends_with(".edi"), "{names:?}");
    ensure!(fs::read(sshd.home().join("in").join(&names[0]))? == INVOICE);
    let sent = events.wait_for(1).await?.remove(0).json()?;
    ensure!(sent["name"] == "document.sent" && sent["payload"]["transaction_id"] == id.as_str(), "{sent}");
    ensure!(api.get(&format!("/v1/transactions/{id}/document")).await?.body == INVOICE, "as it was handed in");
    // Sent again, it is the same file; a partner that has taken it gets it once more.
    for taken in [false, true] {
        if taken {
            fs::remove_file(sshd.home().join("in").join(&names[0]))?;
        }
        api.act(&format!("/v1/transactions/{id}/retry")).await?.json(202)?;
        eventually("it is sent again", SOON, async || {
            let shown = api.get(&format!("/v1/transactions/{id}")).await?.json(200)?;
            let done = shown["attempt_count"] == if taken { 3 } else { 2 } && shown["status"] == "delivered";
            Ok(done.then_some(()))
        })
        .await?;
        ensure!(sshd.names("in")? == names, "taken: {taken}");
    }
    Ok(())
}

/// The attempt that is cut leaves nothing under the file's name.
#[tokio::test]
async fn a_cut_upload_is_completed_by_its_retry() -> Result<()> {
    let world = World::start(&[RETRIES]).await?;
    let (tenant, sshd) = (world.tenant().await?, Sshd::start().await?);
    let api = &tenant.api;
    let mut profile = partner(&sshd, &Value::Null)?;
    // There is no such directory yet, so the attempts before fail.
    profile["sftp"]["outbound"]["directory"] = json!("later");
    api.post("/v1/partners", &profile).await?.json(201)?;
    let large = vec![b'x'; 16 * 1024 * 1024];
    let id = hand_in(api, &large, "?document_type=list").await?;
    let shown = eventually("an attempt failed", SOON, async || {
        let reply = api.get(&format!("/v1/transactions/{id}")).await?;
        let shown: Value = serde_json::from_slice(&reply.body)?;
        Ok((shown["attempt_count"].as_u64() >= Some(1)).then_some(shown))
    });
    let shown = shown.await?;
    ensure!(shown["error"].as_str().is_some_and(|error| error.contains("no such file")), "{shown}");
    let folder = sshd.home().join("later");
    let cutting = async {
        loop {
            if let Some(begun) = fs::read_dir(&folder)?.next() {
                sshd.hang_up();
                return anyhow::Ok(begun?.file_name());
            }
            tokio::task::yield_now().await;
        }
    };
    sshd.put("later/", b"")?;
    let begun = tokio::time::timeout(SOON, cutting).await.context("no upload began")??;
    ensure!(begun.to_string_lossy().ends_with(".part"), "{begun:?}");
    reaches(api, &id, "delivered").await?;
    let names = sshd.names("later")?;
    ensure!(names.len() == 1 && fs::read(folder.join(&names[0]))? == large, "{names:?}");
    let shown = api.get(&format!("/v1/transactions/{id}")).await?.json(200)?;
    let attempts = shown["attempts"].as_array().cloned().unwrap_or_default();
    let cut = |one: &Value| one["error"].as_str().is_some_and(|error| !error.is_empty() && !error.contains("no such"));
    ensure!(attempts.iter().any(cut), "{shown}");
    world.stop().await;
    Ok(())
}

/// What waits goes the new way, for the profile is read at each attempt.
#[tokio::test]
async fn a_partner_that_changes_its_transport_gets_what_waits() -> Result<()> {
    let world = World::start(&[RETRIES]).await?;
    let (tenant, sshd) = (world.tenant().await?, Sshd::start().await?);
    let api = &tenant.api;
    let closed = Inbox::answering(|_, _| status(StatusCode::SERVICE_UNAVAILABLE)).await?;
    api.post("/v1/identities", &json!({"id": "us", "name": "Us", "as2_id": "US", "key": {"generate": "rsa-3072"}}))
        .await?
        .json(201)?;
    api.post("/v1/partners", &profile(&closed.url(), &json!({}))).await?.json(201)?;
    let id = hand_in(api, INVOICE, "").await?;
    closed.wait_for(1).await?;
    let changed = partner(&sshd, &Value::Null)?;
    api.patch("/v1/partners/p-1", &json!({"transport": "sftp", "sftp": changed["sftp"]})).await?.json(200)?;
    reaches(api, &id, "delivered").await?;
    ensure!(sshd.names("in")?.len() == 1);
    world.stop().await;
    Ok(())
}

/// Has the server looked at once more; gives what came of it.
async fn look((world, clock): (&World, &Ahead), api: &Api) -> Result<Value> {
    let last = async || anyhow::Ok(api.get("/v1/partners/p-1").await?.json(200)?["live"]["last_look"].clone());
    let before = last().await?;
    clock.by(61.0 / 3_600.0);
    world.system.app.engine.tick.run(Deadline::after(SOON)).await?;
    let looked = async || Ok(Some(last().await?).filter(|last| !last.is_null() && last["at"] != before["at"]));
    eventually("the server is looked at", SOON, looked).await
}

/// Has the server looked at until its file is fetched and gone there: one that is seen first may still grow. The system
/// looks by itself too, so which of the looks fetches it is not known.
async fn fetched(world: (&World, &Ahead), api: &Api, sshd: &Sshd) -> Result<()> {
    for _ in 0..5 {
        let looked = look(world, api).await?;
        ensure!(looked["errors"] == json!([]), "{looked}");
        if sshd.names("out")?.is_empty() {
            return Ok(());
        }
    }
    anyhow::bail!("nothing was fetched")
}

async fn inbound(api: &Api) -> Result<Vec<Value>> {
    let page = api.get("/v1/transactions?direction=inbound").await?.json(200)?;
    page["transactions"].as_array().cloned().context("transactions")
}

#[tokio::test]
async fn a_file_becomes_a_document_an_event_and_a_transaction() -> Result<()> {
    let clock = Ahead::default();
    let world = World::on_clock(&[RETRIES], clock.clone()).await?;
    let (tenant, sshd) = (world.tenant().await?, Sshd::start().await?);
    let api = &tenant.api;
    let events = Inbox::open().await?;
    let filter = json!({"event_filter": ["document.received"]});
    tenant.webhook_with("erp", json!({"callback_url": events.url()}), filter).await?;
    let looks = json!({"directory": "out", "pattern": "*.edi", "every_minutes": 1, "after": "delete"});
    api.post("/v1/partners", &partner(&sshd, &looks)?).await?.json(201)?;
    let id = hand_in(api, INVOICE, "").await?;
    reaches(api, &id, "delivered").await?;

    sshd.put("out/997.edi", ACKNOWLEDGMENT)?;
    fetched((&world, &clock), api, &sshd).await?;
    let came = inbound(api).await?.remove(0);
    ensure!(came["document_type"] == "997" && came["status"] == "delivered", "{came}");
    let path = format!("/v1/transactions/{}", came["id"].as_str().context("an id")?);
    ensure!(api.get(&format!("{path}/document")).await?.body == ACKNOWLEDGMENT);
    api.get(&format!("{path}/mdn")).await?.error(404, "not_found")?;
    let event = events.wait_for(1).await?.remove(0).json()?;
    let told = &event["payload"];
    ensure!(told["file_name"] == "997.edi" && told["content_type"] == "application/EDI-X12", "{event}");
    ensure!(told["transaction_id"] == came["id"] && told["size"] == ACKNOWLEDGMENT.len(), "{event}");
    let shown = api.get(&format!("/v1/transactions/{id}")).await?.json(200)?;
    ensure!(shown["document"]["acknowledgments"][0]["status"] == "accepted", "{shown}");

    // Another file of the same name is another document.
    sshd.put("out/997.edi", INVOICE)?;
    fetched((&world, &clock), api, &sshd).await?;
    ensure!(inbound(api).await?.len() == 2);
    fs::remove_dir_all(sshd.home().join("out"))?;
    let failed = look((&world, &clock), api).await?;
    ensure!(failed["errors"][0].as_str().is_some_and(|error| error.contains("no such file or directory")), "{failed}");
    world.stop().await;
    Ok(())
}

/// The partner that is replaced stays who it is, and its server is looked at from then on.
#[tokio::test]
async fn a_promoted_partners_server_is_looked_at() -> Result<()> {
    let clock = Ahead::default();
    let world = World::on_clock(&[RETRIES], clock.clone()).await?;
    let (tenant, sshd) = (world.tenant().await?, Sshd::start().await?);
    let (api, sandbox) = (&tenant.api, tenant.api.sandbox());
    let plain = json!({"id": "p-1", "name": "Partner", "transport": "webhook"});
    api.post("/v1/partners", &plain).await?.json(201)?;
    let looks = json!({"directory": "out", "every_minutes": 1, "after": "delete"});
    sandbox.post("/v1/partners", &partner(&sshd, &looks)?).await?.json(201)?;
    // The sandbox's own would take the file.
    let promoted = sandbox.post("/v1/partners/p-1/promote", &json!({"overwrite": true})).await?.json(200)?;
    ensure!(promoted["transport"] == "sftp", "{promoted}");
    sandbox.delete("/v1/partners/p-1?force=true").await?.empty(204)?;
    sshd.put("out/invoice.edi", INVOICE)?;
    fetched((&world, &clock), api, &sshd).await?;
    let came = inbound(api).await?;
    ensure!(came.len() == 1 && came[0]["document_type"] == "810", "{came:?}");
    world.stop().await;
    Ok(())
}
