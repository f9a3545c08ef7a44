//! The receiver: notes when each different event came, and checks the signature of some.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use sluice::outbound::{SignatureHeaders, SigningKey, verify};
use sluice::ports::{Clock as _, System};
use sluice_local::receiver::{Received, Receiver, status};

/// One delivery in so many has its signature checked: all would measure the receiver.
const CHECK_EVERY: u64 = 64;
/// How long nothing may arrive before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Seen {
    requests: AtomicU64,
    unsigned: AtomicU64,
    /// When each event first came, by a hash of its id.
    arrivals: Mutex<HashMap<u64, Instant>>,
}

/// The running receiver.
pub(crate) struct Sink {
    receiver: Receiver,
    seen: Arc<Seen>,
}

impl Sink {
    pub(crate) async fn start(key: SigningKey) -> Result<Self> {
        let seen = Arc::<Seen>::default();
        let taking = Arc::clone(&seen);
        let receiver = Receiver::start(move |received| {
            taking.take(&key, &received);
            async { status(hyper::StatusCode::NO_CONTENT) }
        });
        Ok(Self { receiver: receiver.await.context("the receiver")?, seen })
    }

    pub(crate) fn url(&self) -> String {
        self.receiver.url("/hook")
    }

    /// Different events that came since the last [`Sink::clear`].
    pub(crate) fn different(&self) -> u64 {
        self.seen.arrivals().len() as u64
    }

    /// When an event first came since then.
    pub(crate) fn arrival(&self, id: &str) -> Option<Instant> {
        self.seen.arrivals().get(&hash(id)).copied()
    }

    /// Requests that came since then.
    pub(crate) fn requests(&self) -> u64 {
        self.seen.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn clear(&self) {
        *self.seen.arrivals() = HashMap::new();
        self.seen.requests.store(0, Ordering::Relaxed);
    }

    /// Waits until so many different events have come.
    pub(crate) async fn wait_for(&self, all: u64) -> Result<()> {
        let (mut last, mut moved) = (0, Instant::now());
        loop {
            let now = self.different();
            let unsigned = self.seen.unsigned.load(Ordering::Relaxed);
            if unsigned > 0 {
                bail!("{unsigned} deliveries had no valid signature");
            }
            if now >= all {
                return Ok(());
            }
            if now > last {
                (last, moved) = (now, Instant::now());
            } else if moved.elapsed() > PATIENCE {
                bail!("only {now} of {all} events arrived");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn hash(id: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(id)
}

impl Seen {
    fn arrivals(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, key: &SigningKey, received: &Received) {
        let id = received.header("webhook-id");
        self.arrivals().entry(hash(id)).or_insert_with(Instant::now);
        if !self.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(CHECK_EVERY) {
            return;
        }
        let (timestamp, signature) = (received.header("webhook-timestamp"), received.header("webhook-signature"));
        let headers = SignatureHeaders { id, timestamp, signature };
        let signed = verify(key, &headers, &received.body, System.now().as_secs(), Duration::from_secs(300)).is_ok();
        self.unsigned.fetch_add(u64::from(!signed), Ordering::Relaxed);
    }
}
