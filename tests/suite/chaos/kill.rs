//! `kill -9` at any moment: what was answered with 202 arrives, and stands once in the export files.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use serde_json::{Value, json};
use sluice::ports::Ports;
use sluice_local::receiver::status;
use tokio::sync::watch;

use crate::support::process::Serve;
use crate::support::{Api, Inbox, bucket, eventually};

const SETTINGS: [(&str, &str); 4] = [
    ("SLUICE_EXPORT_INTERVAL_SECONDS", "2"),
    ("SLUICE_LOG_GRACE_MILLISECONDS", "1500"),
    ("SLUICE_RETRY_STREAM", "1s,1s,1s,1s,1s,1s,1s,1s"),
    ("SLUICE_EXPORT_MAX_BYTES", "20000"),
];
const KILLS: usize = 5;
/// A queue gives a message again that a killed worker had: then nothing else is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What publishers were told.
#[derive(Default)]
struct Promises {
    /// Payload numbers of events answered with 202, and the ids they were answered with.
    kept: Mutex<HashMap<u64, String>>,
    /// Numbers of events without an id whose request was not answered: they may stand in the log or not.
    unknown: Mutex<BTreeSet<u64>>,
    next: AtomicUsize,
    over: AtomicBool,
}

impl Promises {
    fn keep(&self, numbers: &[u64], answer: &Value) -> Result<()> {
        let events = answer["events"].as_array().context("a list")?;
        ensure!(events.len() == numbers.len(), "{} of {} were answered", events.len(), numbers.len());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for (number, event) in numbers.iter().zip(events) {
            kept.insert(*number, event["id"].as_str().context("no id")?.to_owned());
        }
        Ok(())
    }

    fn numbers(&self, count: usize) -> Vec<u64> {
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        (first..first + count).map(|n| n as u64).collect()
    }
}

/// Publishes without a pause; with `ids` it repeats what was not answered, as a careful publisher does.
async fn publisher(promises: Arc<Promises>, api: watch::Receiver<Option<Api>>, ids: bool) -> Result<()> {
    let mut size = 1;
    while !promises.over.load(Ordering::Relaxed) {
        size = size % 7 + 1;
        let numbers = promises.numbers(size);
        let event = |n: &u64| match ids {
            true => json!({"name": "order.created", "payload": {"n": n}, "id": format!("own-{n}")}),
            false => json!({"name": "order.created", "payload": {"n": n}}),
        };
        let body = json!({"events": numbers.iter().map(event).collect::<Vec<_>>()});
        loop {
            let current = api.borrow().clone();
            let Some(current) = current else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            match current.publish(&body).await {
                Ok(reply) if reply.status == 202 => {
                    promises.keep(&numbers, &reply.json(202)?)?;
                    break;
                }
                Ok(reply) => ensure!(reply.status == 503, "{}", reply.text()),
                Err(_) => {}
            }
            if !ids {
                promises.unknown.lock().unwrap_or_else(PoisonError::into_inner).extend(&numbers);
                break;
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_promised_survives_kill_9() -> Result<()> {
    let folder = tempfile::tempdir()?;
    // A target that is not always in good health: some deliveries are under way as retries.
    let inbox = Inbox::answering(|post, before| {
        let ill = before == 0 && post.number() % 10 == 3;
        status(if ill { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT })
    });
    let inbox = inbox.await?;
    let promises: Arc<Promises> = Arc::default();
    let (current, watching) = watch::channel(None);
    let ports = Ports::system();

    let mut serve = Serve::start(folder.path(), &SETTINGS).await?;
    let api = client(&serve)?;
    let hook =
        json!({"id": "hook", "integration_type": "permanent", "callback_parameters": {"callback_url": inbox.url()}});
    api.post("/v1/integrations", &hook).await?.json(200)?;
    let s3 = &serve.credentials.s3;
    let files = json!({"id": "files", "integration_type": "permanent", "s3_parameters": {
        "aws_access_key_id": s3.access_key_id, "aws_secret_access_key": s3.secret_access_key, "aws_region": s3.region,
        "bucket": s3.bucket, "key_prefix": "chaos", "endpoint_url": s3.endpoint_url,
    }});
    api.post("/v1/integrations", &files).await?.json(200)?;
    current.send_replace(Some(api));
    let publishers: Vec<_> =
        [true, false, true].map(|ids| tokio::spawn(publisher(Arc::clone(&promises), watching.clone(), ids))).into();

    for turn in 0..KILLS {
        let wait = Duration::from_millis(300 + (ports.fraction() * 3_000.0) as u64);
        println!("kill {turn} after {wait:?}");
        tokio::time::sleep(wait).await;
        current.send_replace(None);
        serve.kill()?;
        serve = Serve::start(folder.path(), &SETTINGS).await?;
        current.send_replace(Some(client(&serve)?));
    }
    promises.over.store(true, Ordering::Relaxed);
    for publisher in publishers {
        publisher.await??;
    }
    let kept = promises.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let unknown = promises.unknown.lock().unwrap_or_else(PoisonError::into_inner).clone();
    println!("{} events were promised, {} were not answered", kept.len(), unknown.len());
    ensure!(kept.len() > 100, "only {} events were published", kept.len());

    delivered(&inbox, &kept).await?;
    exported(&serve, &kept, &unknown).await?;
    ensure!(serve.signal("TERM").await? == Some(0), "SIGTERM");
    Ok(())
}

fn client(serve: &Serve) -> Result<Api> {
    Ok(Api::open(&serve.credentials.base_url)?.with(&format!("ApiKey {}", serve.credentials.api_key)))
}

/// The target took each promised event, under the id it was promised: an attempt that it refused does not count.
async fn delivered(inbox: &Inbox, kept: &HashMap<u64, String>) -> Result<()> {
    let mut missing = Vec::new();
    let done = eventually("every promised event arrives", PATIENCE, async || {
        let mut came: HashMap<(u64, String), usize> = HashMap::new();
        for post in inbox.posts() {
            *came.entry((post.number() as u64, post.id())).or_default() += 1;
        }
        // The first attempt of the ill ones was answered by 503.
        let needed = |n: u64| if n % 10 == 3 { 2 } else { 1 };
        let taken = |n: u64, id: &String| came.get(&(n, id.clone())).is_some_and(|tries| *tries >= needed(n));
        missing = kept.iter().filter(|(n, id)| !taken(**n, id)).map(|(n, _)| *n).collect();
        Ok(missing.is_empty().then_some(()))
    });
    done.await.with_context(|| format!("{} did not arrive: {missing:?}", missing.len()))?;
    Ok(())
}

/// Each promised event stands on one line; one that was not answered on one at most.
async fn exported(serve: &Serve, kept: &HashMap<u64, String>, unknown: &BTreeSet<u64>) -> Result<()> {
    let s3 = &serve.credentials.s3;
    let mut missing = 0;
    let files = eventually("every promised event is exported", PATIENCE, async || {
        let files = bucket::files(s3, "chaos").await?;
        let counts = bucket::numbers(&files)?;
        missing = kept.keys().filter(|n| !counts.contains_key(n)).count();
        Ok((missing == 0).then_some(files))
    });
    let files = files.await.with_context(|| format!("{missing} are in no file"))?;
    let counts = bucket::numbers(&files)?;
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    ensure!(twice.is_empty(), "in more than one line: {twice:?}");
    let strange: Vec<_> = counts.keys().filter(|n| !kept.contains_key(n) && !unknown.contains(n)).collect();
    ensure!(strange.is_empty(), "nobody published {strange:?}");
    ensure!(files.len() > 1, "{} files", files.len());
    Ok(())
}
