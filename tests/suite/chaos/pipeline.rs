//! `kill -9` in the stages of a run: after each start it goes on, and every record reaches the target.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::e2e::pipelines::{pipeline, start, sync};
use crate::support::process::Serve;
use crate::support::{Api, Shop, eventually};

const ORDERS: usize = 1_500;
/// Records of a batch.
const BATCH: usize = 50;
/// A worker that was killed keeps its run for some seconds more.
const PATIENCE: Duration = Duration::from_secs(90);

fn client(serve: &Serve) -> Result<Api> {
    Ok(Api::open(&serve.credentials.base_url)?.with(&format!("ApiKey {}", serve.credentials.api_key)))
}

#[tokio::test]
async fn a_run_goes_on_after_a_crash_in_any_stage() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (from, to) = (Shop::open(ORDERS).await?, Shop::open(0).await?);
    let mut serve = Serve::start(folder.path(), &[]).await?;
    let instance = pipeline(&client(&serve)?, &from, &to, json!({})).await?;
    let run = start(&client(&serve)?, &instance, json!({})).await?;
    // While it reads, while it writes, and with the last batch: before the cursor moves.
    let reads = from.reads().len();
    eventually("it reads", PATIENCE, async || Ok((from.reads().len() > reads).then_some(()))).await?;
    for writes in [0, ORDERS / 2, ORDERS - BATCH / 2] {
        eventually("it writes", PATIENCE, async || Ok((to.kept().len() >= writes).then_some(()))).await?;
        serve.kill()?;
        serve = Serve::start(folder.path(), &[]).await?;
    }
    let api = client(&serve)?;
    let over = eventually("the run is over", PATIENCE, async || {
        let run = api.get(&format!("/v1/sync-events/{run}")).await?.json(200)?;
        Ok(run["endedAt"].is_string().then_some(run))
    });
    let over = over.await?;
    ensure!(over["status"] == "succeeded", "{over}");
    ensure!(to.kept().len() == ORDERS, "{} of {ORDERS} are there", to.kept().len());
    // A crash repeats a batch at most, and the batch that was read ahead is only read again. So does a worker that a busy
    // machine stops for longer than its lease.
    ensure!(to.writes() <= ORDERS + 2 * 3 * BATCH, "{} writes", to.writes());
    let next = sync(&api, &instance, json!({})).await?;
    ensure!(next["counts"]["total"].as_u64().is_some_and(|total| (1..=2).contains(&total)), "the cursor: {next}");
    Ok(())
}
