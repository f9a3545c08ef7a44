//! Replay: sends a route what it did not get live: what was parked, and stretches of the log.
//!
//! A stretch is what one delivery message holds. Its events are sent in turn, and its end has the next one follow, so
//! the log arrives in its order. Stretches are numbered: of two messages that would follow the same one, one does.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::EngineError;
use super::dispatch::{MAX_PACK_EVENTS, first_message};
use super::lifecycle::SEAM;
use super::matching::asked_for;
use crate::domain::chunk::{MAX_RAW_BYTES, raw_size};
use crate::domain::event::Event;
use crate::domain::export::Position;
use crate::domain::ids::ChunkId;
use crate::domain::ordering::Placed;
use crate::domain::route::{Route, RouteStatus, Span};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::ports::Ports;
use crate::queue::{Head, Outgoing, Queue, Queues, ReplayMessage};
use crate::store::StoreError;
use crate::store::log::EventLog;
use crate::store::parked::ParkingLot;
use crate::store::reader::Direction;
use crate::store::routes::{Compiled, Routes};

/// Chunks read before progress is written down, whatever matches.
const STEP_CHUNKS: usize = 500;
/// Steps of one worker call; the rest goes to the next.
const STEPS: usize = 5;
/// How often progress is written again after somebody else's write.
const TRIES: usize = 8;
/// Between two calls for one route that find much to read and nothing to send.
const BREATH: Duration = Duration::from_secs(1);
/// A stretch that has not come to its end by then is not waited for: its message may be lost.
const LOST: Duration = Duration::from_secs(900);
/// How often, and how many times, we look for what another worker is about to write down.
const GLANCE: Duration = Duration::from_millis(50);
const GLANCES: usize = 100;

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
    /// A stretch is on its way, and its end has the next one follow.
    Sent,
    /// Nothing is left, or the route does not run, or somebody else has gone on.
    Done,
}

/// What a parked delivery message is looked at for.
#[derive(Deserialize)]
struct ParkedHead {
    head: Head,
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
        let mut message: ReplayMessage = serde_json::from_str(text)?;
        let mut step = Step::More;
        for _ in 0..STEPS {
            step = self.step(&mut message).await?;
            if !matches!(step, Step::More) {
                break;
            }
        }
        let delay = match step {
            Step::More => BREATH,
            Step::Later => self.grace,
            Step::Sent => LOST,
            Step::Done => return Ok(()),
        };
        Ok(self.queues.send(Queue::Replay, vec![Outgoing::json(&message, delay)?]).await?)
    }

    /// Sends what is next; from then on the message stands for going on after it.
    async fn step(&self, message: &mut ReplayMessage) -> Result<Step, EngineError> {
        let Some(compiled) = self.wanted(message).await? else { return Ok(Step::Done) };
        let (scope, uid, route) = (&message.scope, &message.route, &compiled.route);
        message.after = Some(route.stretches);
        if let Some(step) = self.unpark(scope, uid, route.stretches).await? {
            return Ok(step);
        }
        let Some(span) = route.backlog.first() else { return self.go_live(scope, route.clone()).await };
        let limit = span.to.min(self.ports.now().minus(self.grace));
        let (events, rest) = self.read(scope, &compiled, span, limit).await?;
        let (places, events): (Vec<Position>, Vec<Event>) = events.into_iter().unzip();
        let end = rest.unwrap_or(Position::at(limit));
        let number = route.stretches + 1;
        let head = Head { again: span.again, in_turn: Some(number), ..Head::first(scope, uid) };
        let Some((stretch, count)) = first_message(&head, events)? else {
            self.advance(scope, &compiled, span, end, false).await?;
            return Ok(if rest.is_some() || limit == span.to { Step::More } else { Step::Later });
        };
        self.queues.send(Queue::Deliver, vec![stretch]).await?;
        let next = places.get(count).copied().unwrap_or(end);
        self.advance(scope, &compiled, span, next, true).await?;
        message.after = Some(number);
        Ok(Step::Sent)
    }

    /// Has a route go live whose history is over, if it had one: what was logged meanwhile is its backlog then.
    async fn go_live(&self, scope: &Scope, mut route: Route) -> Result<Step, EngineError> {
        if !route.go_live(self.ports.now().plus(SEAM)) {
            return Ok(Step::Done);
        }
        match self.routes.update(scope, &mut route).await {
            // Somebody changed it meanwhile: it is looked at anew.
            Ok(()) | Err(StoreError::Conflict) => Ok(Step::More),
            Err(error) => Err(error.into()),
        }
    }

    /// The route, if it runs and the message is the one to go on with it.
    async fn wanted(&self, message: &ReplayMessage) -> Result<Option<Arc<Compiled>>, EngineError> {
        for _ in 0..GLANCES {
            let snapshot = self.routes.snapshot(&message.scope).await?;
            let running = snapshot.by_uid(&message.route).filter(|c| c.route.status == RouteStatus::Running);
            let Some(compiled) = running else { return Ok(None) };
            match compiled.route.stretches.cmp(&message.after.unwrap_or(compiled.route.stretches)) {
                Ordering::Equal => return Ok(Some(Arc::clone(compiled))),
                Ordering::Greater => return Ok(None),
                // It arrived before whoever sent it had written so down.
                Ordering::Less => self.ports.wait_until(self.ports.now().plus(GLANCE)).await,
            }
        }
        // Whoever sent it broke off, and comes again.
        Ok(None)
    }

    /// Puts some parked messages back on their way; `None` where there is none. If the last stretch is among them, its
    /// end has the rest follow.
    async fn unpark(&self, scope: &Scope, uid: &str, last: u64) -> Result<Option<Step>, EngineError> {
        let mut step = None;
        for one in self.parked.oldest(scope, uid).await? {
            let head = serde_json::from_str(&one.message).map(|ParkedHead { head }| head);
            let is_last = head.is_ok_and(|head| head.in_turn == Some(last));
            let message = Outgoing { body: one.message.clone(), delay: Duration::ZERO };
            self.queues.send(Queue::Deliver, vec![message]).await?;
            self.parked.forget(scope, uid, &one).await?;
            if is_last {
                return Ok(Some(Step::Sent));
            }
            step = Some(Step::More);
        }
        Ok(step)
    }

    /// The next events of a span that the route asks for: at least what one message holds, and where to go on after
    /// them if that is before `limit`.
    async fn read(
        &self,
        scope: &Scope,
        compiled: &Arc<Compiled>,
        span: &Span,
        limit: Millis,
    ) -> Result<(Vec<Placed>, Option<Position>), EngineError> {
        let mut reader = self.log.read(scope, span.from, ChunkId::floor(limit), Direction::OldestFirst);
        let (mut events, mut bytes, mut chunks) = (Vec::new(), 0, 0);
        while let Some((chunk, content)) = reader.next().await? {
            if events.len() >= MAX_PACK_EVENTS || bytes >= MAX_RAW_BYTES || chunks >= STEP_CHUNKS {
                return Ok((events, Some(Position { chunk, index: 0 })));
            }
            chunks += 1;
            for (index, event) in asked_for(content, compiled).await? {
                let place = Position { chunk, index };
                if place >= span.start() {
                    bytes += raw_size(&event);
                    events.push((place, event));
                }
            }
        }
        Ok((events, None))
    }

    /// Writes down how far a span has come, whatever else changes about the route meanwhile.
    async fn advance(
        &self,
        scope: &Scope,
        compiled: &Compiled,
        span: &Span,
        upto: Position,
        sent: bool,
    ) -> Result<(), EngineError> {
        let mut route = compiled.route.clone();
        for _ in 0..TRIES {
            if !route.pass(span, upto, sent) {
                return Ok(());
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
