//! `kill -9` in the middle of an automation: after the next start it goes on, and sends all that it was to send.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use serde_json::json;
use sluice_local::receiver::status;

use crate::support::process::Serve;
use crate::support::{Api, Inbox, eventually, quiet};

const SETTINGS: [(&str, &str); 2] = [("SLUICE_RETRY_STREAM", ""), ("SLUICE_SUSPEND_AFTER_FAILURES", "100000")];
const EVENTS: usize = 400;
/// A queue gives a message again that a killed worker had: then nothing else is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// Transactions of one page of a run.
const PAGE: usize = 50;

fn client(serve: &Serve) -> Result<Api> {
    Ok(Api::open(&serve.credentials.base_url)?.with(&format!("ApiKey {}", serve.credentials.api_key)))
}

#[tokio::test]
async fn a_run_goes_on_after_a_crash() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let works = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&works);
    let answer = move |_: &_, _: usize| {
        status(if now.load(Ordering::Relaxed) { StatusCode::OK } else { StatusCode::BAD_GATEWAY })
    };
    let inbox = Inbox::answering(answer).await?;
    let serve = Serve::start(folder.path(), &SETTINGS).await?;
    let api = client(&serve)?;
    let hook =
        json!({"id": "hook", "integration_type": "permanent", "callback_parameters": {"callback_url": inbox.url()}});
    api.post("/v1/integrations", &hook).await?.json(200)?;
    let events: Vec<_> = (0..EVENTS).map(|n| json!({"name": "a.b", "payload": {"n": n}})).collect();
    api.publish(&json!({"events": events})).await?.json(202)?;
    let dead = async || {
        let page = api.get("/v1/transactions?status=dead&limit=500").await?.json(200)?;
        Ok((page["transactions"].as_array().map_or(0, Vec::len) == EVENTS).then_some(()))
    };
    eventually("all are dead", PATIENCE, dead).await?;

    works.store(true, Ordering::Relaxed);
    let run = json!({"workflow": "replay_transactions", "parameters": {"status": "dead"}});
    let run = api.post("/v1/automations/run", &run).await?.json(202)?["run_id"].as_str().context("a run")?.to_owned();
    // In the middle of it.
    eventually("some have come", PATIENCE, async || Ok((inbox.len() > EVENTS + 20).then_some(()))).await?;
    serve.kill()?;
    let serve = Serve::start(folder.path(), &SETTINGS).await?;
    let api = client(&serve)?;
    let path = format!("/v1/automations/runs/{run}");
    let over = async || Ok(Some(api.get(&path).await?.json(200)?).filter(|run| run["status"] == "succeeded"));
    eventually("the run is over", PATIENCE, over).await?;
    let came = |times: &HashMap<usize, usize>| times.values().filter(|count| **count > 1).count();
    let times = async || {
        let mut times: HashMap<usize, usize> = HashMap::new();
        inbox.posts().iter().for_each(|post| *times.entry(post.number()).or_default() += 1);
        Ok((came(&times) == EVENTS).then_some(times))
    };
    let times = eventually("all have come", PATIENCE, times).await?;
    quiet(|| inbox.len()).await?;
    let again = times.values().filter(|count| **count > 2).count();
    // What was on its way when it was killed may come again, and a page of the run.
    ensure!(again <= 2 * PAGE, "{again} of {EVENTS} came more than once");
    Ok(())
}
