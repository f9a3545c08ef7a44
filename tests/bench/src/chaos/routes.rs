//! Ten routes: nine with a real receiver each, and one to files.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hyper::StatusCode;
use serde_json::{Value, json};
use sluice_local::receiver::{Answer, Received, Receiver, status};
use tokio::sync::watch;

use super::account::Found;
use super::ledger::{Entry, Ledger, name};
use super::served::{Client, Served};
use super::{LOOK, insist};

/// The prefix of the files.
pub(super) const FILES: &str = "reckoning";
/// When the route `switched` is stopped and started, in hundredths of all events.
const SWITCHES: [(usize, &str); 4] = [(10, "stop"), (30, "start"), (50, "stop"), (70, "start")];

/// How a receiver behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Healthy,
    /// The first attempt of every third event fails: not so many in a row that the route is suspended.
    Failing,
    /// Nothing succeeds before the end of publishing.
    Dead,
    /// Each answer takes a while.
    Slow,
    /// Every tenth request comes too soon.
    Throttling,
}

/// What a route is made with, and what it is to get.
struct Plan {
    name: &'static str,
    manner: Manner,
    sandbox: bool,
    paid_only: bool,
    more: fn() -> Value,
}

const fn plan(name: &'static str, manner: Manner) -> Plan {
    Plan { name, manner, sandbox: false, paid_only: false, more: || json!({}) }
}

const PLANS: [Plan; 9] = [
    plan("healthy", Manner::Healthy),
    plan("failing", Manner::Failing),
    plan("dead", Manner::Dead),
    plan("slow", Manner::Slow),
    plan("throttling", Manner::Throttling),
    plan("switched", Manner::Healthy),
    Plan { more: || json!({"ordering": "key"}), ..plan("ordered", Manner::Healthy) },
    Plan {
        paid_only: true,
        more: || json!({"filter_conditions": {"payload_filter": "name == 'order.paid'"}}),
        ..plan("filtered", Manner::Healthy)
    },
    Plan { sandbox: true, ..plan("sandbox", Manner::Healthy) },
];

/// What came to a receiver and was answered 2xx.
#[derive(Default)]
pub(super) struct Tally {
    /// How often each number came, and the id it came under.
    pub(super) came: Found,
    /// Events that came under a second id.
    pub(super) other_ids: usize,
    /// Events that came for the first time after a later one of their key.
    pub(super) late: usize,
    /// When the last event came for the first time.
    pub(super) last_at: Option<Instant>,
    tried: HashMap<usize, usize>,
    last: HashMap<usize, usize>,
}

/// A webhook and its receiver.
pub(super) struct Hook {
    plan: &'static Plan,
    _receiver: Receiver,
    tally: Arc<Mutex<Tally>>,
}

/// All of them.
pub(super) struct Routes {
    pub(super) hooks: Vec<Hook>,
    alive: Arc<AtomicBool>,
    requests: Arc<AtomicUsize>,
    ledger: Arc<Ledger>,
}

impl Hook {
    pub(super) fn name(&self) -> &'static str {
        self.plan.name
    }

    pub(super) fn is_ordered(&self) -> bool {
        self.plan.name == "ordered"
    }

    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        lock(&self.tally)
    }

    /// Whether it is to get an event.
    pub(super) fn expects(&self, number: usize, entry: &Entry) -> bool {
        entry.sandbox == self.plan.sandbox && (!self.plan.paid_only || name(number) == "order.paid")
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Routes {
    /// Starts the receivers, and registers all routes.
    pub(super) async fn register(ledger: &Arc<Ledger>, served: &Served) -> Result<Self> {
        let (alive, requests) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (client, s3, mut hooks) = (served.client()?, &served.credentials.s3, Vec::new());
        for plan in &PLANS {
            let tally = Arc::<Mutex<Tally>>::default();
            let (taking, alive, requests) = (Arc::clone(&tally), Arc::clone(&alive), Arc::clone(&requests));
            let ledger = Arc::clone(ledger);
            let receiver = Receiver::start(move |received| {
                requests.fetch_add(1, Ordering::Relaxed);
                let answer = take(plan.manner, &received, &taking, &ledger, alive.load(Ordering::Relaxed));
                async move {
                    if plan.manner == Manner::Slow {
                        tokio::time::sleep(Duration::from_millis(15)).await;
                    }
                    answer
                }
            });
            let receiver = receiver.await.context("a receiver")?;
            let mut route = (plan.more)();
            route["callback_parameters"] = json!({"callback_url": receiver.url("/hook")});
            register(&client, if plan.sandbox { "/sandbox" } else { "" }, plan.name, route).await?;
            hooks.push(Hook { plan, _receiver: receiver, tally });
        }
        let files = json!({
            "aws_access_key_id": s3.access_key_id, "aws_secret_access_key": s3.secret_access_key,
            "aws_region": s3.region, "bucket": s3.bucket, "key_prefix": FILES, "endpoint_url": s3.endpoint_url,
        });
        register(&client, "", "files", json!({"s3_parameters": files})).await?;
        Ok(Self { hooks, alive, requests, ledger: Arc::clone(ledger) })
    }

    /// From now on the dead route's target is alive.
    pub(super) fn revive(&self) {
        self.alive.store(true, Ordering::Relaxed);
    }

    /// Requests that came to any receiver.
    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// Whether every receiver has what it is to get.
    pub(super) fn is_complete(&self) -> bool {
        let entries = self.ledger.entries();
        self.hooks.iter().all(|hook| {
            let expected = entries.iter().enumerate().filter(|(n, entry)| hook.expects(*n, entry)).count();
            hook.tally().came.len() >= expected
        })
    }
}

async fn register(client: &Client, environment: &str, id: &str, mut route: Value) -> Result<()> {
    (route["id"], route["integration_type"]) = (json!(id), json!("permanent"));
    let path = format!("{environment}/v1/integrations");
    let (status, text) = client.post(&path, None, &route.to_string()).await?;
    ensure!(status == 200, "{id} was answered {status}: {text}");
    Ok(())
}

/// Notes what came, and gives its answer.
fn take(manner: Manner, received: &Received, tally: &Mutex<Tally>, ledger: &Ledger, alive: bool) -> Answer {
    let body: Value = serde_json::from_slice(&received.body).unwrap_or_default();
    let Some(number) = body["payload"]["n"].as_u64().and_then(|n| usize::try_from(n).ok()) else {
        return status(StatusCode::BAD_REQUEST);
    };
    let key = ledger.entries().get(number).map_or(usize::MAX, |entry| entry.key);
    let mut tally = lock(tally);
    let tries = tally.tried.entry(number).or_default();
    *tries += 1;
    let (first, all) = (*tries == 1, tally.tried.len());
    match manner {
        Manner::Failing if first && number.is_multiple_of(3) => return status(StatusCode::SERVICE_UNAVAILABLE),
        Manner::Dead if !alive => return status(StatusCode::SERVICE_UNAVAILABLE),
        Manner::Throttling if first && all.is_multiple_of(10) => {
            let mut answer = status(StatusCode::TOO_MANY_REQUESTS);
            answer.headers_mut().insert("retry-after", hyper::header::HeaderValue::from_static("1"));
            return answer;
        }
        _ => {}
    }
    let id = received.header("webhook-id");
    let (times, under) = tally.came.entry(number).or_insert_with(|| (0, Some(id.to_owned())));
    *times += 1;
    let (first, other) = (*times == 1, under.as_deref() != Some(id));
    tally.other_ids += usize::from(other);
    if first {
        tally.last_at = Some(Instant::now());
        let before = tally.last.get(&key).copied();
        tally.late += usize::from(before.is_some_and(|before| before > number));
        tally.last.insert(key, before.map_or(number, |before| before.max(number)));
    }
    status(StatusCode::NO_CONTENT)
}

/// Stops and starts a route as publishing goes on.
pub(super) async fn switch(ledger: Arc<Ledger>, client: watch::Receiver<Client>) -> Result<()> {
    for (share, to) in SWITCHES {
        while ledger.acknowledged() < ledger.events() * share / 100 {
            tokio::time::sleep(LOOK / 10).await;
        }
        insist(&client, &format!("/v1/integrations/switched/_{to}")).await?;
    }
    Ok(())
}
