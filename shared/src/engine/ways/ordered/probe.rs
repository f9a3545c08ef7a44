//! Probes of a suspended ordered route: the event that is furthest behind is sent alone, when its time has come.

use std::sync::Arc;
use std::time::Duration;

use super::run::Run;
use crate::domain::activity::Failure;
use crate::domain::ordering::{End, Progress};
use crate::domain::time::Millis;
use crate::engine::EngineError;
use crate::store::ordered::Lease;

impl Run {
    /// Suspends the route: from here on it gets one probe at a time.
    pub(super) async fn suspend(&self, progress: &mut Progress, failure: &Failure) -> Result<(), EngineError> {
        let suspended =
            self.ordered.health.suspend(&self.to.scope, &self.compiled.route, &failure.target, &failure.reason);
        let Some(delay) = suspended.await? else { return Ok(()) };
        self.halt();
        self.next_probe(progress, 0, delay).await
    }

    async fn next_probe(&self, progress: &mut Progress, number: u32, delay: Duration) -> Result<(), EngineError> {
        (progress.probes, progress.probe_at) = (number, self.ordered.ports.now().plus(delay));
        self.ordered.waker.wake_after(&self.to, delay).await
    }

    /// Probes the target, if it is time. `true` if it responded: then the route runs again.
    pub(super) async fn probe(self: &Arc<Self>, lease: &mut Lease) -> Result<bool, EngineError> {
        let (health, progress) = (&self.ordered.health, &mut lease.progress);
        if self.ordered.ports.now() < progress.probe_at {
            return Ok(false); // Another wake-up is on its way.
        }
        if progress.lanes.is_empty() {
            self.take_up(progress).await?;
        }
        let (scope, route) = (&self.to.scope, &self.compiled.route);
        if let Some(name) = progress.oldest() {
            let mut job = self.lane_job(progress, &name, 1).await?;
            // Probes are not attempts of the event: it keeps its number, and is not given up.
            let attempt = std::mem::replace(&mut job.attempt, 1);
            let ran = Arc::clone(self).work(job).await?;
            let end = match ran.end {
                End::Held { at, .. } => End::Held { at, attempt, not_before: Millis::ZERO },
                through @ End::Through { .. } => through,
            };
            progress.ended(&name, end);
            if ran.gone {
                self.halt();
                health.gone(scope, route).await?;
                return Ok(false);
            }
            if !ran.tally.responded && ran.failure.is_some() {
                let number = progress.probes.saturating_add(1);
                if let Some(delay) = health.probe_failed(scope, route, progress.probes).await? {
                    self.next_probe(progress, number, delay).await?;
                }
                return Ok(false);
            }
        }
        health.resume(scope, route).await?;
        // No message announces the events logged while the route was suspended.
        self.ordered.waker.wake_once_settled(&self.to).await?;
        Ok(true)
    }
}
