//! Publishing: many requests at once become few chunks of the log.
//!
//! Requests that arrive while a write is under way are committed together by whoever gets the next turn. A
//! Lambda function has one request at a time, so there each request is its own commit, with no delay added.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::EngineError;
use super::commit::Committer;
use crate::domain::event::MAX_BATCH_EVENTS;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::ports::Ports;
use crate::queue::Queues;
use crate::store::claims::Claims;
use crate::store::log::EventLog;

/// An event as its publisher hands it in, checked.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The publisher's id, if it gave one.
    pub id: Option<String>,
    /// `entity.event`.
    pub name: String,
    /// A JSON object, compact.
    pub payload: Box<RawValue>,
    /// When it happened, if the publisher said.
    pub published_at: Option<Millis>,
    /// The partner it concerns.
    pub partner_id: Option<String>,
    /// The kind of business document.
    pub document_type: Option<String>,
    /// What it is ordered by.
    pub ordering_key: Option<String>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// Logged, and on its way.
    Accepted,
    /// Its id was published within the last day.
    Duplicate,
}

/// An event's id and what became of it.
pub type Receipt = (String, Acceptance);

/// One request's events, waiting for their turn.
pub(super) struct Waiting {
    pub(super) scope: Scope,
    pub(super) events: Vec<NewEvent>,
    pub(super) answer: oneshot::Sender<Result<Vec<Receipt>, Arc<EngineError>>>,
}

/// Two at a time: one writes while the next gathers.
const WRITERS: usize = 2;
/// The most raw bytes committed together.
const MAX_COMMIT_BYTES: usize = 1024 * 1024;

/// The most bytes of requests in memory at once; who comes later waits. A Lambda function never gets there.
const MAX_BYTES_IN_MEMORY: u32 = 48 * 1024 * 1024;

/// Takes events in.
#[derive(Clone)]
pub struct Publisher {
    room: Arc<Semaphore>,
    committer: Committer,
    waiting: Arc<Mutex<VecDeque<Waiting>>>,
    turns: Arc<Semaphore>,
}

impl Publisher {
    /// A publisher; the process has one. What is not in the log within `grace` is not promised.
    #[must_use]
    pub fn new(log: EventLog, claims: Claims, queues: Queues, ports: Ports, grace: Duration) -> Self {
        Self {
            room: Arc::new(Semaphore::new(MAX_BYTES_IN_MEMORY as usize)),
            committer: Committer { log, claims, queues, ports, grace },
            waiting: Arc::default(),
            turns: Arc::new(Semaphore::new(WRITERS)),
        }
    }

    /// Waits for room for a request of so many bytes; the room is free again when the permit is dropped.
    pub async fn admit(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        // A parsed request stands in memory about three times: as text, as events, as a chunk.
        let bytes = u32::try_from(bytes.saturating_mul(3)).unwrap_or(u32::MAX).clamp(1, MAX_BYTES_IN_MEMORY);
        Arc::clone(&self.room).acquire_many_owned(bytes).await.ok()
    }

    /// Makes the events durable and sends them on their way; returns once both is done.
    ///
    /// # Errors
    /// [`EngineError`]; then nothing was promised, and the publisher tries again.
    pub async fn publish(&self, scope: &Scope, events: Vec<NewEvent>) -> Result<Vec<Receipt>, Arc<EngineError>> {
        let (answer, mut done) = oneshot::channel();
        let mine = Waiting { scope: scope.clone(), events, answer };
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(mine);
        loop {
            tokio::select! {
                biased;
                result = &mut done => return result.unwrap_or_else(|_| Err(Arc::new(EngineError::Interrupted))),
                turn = Arc::clone(&self.turns).acquire_owned() => {
                    let turn = turn.map_err(|_| Arc::new(EngineError::Interrupted))?;
                    let group = self.take_group();
                    if group.is_empty() {
                        // Ours is under way already.
                        drop(turn);
                        return done.await.unwrap_or_else(|_| Err(Arc::new(EngineError::Interrupted)));
                    }
                    let committer = self.committer.clone();
                    // A task of its own: a caller who hangs up must not take the others' events along.
                    tokio::spawn(async move { committer.commit(group, turn).await });
                }
            }
        }
    }

    /// The longest-waiting requests of one scope that fit into one commit.
    fn take_group(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut group: Vec<Waiting> = Vec::new();
        let (mut events, mut bytes) = (0, 0);
        while let Some(next) = waiting.front() {
            events += next.events.len();
            bytes += next.events.iter().map(|e| e.payload.get().len() + 256).sum::<usize>();
            let fits = events <= MAX_BATCH_EVENTS && bytes <= MAX_COMMIT_BYTES;
            let joins = group.first().is_none_or(|first| first.scope == next.scope && fits);
            if !joins {
                break;
            }
            group.extend(waiting.pop_front());
        }
        group
    }
}
