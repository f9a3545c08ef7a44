//! Replay: sends a route what it did not get live: parked messages, and ranges of the log.
//!
//! A stretch is what one delivery message holds. Its events are sent in order, and the next stretch follows its end, so
//! the log arrives in its order. Stretches are numbered: of two messages that would follow the same one, one does.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use crate::deadline::Deadline;
use crate::domain::activity::Activity;
use crate::domain::chunk::{MAX_RAW_BYTES, raw_size};
use crate::domain::event::Event;
use crate::domain::export::Position;
use crate::domain::ids::ChunkId;
use crate::domain::ordering::Placed;
use crate::domain::route::{Route, Span, Way};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::engine::EngineError;
use crate::engine::each::each;
use crate::engine::edges::Edges;
use crate::engine::matching::asked_for;
use crate::engine::messages::{DeliverMessage, Delivery, MAX_PACK_EVENTS, Recipient, ReplayMessage, Step, Task};
use crate::ports::Ports;
use crate::queue::{self, Outgoing, Queue, Queues};
use crate::store::journal::Journal;
use crate::store::log::EventLog;
use crate::store::parked::ParkingLot;
use crate::store::reader::Direction;
use crate::store::routes::{Compiled, Routes};

/// Chunks read before progress is recorded, whatever matches.
const STEP_CHUNKS: usize = 500;
/// The longest that a step takes; it ends before the call does.
const STEP: Duration = Duration::from_secs(20);
/// Steps of one worker call; the rest is left to the next.
const STEPS: usize = 5;
/// The pause between two calls for a route that find much to read and nothing to send.
const PAUSE: Duration = Duration::from_secs(1);
/// A stretch that has not ended by then is not waited for: its message may be lost.
const LOST_AFTER: Duration = Duration::from_secs(900);
/// How often, and how many times, to look for what another worker is about to record.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
const LOOKS: usize = 100;

/// Sends ranges of the log.
#[derive(Clone)]
pub struct Replay {
    pub(crate) routes: Routes,
    pub(crate) log: EventLog,
    pub(crate) parked: ParkingLot,
    pub(crate) journal: Journal,
    pub(crate) queues: Queues,
    pub(crate) edges: Edges,
    pub(crate) grace: Duration,
    pub(crate) ports: Ports,
}

/// How a step ended.
enum Outcome {
    /// There is more, and it can be sent now.
    More,
    /// There is more, but the log may still change there.
    Later,
    /// A stretch is on its way; the next one follows its end.
    Sent,
    /// Nothing is left, or the route does not run, or another worker has continued.
    Done,
}

impl Replay {
    /// Has a route's backlog sent; with `after`, only if that is the last stretch that was sent.
    pub(super) async fn request(&self, to: &Recipient, after: Option<u64>) -> Result<(), EngineError> {
        let message = ReplayMessage { to: to.clone(), after };
        Ok(self.queues.send(Queue::Replay, vec![Outgoing::json(&message, Duration::ZERO)?]).await?)
    }

    /// Keeps a delivery message until its route runs again.
    pub(super) async fn park(&self, to: &Recipient, text: String) -> Result<(), EngineError> {
        self.parked.park(&to.scope, &to.route, text, self.ports.now()).await?;
        // The route may have started between our look and the parking: then no other worker would fetch this message.
        let snapshot = self.routes.snapshot(&to.scope).await?;
        let runs = snapshot.by_uid(&to.route).is_some_and(|compiled| compiled.route.is_running());
        if runs { self.request(to, None).await } else { Ok(()) }
    }

    /// Notes that a route's user asked for a range again, and has it sent.
    pub(crate) async fn requested(&self, to: &Recipient, (from, to_time): (Millis, Millis)) -> Result<(), EngineError> {
        let activity = Activity::ReplayRequested { from, to: to_time };
        self.journal.note(&to.scope, &to.route, &activity, self.ports.now()).await?;
        self.request(to, None).await
    }

    /// Works on the routes of one worker call; gives the places of the messages that failed.
    pub async fn run(&self, messages: &[String], deadline: Deadline) -> Vec<usize> {
        each(messages, "replay", |text| self.message(text, deadline)).await
    }

    async fn message(&self, text: &str, deadline: Deadline) -> Result<(), EngineError> {
        let mut message: ReplayMessage = queue::read(text)?;
        let mut outcome = Outcome::More;
        for _ in 0..STEPS {
            if !deadline.allows(STEP) {
                break;
            }
            outcome = self.step(&mut message, deadline).await?;
            if !matches!(outcome, Outcome::More) {
                break;
            }
        }
        let delay = match outcome {
            Outcome::More => PAUSE,
            Outcome::Later => self.grace,
            Outcome::Sent => LOST_AFTER,
            Outcome::Done => return Ok(()),
        };
        Ok(self.queues.send(Queue::Replay, vec![Outgoing::json(&message, delay)?]).await?)
    }

    /// Sends what is next; from then on the message stands for what follows it.
    async fn step(&self, message: &mut ReplayMessage, deadline: Deadline) -> Result<Outcome, EngineError> {
        let Some((compiled, route)) = self.to_continue(message).await? else { return Ok(Outcome::Done) };
        let (to, route) = (&message.to, &route);
        message.after = Some(route.state.stretches());
        if let Some(outcome) = self.unpark(to, route.state.stretches()).await? {
            return Ok(outcome);
        }
        let Some(span) = route.state.backlog().first() else { return self.go_live(&to.scope, route).await };
        let limit = span.to.min(self.ports.now().minus(self.grace));
        let (events, rest) = self.read(&to.scope, &compiled, span, limit, deadline).await?;
        let (places, events): (Vec<Position>, Vec<Event>) = events.into_iter().unzip();
        let end = rest.unwrap_or(Position::at(limit));
        let number = route.state.stretches() + 1;
        let delivery = Delivery { step: Step::Stretch { number }, replay: span.replay, reserved_at: None };
        let Some((stretch, count)) = DeliverMessage::first_delivery(to, &delivery, events)? else {
            self.advance(&to.scope, route, span, end, false).await?;
            return Ok(if rest.is_some() || limit == span.to { Outcome::More } else { Outcome::Later });
        };
        self.queues.send(Queue::Deliver, vec![stretch]).await?;
        let next = places.get(count).copied().unwrap_or(end);
        self.advance(&to.scope, route, span, next, true).await?;
        message.after = Some(number);
        Ok(Outcome::Sent)
    }

    /// Makes a route live whose history is over, if it had one: what was logged meanwhile is its backlog then.
    async fn go_live(&self, scope: &Scope, route: &Route) -> Result<Outcome, EngineError> {
        if route.state.not_live_since().is_none() {
            return Ok(Outcome::Done);
        }
        let go_live = |route: &mut Route| route.state.backlog().is_empty() && route.go_live(self.edges.next());
        if let Some(route) = self.routes.change(scope, &route.key(), go_live).await? {
            self.edges.keep(scope, route).await?;
        }
        // Whatever became of it, it is looked at anew.
        Ok(Outcome::More)
    }

    /// The route as matching knows it and as it is now, if it runs and the message is the one that continues with it.
    async fn to_continue(&self, message: &ReplayMessage) -> Result<Option<(Arc<Compiled>, Route)>, EngineError> {
        for _ in 0..LOOKS {
            let snapshot = self.routes.snapshot(&message.to.scope).await?;
            let Some(compiled) = snapshot.by_uid(&message.to.route) else { return snapshot.gone().map(|()| None) };
            if !compiled.route.is_running() || compiled.route.way != Way::Live {
                return Ok(None);
            }
            let route = self.routes.get(&message.to.scope, &compiled.route.key()).await?;
            let Some(route) = route.filter(Route::is_running) else { return Ok(None) };
            let stretches = route.state.stretches();
            match stretches.cmp(&message.after.unwrap_or(stretches)) {
                Ordering::Equal => return Ok(Some((Arc::clone(compiled), route))),
                Ordering::Greater => return Ok(None),
                // It arrived before its sender had recorded the stretch.
                Ordering::Less => self.ports.wait_until(self.ports.now().plus(LOOK_AGAIN)).await,
            }
        }
        // Its sender was interrupted; the sender's own message comes again.
        Ok(None)
    }

    /// Puts some parked messages back on their way; `None` if there is none. If the last stretch is among them, the rest
    /// follows its end.
    async fn unpark(&self, to: &Recipient, last: u64) -> Result<Option<Outcome>, EngineError> {
        let mut outcome = None;
        for one in self.parked.oldest(&to.scope, &to.route).await? {
            let is_last = stretch_of(&one.message) == Some(last);
            let (body, group) = (one.message.clone(), Some(to.route.clone()));
            let message = Outgoing { body, delay: Duration::ZERO, group };
            self.queues.send(Queue::Deliver, vec![message]).await?;
            self.parked.forget(&to.scope, &to.route, &one).await?;
            if is_last {
                return Ok(Some(Outcome::Sent));
            }
            outcome = Some(Outcome::More);
        }
        Ok(outcome)
    }

    /// The next events of a span that the route asks for: at least what one message holds, and where to continue after
    /// them if that is before `limit`.
    async fn read(
        &self,
        scope: &Scope,
        compiled: &Arc<Compiled>,
        span: &Span,
        limit: Millis,
        deadline: Deadline,
    ) -> Result<(Vec<Placed>, Option<Position>), EngineError> {
        let mut reader = self.log.read(scope, span.from, ChunkId::floor(limit), Direction::OldestFirst);
        let (mut events, mut bytes, mut chunks) = (Vec::new(), 0, 0);
        while let Some((chunk, content)) = reader.next().await? {
            let enough = events.len() >= MAX_PACK_EVENTS || bytes >= MAX_RAW_BYTES;
            if enough || chunks >= STEP_CHUNKS || !deadline.allows(STEP / 2) {
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

    /// Records how far a span has come, whatever else changes about the route meanwhile.
    async fn advance(
        &self,
        scope: &Scope,
        route: &Route,
        span: &Span,
        upto: Position,
        sent: bool,
    ) -> Result<(), EngineError> {
        self.routes.progress(scope, &route.key(), |route| route.pass(span, upto, sent)).await?;
        Ok(())
    }
}

/// The number of the stretch that a parked message is.
fn stretch_of(message: &str) -> Option<u64> {
    let message: DeliverMessage = queue::read(message).ok()?;
    match message.task {
        Task::Deliver { delivery, .. } => delivery.stretch(),
        Task::Wake | Task::CheckPromise { .. } | Task::CheckWaiting { .. } | Task::SendReceipt { .. } => None,
    }
}
