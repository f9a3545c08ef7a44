//! `kill -9` while documents go out and come in: what was acknowledged, on either side, is there once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::http::Method;
use serde_json::{Value, json};
use sluice::domain::document::QUEUED;
use sluice_as2::receipt::Disposition;
use tokio::sync::watch;

use super::transactions;
use crate::support::as2::{Protection, answer, headers_of, message, opened, post, receipt, set_up};
use crate::support::process::Serve;
use crate::support::{Api, Inbox, eventually};

const SETTINGS: [(&str, &str); 2] = [
    ("SLUICE_LOG_GRACE_MILLISECONDS", "1500"),
    ("SLUICE_RETRY_WEBHOOK", "500ms,500ms,500ms,500ms,500ms,500ms,500ms,500ms"),
];
const KILLS: usize = 3;
/// Documents each way.
const DOCUMENTS: usize = 32;
/// A queue gives a message again that a killed worker had: then nothing else is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

type Watching = watch::Receiver<Option<Api>>;

/// The API as soon as there is one.
async fn current(api: &mut Watching) -> Result<Api> {
    api.wait_for(Option::is_some).await?.clone().context("there is one")
}

/// Hands in documents, each again under its key until it is answered; gives their transactions.
async fn hand_in_all(mut api: Watching, done: Arc<AtomicUsize>) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    while ids.len() < DOCUMENTS {
        let number = ids.len();
        let send = |request: reqwest::RequestBuilder| {
            request.header("idempotency-key", format!("document {number}")).body(format!("to them {number}"))
        };
        let path = "/v1/partners/p-1/documents";
        // Nobody answers while it starts again.
        let Ok(reply) = current(&mut api).await?.send(Method::POST, path, send).await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        if reply.status == 503 {
            continue;
        }
        ids.push(reply.json(202)?["transaction_id"].as_str().context("a transaction")?.to_owned());
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(ids)
}

/// Posts messages as a partner does, each again until it is answered.
async fn post_all(mut api: Watching, path: String) -> Result<()> {
    for number in 0..DOCUMENTS {
        let sent = message(&format!("<{number}@partner>"), format!("to us {number}").as_bytes(), Protection::default());
        loop {
            match post(&current(&mut api).await?, &path, &sent.headers, &sent.body).await {
                Ok(reply) if reply.status == 200 => {
                    ensure!(reply.text().contains("Received-Content-MIC"), "{}", reply.text());
                    break;
                }
                Ok(reply) => ensure!(reply.status == 503, "{}", reply.text()),
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }
    Ok(())
}

/// The transactions of the documents for the partner: the events go out, too.
async fn sent(api: &Api) -> Result<Vec<Value>> {
    let all = transactions(api, "outbound").await?;
    Ok(all.into_iter().filter(|one| one["event_name"] == QUEUED).collect())
}

fn client(serve: &Serve) -> Result<Api> {
    Ok(Api::open(&serve.credentials.base_url)?.with(&format!("ApiKey {}", serve.credentials.api_key)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_that_were_acknowledged_survive_kill_9() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let partner = Inbox::answering(|post, _| answer(receipt(post, &Disposition::Processed))).await?;
    let events = Inbox::open().await?;
    let mut serve = Serve::start(folder.path(), &SETTINGS).await?;
    let api = client(&serve)?;
    set_up(&api, &partner.url(), json!({})).await?;
    let erp = json!({
        "id": "erp", "integration_type": "permanent", "callback_parameters": {"callback_url": events.url()},
        "filter_conditions": {"event_filter": ["document.received"]},
    });
    api.post("/v1/integrations", &erp).await?.json(200)?;
    let (running, watching) = watch::channel(Some(api));
    let done = Arc::new(AtomicUsize::new(0));
    let handing_in = tokio::spawn(hand_in_all(watching.clone(), Arc::clone(&done)));
    let posting = tokio::spawn(post_all(watching, format!("/as2/{}", serve.credentials.tenant)));
    for kill in 1..=KILLS {
        let count = kill * DOCUMENTS / (KILLS + 1);
        let taken = async || Ok((done.load(Ordering::Relaxed) >= count).then_some(()));
        eventually("documents are taken", PATIENCE, taken).await?;
        running.send_replace(None);
        serve.kill()?;
        serve = Serve::start(folder.path(), &SETTINGS).await?;
        running.send_replace(Some(client(&serve)?));
    }
    let ids: BTreeSet<String> = handing_in.await??.into_iter().collect();
    posting.await??;
    let api = client(&serve)?;
    ensure!(ids.len() == DOCUMENTS, "{} transactions", ids.len());
    let mut left = Vec::new();
    let delivered = eventually("every document is delivered", PATIENCE, async || {
        let all = sent(&api).await?;
        left = all.into_iter().filter(|one| one["status"] != "delivered").collect();
        Ok(left.is_empty().then_some(()))
    });
    delivered.await.with_context(|| format!("{left:?}"))?;
    let all = sent(&api).await?;
    ensure!(ids_of(&all) == ids, "{} of {DOCUMENTS}", all.len());
    once_each(&partner)?;

    let all = transactions(&api, "inbound").await?;
    ensure!(all.len() == DOCUMENTS, "{} of {DOCUMENTS} came", all.len());
    let mut told = BTreeSet::new();
    eventually("every document is told of", PATIENCE, async || {
        for post in events.posts() {
            told.insert(post.json()?["payload"]["transaction_id"].as_str().context("a transaction")?.to_owned());
        }
        Ok((told.len() >= DOCUMENTS).then_some(()))
    })
    .await?;
    ensure!(ids_of(&all) == told, "{told:?}");
    ensure!(serve.signal("TERM").await? == Some(0), "SIGTERM");
    Ok(())
}

fn ids_of(transactions: &[Value]) -> BTreeSet<String> {
    transactions.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect()
}

/// The partner got each document by one message, however often that was sent.
fn once_each(partner: &Inbox) -> Result<()> {
    let mut messages = BTreeMap::new();
    for post in partner.posts() {
        let id = headers_of(&post).get("message-id").context("a message's id")?.to_owned();
        let first = messages.entry(id).or_insert_with(|| post.clone());
        ensure!(first.received.body == post.received.body, "the same id, and other bytes");
    }
    let mut came = BTreeSet::new();
    for post in messages.values() {
        came.insert(String::from_utf8(opened(post)?.1.document.bytes)?);
    }
    let sent: BTreeSet<String> = (0..DOCUMENTS).map(|number| format!("to them {number}")).collect();
    ensure!(came == sent && messages.len() == DOCUMENTS, "{} messages: {came:?}", messages.len());
    Ok(())
}
