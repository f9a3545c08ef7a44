//! Publishing: many requests at once become few chunks of the log.
//!
//! Requests that arrive while a write of their scope is under way are committed together by the next writer. A Lambda
//! function has one request at a time, so there each request is its own commit, with no delay added.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, oneshot};

use super::EngineError;
use super::commit::Committer;
use super::messages::MAX_PACK_EVENTS;
use super::room::Entrance;
use super::submission::Waiting;
pub use super::submission::{Acceptance, NewEvent, Receipt};
use crate::domain::scope::Scope;
use crate::ports::Ports;
use crate::queue::Queues;
use crate::store::Stores;
use crate::store::requests::RequestKey;

/// Commits under way at once, each of another scope: one writes while the next of its scope gathers.
const WRITERS: usize = 8;
/// How long a commit waits at most for as many requests as the last one of its scope had. Clients that were answered
/// together come back together, but not in the same instant: without it the first of them would go alone.
const GATHER: Duration = Duration::from_millis(3);
/// The most scopes remembered; past that those with nothing to do are forgotten.
const MAX_LINES: usize = 1_000;
/// The most raw bytes committed together.
const MAX_COMMIT_BYTES: usize = 1024 * 1024;

/// Large bodies read at once.
const READERS: usize = 24;
/// The most bytes of requests that are worked on at once; later requests wait. A Lambda function never reaches it. Each
/// stands in memory about three times: as text, as events, as a chunk.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Takes events in.
#[derive(Clone)]
pub struct Publisher {
    entrance: Entrance,
    committer: Arc<Committer>,
    lines: Arc<Mutex<HashMap<Scope, Line>>>,
    writers: Arc<Semaphore>,
}

/// The requests of one scope: no scope waits in another's line.
struct Line {
    waiting: VecDeque<Waiting>,
    /// Held by the task that collects the waiting requests and writes them.
    turn: Arc<Semaphore>,
    /// How many requests the last commit had.
    last: usize,
    /// Told once as many wait.
    gathered: Arc<Notify>,
}

impl Line {
    fn lacks_some(&self) -> bool {
        !self.waiting.is_empty() && self.waiting.len() < self.last
    }
}

impl Default for Line {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), turn: Arc::new(Semaphore::new(1)), last: 0, gathered: Arc::default() }
    }
}

impl Publisher {
    /// A publisher; the process has one. What is not in the log within `grace` is not promised.
    #[must_use]
    pub fn new(stores: &Stores, queues: Queues, ports: Ports, grace: Duration) -> Self {
        let (log, claims, requests) = (stores.log.clone(), stores.claims.clone(), stores.requests.clone());
        Self {
            entrance: Entrance::new(READERS, MAX_BYTES),
            committer: Arc::new(Committer { log, claims, requests, queues, ports, grace }),
            lines: Arc::default(),
            writers: Arc::new(Semaphore::new(WRITERS)),
        }
    }

    /// Where events come in.
    #[must_use]
    pub fn entrance(&self) -> &Entrance {
        &self.entrance
    }

    /// Makes the events durable and sends them on their way; returns once both is done.
    ///
    /// # Errors
    /// [`EngineError`]; then nothing was promised, and the publisher tries again.
    pub async fn publish(&self, scope: &Scope, events: Vec<NewEvent>) -> Result<Vec<Receipt>, Arc<EngineError>> {
        self.publish_once(scope, events, None).await
    }

    /// The same for a request that may come again under its key: its events are logged once, under the same ids.
    ///
    /// # Errors
    /// [`EngineError`], such as [`EngineError::KeyReused`].
    pub async fn publish_once(
        &self,
        scope: &Scope,
        events: Vec<NewEvent>,
        request: Option<RequestKey>,
    ) -> Result<Vec<Receipt>, Arc<EngineError>> {
        let (answer, mut done) = oneshot::channel();
        let turns = self.join(Waiting { scope: scope.clone(), events, request, answer });
        loop {
            tokio::select! {
                biased;
                result = &mut done => return result.unwrap_or_else(|_| Err(Arc::new(EngineError::Interrupted))),
                turn = Arc::clone(&turns).acquire_owned() => {
                    let turn = turn.map_err(|_| Arc::new(EngineError::Interrupted))?;
                    self.gather(scope).await;
                    let writer = Arc::clone(&self.writers).acquire_owned().await;
                    let writer = writer.map_err(|_| Arc::new(EngineError::Interrupted))?;
                    let group = self.take_group(scope);
                    if group.is_empty() {
                        // Ours is under way already.
                        drop((turn, writer));
                        return done.await.unwrap_or_else(|_| Err(Arc::new(EngineError::Interrupted)));
                    }
                    let committer = Arc::clone(&self.committer);
                    // A task of its own: a cancelled request must not cancel the others' commit.
                    tokio::spawn(async move { committer.commit(group, (turn, writer)).await });
                }
            }
        }
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<Scope, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stands in line; gives what the turns of this line are taken by.
    fn join(&self, mine: Waiting) -> Arc<Semaphore> {
        let mut lines = self.lines();
        if lines.len() >= MAX_LINES && !lines.contains_key(&mine.scope) {
            lines.retain(|_, line| !line.waiting.is_empty());
        }
        let line = lines.entry(mine.scope.clone()).or_default();
        line.waiting.push_back(mine);
        if !line.lacks_some() {
            line.gathered.notify_waiters();
        }
        Arc::clone(&line.turn)
    }

    /// Waits a moment while fewer wait than the last commit had.
    async fn gather(&self, scope: &Scope) {
        let gathered = {
            let lines = self.lines();
            let Some(line) = lines.get(scope).filter(|line| line.lacks_some()) else { return };
            Arc::clone(&line.gathered).notified_owned()
        };
        // Too few in time is no failure.
        let _ = tokio::time::timeout(GATHER, gathered).await;
    }

    /// The longest-waiting requests of a scope that fit into one commit: what a delivery message carries too, as it is.
    fn take_group(&self, scope: &Scope) -> Vec<Waiting> {
        let mut lines = self.lines();
        let Some(line) = lines.get_mut(scope) else { return Vec::new() };
        let (mut events, mut bytes) = (0, 0);
        let fits = |next: &&Waiting| {
            events += next.events.len();
            bytes += next.events.iter().map(|e| e.payload.get().len() + 256).sum::<usize>();
            events <= MAX_PACK_EVENTS && bytes <= MAX_COMMIT_BYTES
        };
        // A request that is larger than a commit should be goes alone.
        let count = line.waiting.iter().take_while(fits).count().max(1).min(line.waiting.len());
        line.last = if count > 0 { count } else { line.last };
        line.waiting.drain(..count).collect()
    }
}
