//! A receiver that remembers what came, and answers as a test says.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use serde_json::Value;
use sluice::outbound::{SignatureHeaders, verify};
use sluice::ports::{Clock as _, System};
use sluice_local::receiver::{Answer, Received, Receiver, status};
use tokio::sync::watch;

use super::{SOON, eventually};

/// What a request came with, and when.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) at: Instant,
    pub(crate) received: Received,
}

/// A receiver and what came to it.
pub(crate) struct Inbox {
    receiver: Receiver,
    came: Arc<Mutex<Came>>,
}

/// What came, and how often each event did: looking through thousands of posts at each of them takes so long that a
/// target on a busy machine does not answer in time.
#[derive(Default)]
struct Came {
    posts: Vec<Post>,
    counts: HashMap<String, usize>,
}

impl Post {
    pub(crate) fn id(&self) -> String {
        self.received.header("webhook-id").to_owned()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.received.body).into_owned()
    }

    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.received.body).context("a body that is not JSON")
    }

    /// The payload's `n`.
    pub(crate) fn number(&self) -> usize {
        let number = self.json().ok().and_then(|json| json["payload"]["n"].as_u64());
        number.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX)
    }

    /// Checks the signature.
    pub(crate) fn verify(&self, secret: &str) -> Result<()> {
        let headers = SignatureHeaders {
            id: self.received.header("webhook-id"),
            timestamp: self.received.header("webhook-timestamp"),
            signature: self.received.header("webhook-signature"),
        };
        let now = System.now().as_secs();
        Ok(verify(&secret.parse()?, &headers, &self.received.body, now, Duration::from_secs(60))?)
    }
}

impl Inbox {
    /// Takes everything.
    pub(crate) async fn open() -> Result<Self> {
        Self::answering(|_, _| status(StatusCode::NO_CONTENT)).await
    }

    /// Takes everything, and takes its time.
    pub(crate) async fn slow(pause: Duration) -> Result<Self> {
        Self::answering_after(move || tokio::time::sleep(pause), |_, _| status(StatusCode::NO_CONTENT)).await
    }

    /// Takes everything, once the gate is open: a request that came before waits for it.
    pub(crate) async fn gated() -> Result<(Self, watch::Sender<bool>)> {
        let (gate, open) = watch::channel(false);
        let pause = move || {
            let mut open = open.clone();
            // A gate that is gone is open.
            async move { drop(open.wait_for(|open| *open).await) }
        };
        Ok((Self::answering_after(pause, |_, _| status(StatusCode::NO_CONTENT)).await?, gate))
    }

    /// Answers each request by what came, and how often its event came before.
    pub(crate) async fn answering(answer: impl Fn(&Post, usize) -> Answer + Send + Sync + 'static) -> Result<Self> {
        Self::answering_after(|| std::future::ready(()), answer).await
    }

    async fn answering_after<P: Future<Output = ()> + Send + 'static>(
        pause: impl Fn() -> P + Send + Sync + 'static,
        answer: impl Fn(&Post, usize) -> Answer + Send + Sync + 'static,
    ) -> Result<Self> {
        let came: Arc<Mutex<Came>> = Arc::default();
        let taking = Arc::clone(&came);
        let receiver = Receiver::start(move |received| {
            let post = Post { at: Instant::now(), received };
            let mut came = taking.lock().unwrap_or_else(PoisonError::into_inner);
            let count = came.counts.entry(post.id()).or_default();
            *count += 1;
            let answer = answer(&post, *count - 1);
            came.posts.push(post);
            let pause = pause();
            async move {
                pause.await;
                answer
            }
        });
        Ok(Self { receiver: receiver.await?, came })
    }

    /// Checks that these came in this order, whatever came between them. A target that a busy machine makes slow gets
    /// the next event before it has answered: a few that are near each other may then change places.
    pub(crate) fn in_order(&self, ids: &[String]) -> Result<()> {
        let place = |post: &Post| ids.iter().position(|id| *id == post.id());
        let places: Vec<usize> = self.posts().iter().filter_map(place).collect();
        let late: Vec<&[usize]> = places.windows(2).filter(|pair| pair[0] > pair[1]).collect();
        let near = |pair: &&[usize]| pair[0] - pair[1] < 4;
        ensure!(
            late.iter().all(near) && late.len() <= ids.len() / 50,
            "{} of {} came too late: {late:?}",
            late.len(),
            ids.len()
        );
        Ok(())
    }

    pub(crate) fn url(&self) -> String {
        self.receiver.url("/hook")
    }

    /// Everything so far, in the order it came.
    pub(crate) fn posts(&self) -> Vec<Post> {
        self.came().posts.clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.came().posts.len()
    }

    fn came(&self) -> MutexGuard<'_, Came> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for so many requests.
    pub(crate) async fn wait_for(&self, count: usize) -> Result<Vec<Post>> {
        let found = eventually("requests", SOON, async || Ok((self.len() >= count).then(|| self.posts()))).await;
        found.with_context(|| format!("{} of {count} requests came", self.len()))
    }

    /// Waits until each of these ids came.
    pub(crate) async fn all(&self, ids: &[String]) -> Result<()> {
        let mut missing = ids.len();
        let found = eventually("every event", SOON, async || {
            let came = self.came();
            missing = ids.iter().filter(|id| !came.counts.contains_key(*id)).count();
            Ok((missing == 0).then_some(()))
        });
        found.await.with_context(|| format!("{missing} of {} are missing", ids.len()))
    }

    /// Waits until each of these ids came, and nothing more comes; each must have come once.
    pub(crate) async fn exactly(&self, ids: &[String]) -> Result<Vec<Post>> {
        self.all(ids).await?;
        super::quiet(|| self.len()).await?;
        let came = self.came();
        let missing = ids.iter().filter(|id| !came.counts.contains_key(*id)).count();
        let twice = came.counts.values().filter(|count| **count > 1).count();
        let ids: HashSet<&String> = ids.iter().collect();
        let other = came.counts.keys().filter(|id| !ids.contains(id)).count();
        ensure!(
            (missing, twice, other) == (0, 0, 0),
            "{missing} are missing, {twice} came again, {other} are not ours"
        );
        Ok(came.posts.clone())
    }
}
