//! Promotion: what was tried in the sandbox comes to production, its traffic does not.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::partners::full;
use crate::support::shared;

const PROMOTE: &str = "/sandbox/v1/partners/example/promote";
const PATH: &str = "/v1/partners/example";
const MASK: &str = "••••••••";

/// The changes of a dry run as `(pointer, from, to, changed)`.
fn changes(reply: &Value) -> Result<Vec<(String, Value, Value, bool)>> {
    let all = reply["changes"].as_array().context("a list")?;
    let change = |one: &Value| {
        let pointer = one["pointer"].as_str().unwrap_or_default().to_owned();
        (pointer, one["from"].clone(), one["to"].clone(), one["changed"] == true)
    };
    Ok(all.iter().map(change).collect())
}

#[tokio::test]
async fn a_partner_is_promoted_once_and_again_to_overwrite() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let sandbox = tenant.api.sandbox();
    tenant.api.act(PROMOTE).await?.error(404, "not_found")?;
    sandbox.post("/v1/partners", &full("example")).await?.json(201)?;
    let promoted = tenant.api.act(PROMOTE).await?.json(200)?;
    ensure!(promoted["id"] == "example" && promoted["as2"]["basic_auth"]["password"] == MASK, "{promoted}");
    let there = tenant.api.get(PATH).await?.json(200)?;
    ensure!(there["as2"] == promoted["as2"] && there["sftp"] == promoted["sftp"], "{there}");

    tenant.api.act(PROMOTE).await?.error(409, "partner_already_exists")?;
    tenant.api.post(PROMOTE, &json!({"overwrite": false})).await?.error(409, "partner_already_exists")?;
    sandbox.patch(PATH, &json!({"name": "Next", "sftp": null})).await?.json(200)?;
    ensure!(tenant.api.get(PATH).await?.json(200)?["name"] == "Example Ltd", "production changed by itself");
    let over = tenant.api.post(PROMOTE, &json!({"overwrite": true})).await?.json(200)?;
    ensure!(over["name"] == "Next" && over.get("sftp").is_none(), "{over}");
    ensure!(over["created_at"] == promoted["created_at"], "{over}");
    // Either can be changed and deleted on its own.
    tenant.api.patch(PATH, &json!({"name": "Live"})).await?.json(200)?;
    sandbox.delete(PATH).await?.empty(204)?;
    ensure!(tenant.api.get(PATH).await?.json(200)?["name"] == "Live");
    Ok(())
}

#[tokio::test]
async fn secrets_are_good_in_production() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let sandbox = tenant.api.sandbox();
    sandbox.post("/v1/partners", &full("example")).await?.json(201)?;
    tenant.api.act(PROMOTE).await?.json(200)?;
    let dry = json!({"dry_run": true});
    // Nothing differs: the same secrets, although they are encrypted anew.
    ensure!(changes(&tenant.api.post(PROMOTE, &dry).await?.json(200)?)?.is_empty());
    // Masks keep them there too.
    let shown = tenant.api.get(PATH).await?.json(200)?;
    tenant.api.patch(PATH, &json!({"as2": shown["as2"], "sftp": shown["sftp"]})).await?.json(200)?;
    ensure!(changes(&tenant.api.post(PROMOTE, &dry).await?.json(200)?)?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_dry_run_shows_the_difference_and_changes_nothing() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let sandbox = tenant.api.sandbox();
    sandbox.post("/v1/partners", &full("example")).await?.json(201)?;
    let dry = json!({"dry_run": true});
    let first = changes(&tenant.api.post(PROMOTE, &dry).await?.json(200)?)?;
    ensure!(first.contains(&("/name".to_owned(), json!(null), json!("Example Ltd"), false)), "{first:?}");
    let password = |from: Value| ("/as2/basic_auth/password".to_owned(), from, json!(MASK), true);
    ensure!(first.contains(&password(json!(null))), "{first:?}");
    tenant.api.get(PATH).await?.error(404, "not_found")?;

    tenant.api.act(PROMOTE).await?.json(200)?;
    // Its server is looked at meanwhile.
    let configuration = async || {
        let mut shown = tenant.api.get(PATH).await?.json(200)?;
        shown["live"].take();
        anyhow::Ok(shown)
    };
    let before = configuration().await?;
    let patch = json!({
        "name": "Next", "identifiers": {"duns": null, "gln": "1"}, "as2": {"basic_auth": {"password": "secret-next"}},
    });
    sandbox.patch(PATH, &patch).await?.json(200)?;
    let reply = tenant.api.post(PROMOTE, &json!({"dry_run": true, "overwrite": true})).await?;
    ensure!(!reply.text().contains("secret-"), "{}", reply.text());
    let found = changes(&reply.json(200)?)?;
    let expected = [
        password(json!(MASK)),
        ("/identifiers/duns".to_owned(), json!("123456789"), json!(null), false),
        ("/identifiers/gln".to_owned(), json!(null), json!("1"), false),
        ("/name".to_owned(), json!("Example Ltd"), json!("Next"), false),
    ];
    ensure!(found == expected, "{found:?}");
    ensure!(configuration().await? == before, "a dry run changed production");
    Ok(())
}

#[tokio::test]
async fn it_is_asked_for_in_the_sandbox_by_those_who_may_write() -> Result<()> {
    let world = shared().await;
    let (tenant, other) = (world.tenant().await?, world.tenant().await?);
    tenant.api.sandbox().post("/v1/partners", &full("example")).await?.json(201)?;
    tenant.api.act("/v1/partners/example/promote").await?.error(404, "not_found")?;
    other.api.act(PROMOTE).await?.error(404, "not_found")?;
    world.limited(&tenant, "partners:read").await?.act(PROMOTE).await?.error(403, "insufficient_scope")?;
    ensure!(tenant.api.post(PROMOTE, &json!({"overwrite": 1})).await?.pointers()? == ["/overwrite"]);
    ensure!(tenant.api.post(PROMOTE, &json!({"more": 1})).await?.pointers()? == ["/more"]);
    world.limited(&tenant, "partners:write").await?.act(PROMOTE).await?.json(200)?;
    Ok(())
}

#[tokio::test]
async fn both_environments_have_it_in_their_audit_log() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let sandbox = tenant.api.sandbox();
    sandbox.post("/v1/partners", &full("example")).await?.json(201)?;
    tenant.api.post(PROMOTE, &json!({"dry_run": true})).await?.json(200)?;
    ensure!(tenant.api.get("/v1/audit-log").await?.json(200)?["entries"] == json!([]), "a dry run changes nothing");
    tenant.api.post(PROMOTE, &json!({"overwrite": true})).await?.json(200)?;
    for api in [&tenant.api, &sandbox] {
        let log = api.get("/v1/audit-log").await?.json(200)?;
        let entry = &log["entries"][0];
        ensure!(entry["action"] == "partners.promote" && entry["entity_type"] == "partner", "{log}");
        ensure!(entry["entity_id"] == "example" && entry["details"]["overwrite"] == true, "{log}");
    }
    Ok(())
}
