//! What an ordered route's failing target leads to: suspension, probes, and the way back.

use std::sync::Arc;
use std::time::Duration;

use super::run::Run;
use crate::domain::integration::LogAction;
use crate::domain::ordering::{End, Progress};
use crate::domain::suspension::is_hopeless;
use crate::domain::time::Millis;
use crate::engine::EngineError;
use crate::engine::lifecycle::stop_route;
use crate::queue::Head;
use crate::store::StoreError;
use crate::store::ordered::Lease;

impl Run {
    async fn note(&self, action: LogAction, reason: &str) -> Result<(), EngineError> {
        let Head { scope, route, .. } = &self.head;
        Ok(self.deliverer.journal.note(scope, route, action, reason, self.deliverer.ports.now()).await?)
    }

    pub(super) async fn note_retry(&self, failure: &str, delay: Duration) -> Result<(), EngineError> {
        let reason = format!("{failure}: again in {:.0} s; what has the same key waits", delay.as_secs_f64());
        self.note(LogAction::RetryTriggered, &reason).await
    }

    /// The target wants nothing any more.
    pub(super) async fn gone(&self) -> Result<(), EngineError> {
        self.halt();
        self.stop("The target answered 410 Gone.").await
    }

    async fn stop(&self, reason: &str) -> Result<(), EngineError> {
        let (deliverer, route) = (&self.deliverer, &self.compiled.route);
        stop_route(&deliverer.routes, &deliverer.journal, &deliverer.ports, &self.head.scope, route, reason).await?;
        Ok(())
    }

    /// Suspends the route: from here on one probe at a time.
    pub(super) async fn suspend(&self, progress: &mut Progress, failure: &str) -> Result<(), EngineError> {
        let (deliverer, now) = (&self.deliverer, self.deliverer.ports.now());
        let mut route = self.compiled.route.clone();
        if let Some(newer) = deliverer.routes.get(&self.head.scope, route.kind, &route.id).await? {
            route = newer;
        }
        if route.uid != self.head.route || !route.suspend(now, now) {
            return Ok(());
        }
        match deliverer.routes.update(&self.head.scope, &mut route).await {
            // Somebody else stopped or changed it first: that stands, and the count goes on.
            Err(StoreError::Conflict) => return Ok(()),
            other => other?,
        }
        self.halt();
        self.next_probe(progress, 0).await?;
        let reason = format!("{failure}: it failed too often in a row; it is only probed until it answers");
        self.note(LogAction::IntegrationSuspended, &reason).await
    }

    async fn next_probe(&self, progress: &mut Progress, number: u32) -> Result<(), EngineError> {
        let delay = self.deliverer.suspension.probes.before(number);
        (progress.probes, progress.probe_at) = (number, self.deliverer.ports.now().plus(delay));
        self.deliverer.caller.call_after(&self.head, delay).await
    }

    /// Sends the event that is furthest behind, alone, if its time has come. `true` where the target answered: then
    /// the route runs again.
    pub(super) async fn probe(self: &Arc<Self>, lease: &mut Lease) -> Result<bool, EngineError> {
        let (now, progress) = (self.deliverer.ports.now(), &mut lease.progress);
        if now < progress.probe_at {
            return Ok(false); // Another call is on its way.
        }
        if progress.lanes.is_empty() {
            self.take_up(progress).await?;
        }
        if let Some(name) = progress.oldest() {
            let mut job = self.lane_job(progress, &name, 1).await?;
            // Probes are no attempts of the event: it keeps its number, and is not given up.
            let attempt = std::mem::replace(&mut job.attempt, 1);
            let ran = Arc::clone(self).work(job).await?;
            let end = match ran.end {
                End::Held { at, .. } => End::Held { at, attempt, not_before: Millis::ZERO },
                through @ End::Through { .. } => through,
            };
            progress.ended(&name, end);
            if ran.gone {
                self.gone().await?;
                return Ok(false);
            }
            if !ran.answered && ran.failure.is_some() {
                if is_hopeless(self.compiled.route.suspended_at, now) {
                    self.stop("Its target did not answer for five days.").await?;
                } else {
                    let number = progress.probes.saturating_add(1);
                    self.next_probe(progress, number).await?;
                }
                return Ok(false);
            }
        }
        self.resume().await
    }

    async fn resume(&self) -> Result<bool, EngineError> {
        let (deliverer, now) = (&self.deliverer, self.deliverer.ports.now());
        let mut route = self.compiled.route.clone();
        route.start(now, now);
        match deliverer.routes.update(&self.head.scope, &mut route).await {
            // Its user stopped or started it in this moment: that stands.
            Err(StoreError::Conflict) => return Ok(true),
            other => other?,
        }
        deliverer.routes.clear_failures(&self.head.scope, &self.head.route).await?;
        let reason = "Its target answered a probe; what waited is being sent.";
        self.note(LogAction::IntegrationResumed, reason).await?;
        Ok(true)
    }
}
