//! Replay: sends a route what it did not get live: what was parked, and stretches of the log.

use std::sync::Arc;
use std::time::Duration;

use super::EngineError;
use super::dispatch::deliver_messages;
use super::matching::matching;
use crate::domain::event::Event;
use crate::domain::ids::ChunkId;
use crate::domain::route::{RouteStatus, Span};
use crate::domain::scope::Scope;
use crate::ports::Ports;
use crate::queue::{Head, Outgoing, Queue, Queues, ReplayMessage};
use crate::store::StoreError;
use crate::store::log::EventLog;
use crate::store::parked::ParkingLot;
use crate::store::reader::Direction;
use crate::store::routes::{Compiled, Routes};

/// Events sent before progress is written down.
const STEP_EVENTS: usize = 1_000;
/// Chunks read before progress is written down, whatever matches.
const STEP_CHUNKS: usize = 500;
/// Steps of one worker call; the rest goes to the next.
const STEPS: usize = 5;
/// How often progress is written again after somebody else's write.
const TRIES: usize = 8;
/// Between two calls for one route: what waited comes at up to 5,000 events a second, beside what is live.
const BREATH: Duration = Duration::from_secs(1);

/// Sends stretches of the log.
#[derive(Clone)]
pub struct Replayer {
    pub(crate) routes: Routes,
    pub(crate) log: EventLog,
    pub(crate) parked: ParkingLot,
    pub(crate) queues: Queues,
    pub(crate) grace: Duration,
    pub(crate) ports: Ports,
}

/// How a step ended.
enum Step {
    /// There is more, and it can be sent now.
    More,
    /// There is more, but the log may still change there.
    Later,
    /// Nothing is left, or the route does not run.
    Done,
}

impl Replayer {
    /// Works on the routes of one worker call; gives back which messages failed, by place.
    pub async fn run(&self, messages: &[String]) -> Vec<usize> {
        let mut failed = Vec::new();
        for (place, text) in messages.iter().enumerate() {
            if let Err(error) = self.message(text).await {
                tracing::error!(%error, "replay failed");
                failed.push(place);
            }
        }
        failed
    }

    async fn message(&self, text: &str) -> Result<(), EngineError> {
        let message: ReplayMessage = serde_json::from_str(text)?;
        let mut step = Step::More;
        for _ in 0..STEPS {
            step = self.step(&message.scope, &message.route).await?;
            if !matches!(step, Step::More) {
                break;
            }
        }
        let delay = match step {
            Step::More => BREATH,
            Step::Later => self.grace,
            Step::Done => return Ok(()),
        };
        Ok(self.queues.send(Queue::Replay, vec![Outgoing::json(&message, delay)?]).await?)
    }

    async fn step(&self, scope: &Scope, uid: &str) -> Result<Step, EngineError> {
        let snapshot = self.routes.snapshot(scope).await?;
        let Some(compiled) = snapshot.by_uid(uid) else { return Ok(Step::Done) };
        if compiled.route.status != RouteStatus::Running {
            return Ok(Step::Done);
        }
        if self.unpark(scope, uid).await? {
            return Ok(Step::More);
        }
        let Some(span) = compiled.route.backlog.first() else { return Ok(Step::Done) };
        let limit = span.to.min(self.ports.now().minus(self.grace));
        let (events, next) = self.read(scope, compiled, span, limit).await?;
        let head = Head { again: span.again, ..Head::first(scope, uid) };
        let messages = deliver_messages(&head, events, Duration::ZERO)?;
        self.queues.send(Queue::Deliver, messages).await?;
        self.advance(scope, compiled, span, next.unwrap_or(ChunkId::floor(limit))).await?;
        Ok(if next.is_some() || limit == span.to { Step::More } else { Step::Later })
    }

    /// Puts some parked messages back on their way; `false` where none is left.
    async fn unpark(&self, scope: &Scope, uid: &str) -> Result<bool, EngineError> {
        let parked = self.parked.oldest(scope, uid).await?;
        for one in &parked {
            let message = Outgoing { body: one.message.clone(), delay: Duration::ZERO };
            self.queues.send(Queue::Deliver, vec![message]).await?;
            self.parked.forget(scope, uid, one).await?;
        }
        Ok(!parked.is_empty())
    }

    /// The next events of a span that the route asks for, and where to go on if that is before `limit`.
    async fn read(
        &self,
        scope: &Scope,
        compiled: &Arc<Compiled>,
        span: &Span,
        limit: crate::domain::time::Millis,
    ) -> Result<(Vec<Event>, Option<ChunkId>), EngineError> {
        let mut reader = self.log.read(scope, span.from, ChunkId::floor(limit), Direction::OldestFirst);
        let (mut events, mut chunks) = (Vec::new(), 0);
        while let Some((chunk, content)) = reader.next().await? {
            if events.len() >= STEP_EVENTS || chunks >= STEP_CHUNKS {
                return Ok((events, Some(chunk)));
            }
            chunks += 1;
            let matched = matching(content, vec![Arc::clone(compiled)]).await?;
            events.extend(matched.into_iter().filter(|(_, routes)| !routes.is_empty()).map(|(event, _)| event));
        }
        Ok((events, None))
    }

    /// Writes down how far a span has come, whatever else changes about the route meanwhile.
    async fn advance(&self, scope: &Scope, compiled: &Compiled, span: &Span, next: ChunkId) -> Result<(), EngineError> {
        let mut route = compiled.route.clone();
        for _ in 0..TRIES {
            // Cleared, or sent by another worker: then it is not ours to write down.
            let Some(place) = route.backlog.iter().position(|waiting| waiting == span) else { return Ok(()) };
            if next >= ChunkId::floor(span.to) {
                route.backlog.remove(place);
            } else {
                route.backlog[place].from = next.max(span.from);
            }
            match self.routes.update(scope, &mut route).await {
                Err(StoreError::Conflict) => {}
                other => return Ok(other?),
            }
            match self.routes.get(scope, route.kind, &route.id).await? {
                Some(newer) if newer.uid == route.uid => route = newer,
                _ => return Ok(()),
            }
        }
        Err(StoreError::Conflict.into())
    }
}
