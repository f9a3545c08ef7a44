//! Nothing of one tenant or environment is visible to another: what the walk over every operation cannot see.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::support::{Inbox, SOON, bucket, shared};

#[tokio::test]
async fn the_sandbox_sees_nothing_of_production_and_the_other_way_round() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let sandbox = tenant.api.sandbox();
    let (live, test) = (Inbox::open().await?, Inbox::open().await?);
    tenant.webhook("hook", &live.url()).await?;
    // The same id is free in the other environment.
    let body =
        json!({"id": "hook", "integration_type": "permanent", "callback_parameters": {"callback_url": test.url()}});
    sandbox.post("/v1/integrations", &body).await?.json(200)?;

    tenant.api.publish(&json!({"name": "live.one", "payload": {}, "id": "same"})).await?.json(202)?;
    sandbox.get("/v1/events/same").await?.error(404, "not_found")?;
    let answer = sandbox.publish(&json!({"name": "test.one", "payload": {}, "id": "same"})).await?.json(202)?;
    ensure!(answer["accepted"] == 1, "{answer}");
    ensure!(tenant.api.get("/v1/events/same").await?.json(200)?["name"] == "live.one");
    ensure!(sandbox.get("/v1/events/same").await?.json(200)?["name"] == "test.one");

    let (one, two) = (live.exactly(&["same".into()]).await?, test.exactly(&["same".into()]).await?);
    ensure!(one[0].json()?["name"] == "live.one" && two[0].json()?["name"] == "test.one");
    sandbox.delete("/v1/integrations/hook").await?.empty(204)?;
    tenant.api.get("/v1/integrations/hook").await?.json(200)?;
    let list = sandbox.get("/v1/integrations").await?.json(200)?;
    ensure!(list["integrations"] == json!([]), "{list}");
    Ok(())
}

#[tokio::test]
async fn generated_ids_of_one_scope_name_nothing_in_another() -> Result<()> {
    let world = shared().await;
    let (tenant, other) = (world.tenant().await?, world.tenant().await?);
    let ids = tenant.publish("a.b", 0..3).await?;
    for api in [tenant.api.sandbox(), other.api.clone(), other.api.sandbox()] {
        for id in &ids {
            api.get(&format!("/v1/events/{id}")).await?.error(404, "not_found")?;
        }
        let page = api.get("/v1/events").await?.json(200)?;
        ensure!(page["events"] == json!([]), "{page}");
    }
    Ok(())
}

#[tokio::test]
async fn integrations_of_one_name_get_their_own_tenants_events() -> Result<()> {
    let world = shared().await;
    let (tenant, other) = (world.tenant().await?, world.tenant().await?);
    let (inbox, foreign) = (Inbox::open().await?, Inbox::open().await?);
    tenant.webhook("mine", &inbox.url()).await?;
    other.webhook("mine", &foreign.url()).await?;
    let ids = other.publish("theirs.one", 0..5).await?;
    let posts = foreign.exactly(&ids).await?;
    ensure!(posts.iter().all(|post| post.json().is_ok_and(|body| body["tenant"] == other.id.as_str())));
    ensure!(inbox.len() == 0, "another tenant's events came");
    Ok(())
}

#[tokio::test]
async fn tenants_that_share_a_bucket_and_a_prefix_have_files_of_their_own() -> Result<()> {
    let world = shared().await;
    let (one, two) = (world.tenant().await?, world.tenant().await?);
    let prefix = format!("shared-{}", one.id);
    for tenant in [&one, &two] {
        tenant.files("files", tenant.s3_parameters(&prefix)).await?;
    }
    one.publish("one.done", 0..10).await?;
    two.publish("two.done", 0..20).await?;
    let all = bucket::files_with(&one.s3, &format!("{prefix}/"), 30, SOON).await?;
    for (tenant, count) in [(&one, 10), (&two, 20)] {
        let folder = format!("{prefix}/{}/", tenant.id);
        let mine: Vec<_> = all.iter().filter(|file| file.key.starts_with(&folder)).cloned().collect();
        bucket::each_once(&mine, count)?;
        for file in &mine {
            ensure!(file.lines()?.iter().all(|line| line["tenant"] == tenant.id.as_str()), "{}", file.text);
        }
    }
    Ok(())
}
