//! Publishers that repeat each request under its key until it is acknowledged.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;
use futures::future::try_join_all;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::ledger::{Ledger, name};
use super::served::Client;

const PUBLISHERS: usize = 6;
const LARGEST_BATCH: usize = 40;
/// Keys of each publisher, which sends one request after the other: so events of a key are in order.
const KEYS: usize = 8;

/// Starts them; the task ends once all is acknowledged.
pub(super) fn start(ledger: &Arc<Ledger>, client: &watch::Receiver<Client>, seed: u64) -> JoinHandle<Result<()>> {
    let each = |number: usize| {
        let rng = Rng::with_seed(seed.wrapping_mul(1_000).wrapping_add(number as u64));
        tokio::spawn(publish(Arc::clone(ledger), client.clone(), number, rng))
    };
    let all: Vec<_> = (0..PUBLISHERS).map(each).collect();
    tokio::spawn(async move { try_join_all(all).await?.into_iter().collect() })
}

async fn publish(ledger: Arc<Ledger>, client: watch::Receiver<Client>, me: usize, mut rng: Rng) -> Result<()> {
    let sandbox = me == PUBLISHERS - 1;
    let path = if sandbox { "/sandbox/v1/events" } else { "/v1/events" };
    for request in 0.. {
        let numbers = ledger.take(rng.usize(1..=LARGEST_BATCH), sandbox, |n| me * KEYS + n % KEYS);
        if numbers.is_empty() {
            break;
        }
        // Some have ids of their own beside the request's key.
        let own = rng.u8(0..10) == 0;
        let mut events: Vec<Value> = numbers.iter().map(|n| event(*n, me * KEYS + n % KEYS, own)).collect();
        let body = if events.len() == 1 { events.remove(0) } else { json!({ "events": events }) };
        let key = format!("publisher {me}, request {request}");
        let ids = insist(&ledger, &client, (path, &key, &body.to_string()), &mut rng).await?;
        ensure!(ids.len() == numbers.len(), "{} of {} were answered", ids.len(), numbers.len());
        ledger.acknowledge(numbers.into_iter().zip(ids));
    }
    Ok(())
}

fn event(number: usize, key: usize, own: bool) -> Value {
    let mut event = json!({
        "name": name(number), "ordering_key": key.to_string(),
        "payload": {"n": number, "note": "an order of some customer, with its lines and an address"},
    });
    if own {
        event["id"] = json!(format!("own-{number}"));
    }
    event
}

/// Sends a request until it is acknowledged; gives the events' ids.
async fn insist(
    ledger: &Ledger,
    client: &watch::Receiver<Client>,
    (path, key, body): (&str, &str, &str),
    rng: &mut Rng,
) -> Result<Vec<String>> {
    ledger.requests.fetch_add(1, Ordering::Relaxed);
    for attempt in 0.. {
        if attempt == 1 {
            ledger.repeated.fetch_add(1, Ordering::Relaxed);
        }
        let current = client.borrow().clone();
        match current.post(path, Some(key), body).await {
            Ok((202, text)) => return ids(&text),
            // The first attempt may be under way still.
            Ok((status, text)) => ensure!(matches!(status, 409 | 503), "a publish was answered {status}: {text}"),
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(rng.u64(10..60))).await;
    }
    Ok(Vec::new())
}

fn ids(answer: &str) -> Result<Vec<String>> {
    let answer: Value = serde_json::from_str(answer)?;
    let events = answer["events"].as_array().context("a list")?;
    events.iter().map(|event| Ok(event["id"].as_str().context("an id")?.to_owned())).collect()
}
