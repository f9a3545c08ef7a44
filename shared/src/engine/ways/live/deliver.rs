//! Delivers the events of one message, and sees to each that was not accepted.

use std::time::Duration;

use tokio::sync::OnceCell;

use super::batch::{Batch, Tried};
use super::rate::Waiting;
use super::settle::Settlement;
use super::watch::{Readiness, RouteWatch};
use super::{Live, Work};
use crate::domain::attempt::Verdict;
use crate::domain::chunk;
use crate::domain::event::Event;
use crate::domain::health::{Condition, Tally};
use crate::domain::route::RouteStatus;
use crate::domain::transaction::Outcome;
use crate::engine::EngineError;
use crate::engine::attempted::outcome;
use crate::engine::concurrency::Slot;
use crate::engine::messages::{DeliverMessage, Delivery, Events, Packed, Step, Task};
use crate::queue::Queue;

/// When a message comes again whose route has its share of all workers; at most twice as long.
const NO_ROOM_DELAY: Duration = Duration::from_secs(5);
/// When a message comes again for which there is no concurrency slot.
const NO_SLOT_DELAY: Duration = Duration::from_secs(2);

/// When a message is concluded again for which our own side failed; each further wait is twice as long.
const CONCLUDE_AGAIN: Duration = Duration::from_secs(1);
const MAX_CONCLUDE_WAIT: Duration = Duration::from_secs(8);

/// A message whose events were attempted.
struct Ended {
    tried: Vec<Tried>,
    readiness: Readiness,
    /// The message as it came, and what of it waits under the route's rate.
    whole: Delivery,
    waiting: Option<Waiting>,
    /// What the attempts said about the target, once that is counted.
    condition: OnceCell<Condition>,
}

impl Live {
    /// Delivers a message's events, or puts the message where it waits.
    pub(super) async fn deliver_events(&self, work: Work, mut delivery: Delivery) -> Result<Vec<Outcome>, EngineError> {
        let Work { to, task, snapshot, compiled, deadline } = work;
        let message = DeliverMessage { to, not_before: None, task };
        let to = &message.to;
        if Readiness::of(&snapshot, to, &delivery) != Readiness::Ready {
            self.park_or_probe(&message, &delivery, &compiled.route).await?;
            return Ok(Vec::new());
        }
        let Some(slot) = self.enter(&message).await? else { return Ok(Vec::new()) };
        let mut events = self.events(&message).await?;
        let target = self.courier.target(&to.scope, &compiled.route)?;
        let (spacing, waiting) = self.limit_rate(to, &delivery, &mut events, target.max_per_second()).await?;
        let whole = delivery.clone();
        if waiting.is_some() {
            // What of these has to come again is no longer the end of the stretch.
            delivery.step = Step::Fresh;
        }
        let batch = Batch { to, delivery: &delivery, route: &compiled.route, target, deadline };
        let watch = RouteWatch::new(&self.routes, self.views.sending, to, &delivery);
        let in_order = whole.stretch().is_some();
        let attempts = self.attempt_all(&batch, (spacing, in_order), (&slot, &watch), events);
        let tried = self.shares.during(&to.scope, &slot, attempts).await;
        let ended = Ended { tried, readiness: watch.seen(), whole, waiting, condition: OnceCell::new() };
        self.conclude_at_last(&batch, &ended).await
    }

    /// A slot for the work of a message, which comes again later if there is none.
    pub(super) async fn enter(&self, message: &DeliverMessage) -> Result<Option<Slot>, EngineError> {
        let to = &message.to;
        let slot = self.slots.enter(&to.route).await;
        let has_room = self.shares.has_room(&to.scope, &to.route).await?;
        let slot = slot.filter(|_| has_room);
        if slot.is_none() {
            let delay = if has_room { NO_SLOT_DELAY } else { NO_ROOM_DELAY.mul_f64(1.0 + self.ports.fraction()) };
            self.queues.send(Queue::Deliver, vec![message.outgoing(delay)?]).await?;
        }
        Ok(slot)
    }

    /// Concludes a message, again and again while our own side fails: if the message came again instead, what was
    /// delivered would be sent again with it.
    async fn conclude_at_last(&self, batch: &Batch<'_>, ended: &Ended) -> Result<Vec<Outcome>, EngineError> {
        let mut wait = CONCLUDE_AGAIN;
        loop {
            match self.conclude(batch, ended).await {
                Err(error @ (EngineError::Store(_) | EngineError::Queue(_))) if batch.deadline.left() > 2 * wait => {
                    tracing::warn!(route = batch.to.route, %error, "a message is not concluded yet");
                    tokio::time::sleep(wait).await;
                    wait = (2 * wait).min(MAX_CONCLUDE_WAIT);
                }
                concluded => return concluded,
            }
        }
    }

    pub(super) async fn events(&self, message: &DeliverMessage) -> Result<Vec<Event>, EngineError> {
        match &message.task {
            Task::Wake | Task::CheckPromise { .. } | Task::CheckWaiting { .. } | Task::SendReceipt { .. } => {
                Ok(Vec::new())
            }
            Task::Deliver { events: Events::Inline(Packed(body)), .. } => Ok(chunk::decode(body)?),
            Task::Deliver { events: Events::Chunk { id }, .. } => {
                let events = self.log.chunk(&message.to.scope, *id).await?;
                if events.is_none() {
                    tracing::warn!(route = message.to.route, chunk = %id, "a chunk waited longer than the log keeps it");
                }
                Ok(events.unwrap_or_default())
            }
            Task::Deliver { events: Events::Logged { id }, .. } => {
                Ok(self.finder.find(&message.to.scope, id).await?.into_iter().collect())
            }
        }
    }

    /// Sees to every event that was not accepted, durably, before the message is deleted.
    async fn conclude(&self, batch: &Batch<'_>, ended: &Ended) -> Result<Vec<Outcome>, EngineError> {
        let outcomes = self.see_to_each(batch, ended).await?;
        // What was not tried comes again, and the next stretch after it.
        let complete = ended.tried.iter().all(|one| one.attempt.is_some());
        match (&ended.waiting, batch.delivery.stretch()) {
            (Some(waiting), _) => self.send_waiting(batch.to, &ended.whole, waiting.clone()).await?,
            (None, Some(number)) if complete => self.replay.request(batch.to, Some(number)).await?,
            (None, _) => {}
        }
        Ok(outcomes)
    }

    async fn see_to_each(&self, batch: &Batch<'_>, ended: &Ended) -> Result<Vec<Outcome>, EngineError> {
        let (Batch { to, delivery, route, .. }, now) = (batch, self.ports.now());
        let profile = self.profiles.of(route.retry);
        let mut tally = Tally::default();
        let mut outcomes = Vec::with_capacity(ended.tried.len());
        for Tried { event, attempt } in &ended.tried {
            let Some(attempt) = attempt.as_ref().filter(|attempt| attempt.verdict != Verdict::Settled) else {
                continue;
            };
            tally.add(attempt.verdict);
            outcomes.push(outcome(route, profile, event, (attempt, delivery.attempt()), now));
            let facts = (event, attempt.is_delivered(), delivery.attempt() == 1);
            if let Some((check, delay)) = self.promises.attempted(to, route, facts).await? {
                self.send_after(to, vec![check], delay).await?;
            }
        }
        if ended.readiness == Readiness::Gone {
            return Ok(outcomes);
        }
        self.look_later(batch, &ended.tried).await?;
        // Failures are counted once, however often this is tried.
        let judge = || self.health.judge(&to.scope, &route.uid, tally);
        let condition = *ended.condition.get_or_try_init(judge).await?;
        let mut settlement = Settlement::of(batch, &ended.tried, profile, self.ports.fraction(), now);
        if ended.readiness == Readiness::Waiting {
            settlement.hold_all();
        }
        match delivery.step {
            _ if settlement.gone => {
                self.health.gone(&to.scope, route).await?;
                self.settle(batch, settlement).await?;
            }
            // One that was worked on before, by a worker that died, may have resumed the route and no more.
            Step::Probe { number, .. }
                if route.status() == RouteStatus::Suspended || condition == Condition::Responding =>
            {
                self.after_probe(batch, number, condition, settlement).await?;
            }
            _ if condition == Condition::Failing => self.suspend(batch, settlement).await?,
            _ => self.settle(batch, settlement).await?,
        }
        Ok(outcomes)
    }
}
