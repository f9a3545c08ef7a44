//! A bucket that refuses or whose connections break: nothing is lost, nothing stands twice.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::support::proxy::{Mode, Proxy};
use crate::support::target::{Manner, Target};
use crate::support::{SOON, Tenant, World, bucket, eventually};

async fn failed(tenant: &Tenant) -> Result<String> {
    eventually("export_failed in the log", SOON, async || {
        let log = tenant.log("files").await?;
        Ok(log.into_iter().find(|(action, _)| action == "export_failed").map(|(_, reason)| reason))
    })
    .await
}

async fn through(tenant: &Tenant, proxy: &Proxy, prefix: &str) -> Result<()> {
    let mut parameters = tenant.s3_parameters(prefix);
    parameters["endpoint_url"] = proxy.url.as_str().into();
    tenant.files("files", parameters).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_is_cut_is_made_again() -> Result<()> {
    let world = World::start(&[]).await?;
    let tenant = world.tenant().await?;
    let prefix = format!("cut-{}", tenant.id);
    let proxy = Proxy::start(&tenant.s3.endpoint_url, Mode::CutRequest(500)).await?;
    through(&tenant, &proxy, &prefix).await?;
    tenant.publish("a.b", 0..100).await?;
    let reason = failed(&tenant).await?;
    ensure!(!reason.contains("127.0.0.1") && !reason.contains(&tenant.s3.secret_access_key), "{reason}");
    ensure!(bucket::files(&tenant.s3, &prefix).await?.is_empty(), "half a file is there");
    tenant.publish("a.b", 100..150).await?;
    proxy.set(Mode::Pass);
    let files = bucket::files_with(&tenant.s3, &prefix, 150, SOON).await?;
    bucket::each_once(&files, 150)?;
    ensure!(proxy.cuts() > 0);
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_whose_answer_is_lost_writes_the_same_file_again() -> Result<()> {
    let world = World::start(&[]).await?;
    let tenant = world.tenant().await?;
    let prefix = format!("deaf-{}", tenant.id);
    let proxy = Proxy::start(&tenant.s3.endpoint_url, Mode::CutAnswer).await?;
    through(&tenant, &proxy, &prefix).await?;
    tenant.publish("a.b", 0..40).await?;
    failed(&tenant).await?;
    tenant.publish("a.b", 40..80).await?;
    proxy.set(Mode::Pass);
    let files = bucket::files_with(&tenant.s3, &prefix, 80, SOON).await?;
    bucket::each_once(&files, 80)?;
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_upload_that_is_cut_in_the_middle_leaves_no_half_file() -> Result<()> {
    let world = World::start(&[("SLUICE_EXPORT_INTERVAL_SECONDS", "3")]).await?;
    let tenant = world.tenant().await?;
    // After the first part.
    let proxy = Proxy::start(&tenant.s3.endpoint_url, Mode::CutRequest(6_500_000)).await?;
    through(&tenant, &proxy, "middle").await?;
    let pad = "p".repeat(100_000);
    for batch in 0..3_usize {
        let events: Vec<Value> =
            (batch * 40..batch * 40 + 40).map(|n| json!({"name": "a.b", "payload": {"n": n, "pad": pad}})).collect();
        tenant.api.publish(&json!({ "events": events })).await?.json(202)?;
    }
    eventually("a cut or a file", SOON, async || {
        let done = proxy.cuts() > 0 || !bucket::files(&tenant.s3, "middle").await?.is_empty();
        Ok(done.then_some(()))
    })
    .await?;
    proxy.set(Mode::Pass);
    let files = bucket::files_with(&tenant.s3, "middle", 120, SOON).await?;
    bucket::each_once(&files, 120)?;
    ensure!(proxy.cuts() > 0, "nothing was cut");
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_keys_are_told_in_the_log_and_others_go_on() -> Result<()> {
    let world = World::start(&[]).await?;
    let tenant = world.tenant().await?;
    let mut wrong = tenant.s3_parameters("wrong");
    wrong["aws_secret_access_key"] = "not-the-secret".into();
    tenant.files("files", wrong).await?;
    let mut nowhere = tenant.s3_parameters("nowhere");
    nowhere["endpoint_url"] = "http://127.0.0.1:9/".into();
    tenant.files("nowhere", nowhere).await?;
    let mut missing = tenant.s3_parameters("missing");
    missing["bucket"] = "no-such-bucket".into();
    tenant.files("missing", missing).await?;
    let prefix = format!("right-{}", tenant.id);
    tenant.files("right", tenant.s3_parameters(&prefix)).await?;
    tenant.publish("a.b", 0..10).await?;
    let reason = failed(&tenant).await?;
    ensure!(reason.contains("bucket") && !reason.contains("not-the-secret"), "{reason}");
    let files = bucket::files_with(&tenant.s3, &prefix, 10, SOON).await?;
    bucket::each_once(&files, 10)?;
    for id in ["nowhere", "missing"] {
        let log = eventually("the other failures", SOON, async || {
            let log = tenant.log(id).await?;
            Ok(log.iter().any(|(action, _)| action == "export_failed").then_some(log))
        });
        ensure!(log.await?.iter().all(|(action, _)| action != "file_exported"));
    }
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buckets_that_hang_do_not_hold_up_other_exports() -> Result<()> {
    let world = World::start(&[]).await?;
    let (tenant, other) = (world.tenant().await?, world.tenant().await?);
    let target = Target::start(Manner::Hang).await?;
    for n in 0..3 {
        let mut hanging = tenant.s3_parameters("hanging");
        hanging["endpoint_url"] = target.url.replace("/hook", "").into();
        tenant.files(&format!("hanging-{n}"), hanging).await?;
    }
    tenant.publish("a.b", 0..5).await?;
    eventually("an upload hangs", SOON, async || Ok((target.requests() > 1).then_some(()))).await?;
    other.files("files", other.s3_parameters("healthy")).await?;
    for n in 0..3 {
        other.publish("a.b", n..n + 1).await?;
        bucket::files_with(&other.s3, "healthy", n + 1, SOON).await?;
    }
    // Nor does the end of the process wait for a minute.
    drop(target);
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_are_revoked_in_the_middle_lose_nothing() -> Result<()> {
    let world = World::start(&[]).await?;
    let tenant = world.tenant().await?;
    let prefix = format!("revoked-{}", tenant.id);
    let good = tenant.s3_parameters(&prefix);
    tenant.files("files", good.clone()).await?;
    tenant.publish("a.b", 0..20).await?;
    bucket::files_with(&tenant.s3, &prefix, 20, SOON).await?;
    // For the bucket it is all the same whether its keys have changed, or those that we use.
    let change = async |key: &Value| {
        tenant.stop("files").await?;
        let keys = json!({"s3_parameters": {"aws_secret_access_key": key}});
        tenant.api.patch("/v1/integrations/files", &keys).await?.json(200)?;
        tenant.start("files").await
    };
    change(&json!("revoked")).await?;
    tenant.publish("a.b", 20..50).await?;
    failed(&tenant).await?;
    change(&good["aws_secret_access_key"]).await?;
    tenant.publish("a.b", 50..60).await?;
    let files = bucket::files_with(&tenant.s3, &prefix, 60, SOON).await?;
    bucket::each_once(&files, 60)?;
    world.stop().await;
    Ok(())
}
