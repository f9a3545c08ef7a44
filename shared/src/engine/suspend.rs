//! Suspension: a target that keeps failing costs one probe at a time, and nothing else.
//!
//! The probe is the first event that waits: sent alone, again and again, with growing delays. Everything else of
//! the route that is still in the queue is parked as it turns up, and what is published meanwhile stays in the log.

use std::time::Duration;

use super::EngineError;
use super::deliver::{Batch, Deliverer, Health};
use super::dispatch::deliver_messages;
use super::lifecycle::{SEAM, stop_route};
use super::settle::Settlement;
use crate::domain::integration::LogAction;
use crate::domain::suspension::is_hopeless;
use crate::queue::{Head, Queue};
use crate::store::StoreError;

impl Deliverer {
    /// Suspends the route of a batch that failed once too often, if there is an event to probe it with.
    pub(super) async fn suspend(&self, batch: &Batch<'_>, mut settlement: Settlement) -> Result<(), EngineError> {
        let (head, now) = (&batch.message.head, self.ports.now());
        let mut route = batch.route.clone();
        let Some((probe, attempt)) = settlement.take_first() else {
            return settlement.carry_out(self, head, now).await;
        };
        if !route.suspend(now, now.plus(SEAM)) {
            settlement.put_back(probe, attempt);
            return settlement.carry_out(self, head, now).await;
        }
        match self.routes.update(&head.scope, &mut route).await {
            // Somebody else suspended, stopped or changed it first: go on as ever.
            Err(StoreError::Conflict) => {
                settlement.put_back(probe, attempt);
                return settlement.carry_out(self, head, now).await;
            }
            other => other?,
        }
        let delay = self.suspension.probes.before(0);
        let failure = settlement.failure().to_owned();
        let probing = Head { attempt, probe: Some(0), turn: None, in_turn: None, ..head.clone() };
        self.queues.send(Queue::Deliver, deliver_messages(&probing, vec![probe], delay)?).await?;
        settlement.wait_all();
        settlement.carry_out(self, head, now).await?;
        let note = |action, reason: String| async move {
            self.journal.note(&head.scope, &head.route, action, &reason, now).await
        };
        note(LogAction::RetryTriggered, format!("{failure}: again, alone, in {} s", delay.as_secs())).await?;
        let reason = format!("{failure}: it failed too often in a row; it is only probed until it answers");
        Ok(note(LogAction::IntegrationSuspended, reason).await?)
    }

    /// What follows a probe: back to life, the next probe, or the end of the route.
    pub(super) async fn after_probe(
        &self,
        batch: &Batch<'_>,
        number: u32,
        health: Health,
        mut settlement: Settlement,
    ) -> Result<(), EngineError> {
        let (head, now) = (&batch.message.head, self.ports.now());
        if health == Health::Answering {
            settlement.carry_out(self, head, now).await?;
            return self.resume(batch).await;
        }
        let Some((event, _)) = settlement.take_first().or_else(|| settlement.take_dead()) else { return Ok(()) };
        if is_hopeless(batch.route.suspended_at, now) {
            let reason = "Its target did not answer for five days.";
            stop_route(&self.routes, &self.journal, &self.ports, &head.scope, batch.route, reason).await?;
            let waiting = Head { probe: None, ..head.clone() };
            for message in deliver_messages(&waiting, vec![event], Duration::ZERO)? {
                self.park(&waiting, message.body).await?;
            }
            return Ok(());
        }
        // Probes are no attempts of the event: it keeps its number.
        let next = Head { probe: Some(number.saturating_add(1)), turn: None, ..head.clone() };
        let delay = self.suspension.probes.before(number.saturating_add(1));
        Ok(self.queues.send(Queue::Deliver, deliver_messages(&next, vec![event], delay)?).await?)
    }

    /// Brings a suspended route back: new events live at once, and what waited by replay.
    async fn resume(&self, batch: &Batch<'_>) -> Result<(), EngineError> {
        let (head, now) = (&batch.message.head, self.ports.now());
        let mut route = batch.route.clone();
        route.start(now, now.plus(SEAM));
        match self.routes.update(&head.scope, &mut route).await {
            // Its user stopped or started it in this moment: that stands.
            Err(StoreError::Conflict) => return self.wake(head).await,
            other => other?,
        }
        let reason = "Its target answered a probe; what waited is being sent.";
        self.journal.note(&head.scope, &head.route, LogAction::IntegrationResumed, reason, now).await?;
        self.wake(head).await
    }
}
