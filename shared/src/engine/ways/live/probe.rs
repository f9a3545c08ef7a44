//! Probes of a suspended route. The probe is the first event that waits: it is sent alone, again and again, with
//! growing delays. Other messages of the route are parked as they turn up, and what is published meanwhile stays in the
//! log.

use std::time::Duration;

use super::Live;
use super::batch::Batch;
use super::settle::Settlement;
use crate::domain::event::Event;
use crate::domain::health::Condition;
use crate::domain::route::Route;
use crate::domain::time::Millis;
use crate::engine::EngineError;
use crate::engine::messages::{DeliverMessage, Delivery, Due, Recipient, Step};
use crate::queue::Queue;

/// How long a worker may take between suspending a route and sending its first probe. After that it counts as dead.
const FIRST_PROBE: Duration = Duration::from_secs(15);
/// When a message comes again that found a route between the two.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

impl Live {
    /// Suspends the route of a batch that failed once too often, if there is an event to probe it with.
    pub(super) async fn suspend(&self, batch: &Batch<'_>, mut settlement: Settlement) -> Result<(), EngineError> {
        let Some((failure, (event, attempt))) = settlement.failure().cloned().zip(settlement.take_first()) else {
            return self.settle(batch, settlement).await;
        };
        let now = self.ports.now();
        match self.health.suspend(&batch.to.scope, batch.route, &failure.target, &failure.reason).await? {
            Some(delay) => {
                self.note_failure(batch.to, failure, delay).await?;
                self.send_probe((batch.to, batch.delivery), event, (0, attempt), delay).await?;
                self.health.probed(&batch.to.scope, batch.route).await?;
                if let Some((look, delay)) = self.promises.suspended(batch.to, batch.route, now).await? {
                    self.send_after(batch.to, vec![look], delay).await?;
                }
                settlement.hold_all();
            }
            // Another worker suspended it, or its user stopped it: go on as before.
            None => settlement.put_back(event, attempt),
        }
        self.settle(batch, settlement).await
    }

    /// Settles a probe: resumes the route, schedules the next probe, or stops the route.
    pub(super) async fn after_probe(
        &self,
        batch: &Batch<'_>,
        number: u32,
        condition: Condition,
        mut settlement: Settlement,
    ) -> Result<(), EngineError> {
        let (to, route) = (batch.to, batch.route);
        if condition == Condition::Responding {
            self.settle(batch, settlement).await?;
            self.health.resume(&to.scope, route).await?;
            return self.replay.request(to, None).await;
        }
        let event = settlement.take_first().map(|(event, _)| event).or_else(|| settlement.take_dead());
        let Some(event) = event else { return Ok(()) };
        // Probes are not attempts of the event: it keeps its number.
        let attempt = batch.delivery.attempt();
        if let Some(delay) = self.health.probe_failed(&to.scope, route, number).await? {
            let next = (number.saturating_add(1), attempt);
            return self.send_probe((to, batch.delivery), event, next, delay).await;
        }
        for message in DeliverMessage::deliveries(to, &batch.delivery.retry(attempt), vec![event], Due::now())? {
            self.replay.park(to, message.body).await?;
        }
        Ok(())
    }

    /// Parks a message that its route does not take now. If the worker that suspended the route died before it sent a
    /// probe, nothing else would ever bring the route back: then the message's first event is the probe.
    pub(super) async fn park_or_probe(
        &self,
        message: &DeliverMessage,
        delivery: &Delivery,
        route: &Route,
    ) -> Result<(), EngineError> {
        let to = &message.to;
        let Some(since) = self.lacks_probe_since(to, route).await? else {
            return self.replay.park(to, message.outgoing(Duration::ZERO)?.body).await;
        };
        if self.ports.now().since(since) < FIRST_PROBE {
            return Ok(self.queues.send(Queue::Deliver, vec![message.outgoing(LOOK_AGAIN)?]).await?);
        }
        let mut events = self.events(message).await?.into_iter();
        if let Some(first) = events.next() {
            let delay = self.health.policy.probes.before(0);
            self.send_probe((to, delivery), first, (0, delivery.attempt()), delay).await?;
            self.health.probed(&to.scope, route).await?;
        }
        for message in DeliverMessage::deliveries(to, delivery, events.collect::<Vec<_>>(), Due::now())? {
            self.replay.park(to, message.body).await?;
        }
        Ok(())
    }

    async fn lacks_probe_since(&self, to: &Recipient, route: &Route) -> Result<Option<Millis>, EngineError> {
        if route.state.lacks_probe_since().is_none() {
            return Ok(None);
        }
        // As it is now: its probe may have been sent since.
        let route = self.routes.get(&to.scope, &route.key()).await?;
        Ok(route.filter(|route| route.uid == to.route).and_then(|route| route.state.lacks_probe_since()))
    }

    async fn send_probe(
        &self,
        (to, delivery): (&Recipient, &Delivery),
        event: Event,
        (number, attempt): (u32, u32),
        delay: Duration,
    ) -> Result<(), EngineError> {
        let probe = delivery.step(Step::Probe { number, attempt });
        let due = Due::after(self.ports.now(), delay);
        let messages = DeliverMessage::deliveries(to, &probe, vec![event], due)?;
        Ok(self.queues.send(Queue::Deliver, messages).await?)
    }
}
