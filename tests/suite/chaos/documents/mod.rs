//! Partners' documents, both ways, where a process dies at any call: one document, one transaction, each event once.

mod fetched;
mod handed_in;
mod killed;
mod received;
mod sent;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use serde_json::Value;
use sluice::app::App;
use sluice::deadline::Deadline;
use sluice::domain::event::Event;
use sluice::domain::ids::ChunkId;
use sluice::store::reader::Direction;
use sluice_workers::Worker;

use crate::support::mortal::Life;
use crate::support::{Api, SOON, Tenant};

/// More calls than any of these needs.
const MANY: usize = 80;
/// What a call of a worker may take.
const CALL: Duration = Duration::from_secs(120);
/// Whatever else the machine has to do meanwhile, no write of the log is given up.
const SETTINGS: [(&str, &str); 1] = [("SLUICE_LOG_GRACE_MILLISECONDS", "30000")];

/// The events of that name, in the order of the log.
async fn logged(app: &App, tenant: &Tenant, name: &str) -> Result<Vec<Event>> {
    const DAYS: Duration = Duration::from_secs(5 * 86_400);
    let now = app.ports.now();
    let (from, end) = (ChunkId::floor(now.minus(DAYS)), ChunkId::floor(now.plus(SOON)));
    let scope = tenant.scope();
    let mut log = app.stores.log.read(&scope, from, end, Direction::OldestFirst);
    let mut found = Vec::new();
    while let Some((_, events)) = log.next().await? {
        found.extend(events.into_iter().filter(|event| event.name == name));
    }
    Ok(found)
}

/// Each of these transactions has one event of that name, and there are no others.
async fn told_once(app: &App, tenant: &Tenant, name: &str, transactions: &[String]) -> Result<()> {
    let mut told = Vec::new();
    for event in logged(app, tenant, name).await? {
        let payload: Value = serde_json::from_str(event.payload.get())?;
        told.push(payload["transaction_id"].as_str().context("a transaction")?.to_owned());
    }
    let mut expected = transactions.to_vec();
    told.sort();
    expected.sort();
    ensure!(told == expected, "{name}: {told:?} instead of {expected:?}");
    Ok(())
}

/// The transactions of a direction.
async fn transactions(api: &Api, direction: &str) -> Result<Vec<Value>> {
    let page = api.get(&format!("/v1/transactions?direction={direction}&limit=100")).await?.json(200)?;
    page["transactions"].as_array().cloned().context("a list")
}

/// Whatever transactions of a direction are shown have their documents.
async fn nothing_is_half_written(api: &Api, direction: &str, document: &[u8]) -> Result<()> {
    for transaction in transactions(api, direction).await? {
        let id = transaction["id"].as_str().context("an id")?;
        let reply = api.get(&format!("/v1/transactions/{id}/document")).await?;
        ensure!(reply.status == 200 && reply.body == document, "{transaction}: {}", reply.text());
    }
    Ok(())
}

/// Calls a worker that lives that long; `false` if it lived to the end.
async fn dies(app: &App, worker: Worker, messages: &SqsEvent, life: &Life) -> Result<bool> {
    tokio::select! {
        response = worker.run(app, messages, Deadline::after(CALL)) => {
            ensure!(response.batch_item_failures.is_empty(), "the worker failed");
            Ok(false)
        }
        () = life.ended() => Ok(true),
    }
}

/// One message for a worker.
fn message_of(body: String) -> SqsEvent {
    let mut record = SqsMessage::default();
    (record.message_id, record.body) = (Some("1".to_owned()), Some(body));
    let mut event = SqsEvent::default();
    event.records.push(record);
    event
}
