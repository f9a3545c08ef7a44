//! One commit: ids claimed, chunks logged, messages sent, in an order that a crash cannot turn into a loss.
//!
//! 1. Claim the idempotency keys of requests and the ids that publishers gave. An id held by a publish that came to its
//!    end is a duplicate; a key leads to where its request's events stand ([`super::repetition`]).
//! 2. Log the chunks. 3. Send their messages. 4. Where ids were claimed, note that the publish is settled.
//!
//! A publish that dies between 1 and 4 was never answered. A later publish with one of its ids finds it unsettled: if
//! its chunks are in the log their messages are sent (again), else the later publish sees to it that they no longer come
//! into the log, and takes the id over.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};

use super::EngineError;
use super::messages::{Contents, DispatchMessage};
use super::repetition::Standing;
use super::submission::{Acceptance, CommitPermit, NewEvent, Receipt, Waiting};
use crate::domain::chunk::{self, Chunk, MAX_CHUNK_BYTES, Pack};
use crate::domain::event::{Event, MAX_BATCH_EVENTS};
use crate::domain::ids::{ChunkId, chunk_of, event_id};
use crate::domain::scope::Scope;
use crate::ports::Ports;
use crate::queue::{Outgoing, Queue, Queues};
use crate::store::event_ids::{EventIdClaim, EventIdClaims};
use crate::store::log::EventLog;
use crate::store::requests::RequestClaims;

pub(super) const PARALLEL_CLAIMS: usize = 16;
/// How often a publish that holds an id is looked at while it may still be under way.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The decision about an event with an id from its publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Ours to log.
    Granted,
    /// Logged before, and on its way.
    Duplicate,
    /// Held by a publish that may still be under way.
    InFlight,
}

/// The parts that a commit uses.
pub(super) struct Committer {
    pub(super) log: EventLog,
    pub(super) claims: EventIdClaims,
    pub(super) requests: RequestClaims,
    pub(super) queues: Queues,
    pub(super) ports: Ports,
    pub(super) grace: Duration,
}

impl Committer {
    /// Commits the requests of one scope together, and answers each; the permit is given back when it is done, or has
    /// to wait.
    pub(super) async fn commit(&self, mut group: Vec<Waiting>, permit: CommitPermit) {
        let Some(scope) = group.first().map(|first| first.scope.clone()) else { return };
        let lengths: Vec<usize> = group.iter().map(|waiting| waiting.events.len()).collect();
        let mut outcome = self.commit_group(&scope, &mut group, permit).await.map_err(Arc::new);
        for (waiting, length) in group.into_iter().zip(lengths) {
            let answer = match &mut outcome {
                // Only what was refused has no receipts.
                Ok(receipts) => {
                    let receipts: Option<Vec<Receipt>> = receipts.drain(..length).collect();
                    receipts.ok_or_else(|| Arc::new(EngineError::KeyReused))
                }
                Err(error) => Err(Arc::clone(error)),
            };
            // The receiver is dropped if the request was cancelled.
            let _ = waiting.answer.send(answer);
        }
    }

    async fn commit_group(
        &self,
        scope: &Scope,
        group: &mut [Waiting],
        permit: CommitPermit,
    ) -> Result<Vec<Option<Receipt>>, EngineError> {
        let mut permit = Some(permit);
        let mut first = self.next_chunk();
        let earlier = self.earlier_attempts(scope, first, group).await?;
        let mut receipts: Vec<Option<Receipt>> = Vec::new();
        let mut left: Vec<(usize, NewEvent)> = Vec::new();
        let mut seen: HashSet<String> = HashSet::new();
        for (waiting, earlier) in group.iter_mut().zip(earlier) {
            for (n, event) in std::mem::take(&mut waiting.events).into_iter().enumerate() {
                let receipt = match earlier.of(n, event) {
                    Standing::Refused => None,
                    Standing::Logged(id) => Some((id, Acceptance::Accepted)),
                    Standing::New(NewEvent { id: Some(id), .. }) if !seen.insert(id.clone()) => {
                        Some((id, Acceptance::Duplicate))
                    }
                    Standing::New(event) => {
                        left.push((receipts.len(), event));
                        None
                    }
                };
                receipts.push(receipt);
            }
        }
        while !left.is_empty() {
            let verdicts = self.claim(scope, first, &left).await?;
            let (mut accepted, mut waiting) = (Vec::with_capacity(left.len()), Vec::new());
            for (index, event) in left {
                let verdict = event.id.as_ref().and_then(|id| verdicts.get(id)).copied().unwrap_or(Verdict::Granted);
                let id = event.id.clone().unwrap_or_else(|| event_id(first, index));
                match verdict {
                    Verdict::Granted => {
                        receipts[index] = Some((id.clone(), Acceptance::Accepted));
                        accepted.push(logged(event, id, first));
                    }
                    Verdict::Duplicate => receipts[index] = Some((id, Acceptance::Duplicate)),
                    Verdict::InFlight => waiting.push((index, event)),
                }
            }
            self.write(scope, first, accepted).await?;
            if verdicts.values().any(|verdict| *verdict == Verdict::Granted) {
                self.claims.settle(scope, first).await?;
            }
            left = waiting;
            // Waiting only now, with nothing claimed and unsettled: two publishes never wait for each other.
            if !left.is_empty() {
                // This may last until the other publish counts as dead: other commits must not wait for it.
                permit = None;
                tokio::time::sleep(LOOK_AGAIN).await;
                first = self.next_chunk();
            }
        }
        drop(permit);
        Ok(receipts)
    }

    fn next_chunk(&self) -> ChunkId {
        ChunkId::new(self.ports.now(), self.ports.bytes())
    }

    /// Logs the events and sends their messages.
    async fn write(&self, scope: &Scope, first: ChunkId, events: Vec<Event>) -> Result<(), EngineError> {
        if events.is_empty() {
            return Ok(());
        }
        let packed = chunk::pack(events, (MAX_BATCH_EVENTS, MAX_CHUNK_BYTES))?;
        let chunk = |((events, body), n): (Pack, u8)| (Chunk { id: first.nth(n), body }, Contents::of(&events));
        let (chunks, contents): (Vec<_>, Vec<_>) = packed.into_iter().zip(0_u8..=u8::MAX).map(chunk).unzip();
        // Readers take the log for settled once the grace is over: a write that takes longer is given up before.
        let left = first.at().plus(self.grace.mul_f64(0.8)).since(self.ports.now());
        tokio::time::timeout(left, self.log.append(scope, &chunks)).await.map_err(|_| EngineError::TooSlow)??;
        let message = |(chunk, contents)| {
            let (id, body) = self.log.keep(scope, chunk);
            DispatchMessage::of(scope, id, body, contents)
        };
        let messages: Result<Vec<Outgoing>, _> = chunks.into_iter().zip(contents).map(message).collect();
        self.queues.send(Queue::Dispatch, messages?).await?;
        // What its publisher hands in after the answer is logged later, by the clock too.
        self.ports.wait_until(first.at().plus(Duration::from_millis(1))).await;
        Ok(())
    }

    /// Claims the publishers' ids.
    async fn claim(
        &self,
        scope: &Scope,
        first: ChunkId,
        events: &[(usize, NewEvent)],
    ) -> Result<HashMap<String, Verdict>, EngineError> {
        let ids: Vec<String> = events.iter().filter_map(|(_, event)| event.id.clone()).collect();
        let verdicts = ids.into_iter().map(|id| async move { Ok((self.verdict(scope, first, &id).await?, id)) });
        let verdicts = stream::iter(verdicts).buffer_unordered(PARALLEL_CLAIMS);
        verdicts.map_ok(|(verdict, id)| (id, verdict)).try_collect().await
    }

    async fn verdict(&self, scope: &Scope, first: ChunkId, id: &str) -> Result<Verdict, EngineError> {
        // A generated id has no claim: its event is in the log, or there is none.
        if let Some(chunk) = chunk_of(id)
            && self.log.event(scope, chunk, id).await?.is_some()
        {
            return Ok(Verdict::Duplicate);
        }
        let EventIdClaim::Held(holder) = self.claims.claim(scope, id, first, None).await? else {
            return Ok(Verdict::Granted);
        };
        if self.claims.is_settled(scope, holder).await? {
            return Ok(Verdict::Duplicate);
        }
        if !self.claims.is_stale(holder, self.ports.now()) {
            return Ok(Verdict::InFlight);
        }
        if self.ended(scope, holder, |logged| logged.contains(id)).await?.contains(id) {
            return Ok(Verdict::Duplicate);
        }
        match self.claims.claim(scope, id, first, Some(holder)).await? {
            EventIdClaim::Granted => Ok(Verdict::Granted),
            EventIdClaim::Held(_) => Ok(Verdict::InFlight),
        }
    }
}

fn logged(event: NewEvent, id: String, first: ChunkId) -> Event {
    Event {
        id,
        name: event.name,
        published_at: event.published_at.unwrap_or(first.at()),
        logged_at: first.at(),
        payload: event.payload,
        partner_id: event.partner_id,
        document_type: event.document_type,
        ordering_key: event.ordering_key,
    }
}
