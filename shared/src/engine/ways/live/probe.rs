//! Probes of a suspended route. The probe is the first event that waits: it is sent alone, again and again, with
//! growing delays. Other messages of the route are parked as they turn up, and what is published meanwhile stays in the
//! log.

use std::time::Duration;

use super::Live;
use super::batch::Batch;
use super::settle::Settlement;
use crate::domain::event::Event;
use crate::domain::health::Condition;
use crate::engine::EngineError;
use crate::engine::messages::{DeliverMessage, Due, Step};
use crate::queue::Queue;

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
                self.send_probe(batch, event, (0, attempt), delay).await?;
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
            return self.send_probe(batch, event, (number.saturating_add(1), attempt), delay).await;
        }
        for message in DeliverMessage::deliveries(to, &batch.delivery.retry(attempt), vec![event], Due::now())? {
            self.replay.park(to, message.body).await?;
        }
        Ok(())
    }

    async fn send_probe(
        &self,
        batch: &Batch<'_>,
        event: Event,
        (number, attempt): (u32, u32),
        delay: Duration,
    ) -> Result<(), EngineError> {
        let probe = batch.delivery.step(Step::Probe { number, attempt });
        let due = Due::after(self.ports.now(), delay);
        let messages = DeliverMessage::deliveries(batch.to, &probe, vec![event], due)?;
        Ok(self.queues.send(Queue::Deliver, messages).await?)
    }
}
