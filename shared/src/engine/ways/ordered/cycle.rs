//! The loop of a run: jobs of many keys at once, the events of each key one after the other.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinSet};

use super::job::{BATCH_EVENTS, Ran};
use super::run::Run;
use crate::domain::activity::{Activity, Failure};
use crate::domain::health::{Condition, Tally};
use crate::domain::ordering::Progress;
use crate::domain::route::RouteStatus;
use crate::domain::transaction::Outcome;
use crate::engine::EngineError;
use crate::engine::messages::Recipient;
use crate::store::ordered::Lease;

/// How often a run checks whether its route still runs.
const CHECK_EVERY: Duration = Duration::from_millis(50);
/// How often a run records how far it is: what a crash may send again.
const RECORD_EVERY: Duration = Duration::from_secs(1);

/// The state of a run.
#[derive(Default)]
struct InProgress {
    jobs: JoinSet<Result<Ran, EngineError>>,
    active: HashSet<String>,
    outcomes: Vec<Outcome>,
    tally: Tally,
    failure: Option<Failure>,
}

impl Run {
    /// Sends what there is, records how far it came, and sees to the next wake-up.
    pub(super) async fn go(self: Arc<Self>, mut lease: Lease) -> Result<Vec<Outcome>, EngineError> {
        if self.compiled.route.status() == RouteStatus::Suspended && !self.probe(&mut lease).await? {
            self.ordered.progress.release(lease).await?;
            return Ok(Vec::new());
        }
        let (mut recorded, mut work) = (Instant::now(), InProgress::default());
        let mut checked = None;
        loop {
            let wanted = self.is_wanted(&mut checked).await?;
            let more = wanted && self.begin(&mut lease.progress, &mut work).await?;
            if work.jobs.is_empty() && !more {
                break;
            }
            if let Ok(Some(done)) = tokio::time::timeout(CHECK_EVERY, work.jobs.join_next()).await {
                self.absorb(&mut lease.progress, &mut work, done).await?;
            }
            while let Some(done) = work.jobs.try_join_next() {
                self.absorb(&mut lease.progress, &mut work, done).await?;
            }
            if recorded.elapsed() >= RECORD_EVERY {
                self.judge(&mut lease.progress, &mut work).await?;
                recorded = Instant::now();
                self.ordered.progress.keep(&mut lease, self.ordered.ports.now()).await?;
                self.leased(recorded);
            }
        }
        self.judge(&mut lease.progress, &mut work).await?;
        let due = (!self.is_halted()).then(|| lease.progress.due_at()).flatten();
        self.ordered.progress.release(lease).await?;
        if self.is_over() {
            self.ordered.waker.wake_after(&self.to, Duration::ZERO).await?;
        } else if let Some(due) = due {
            let delay = due.since(self.ordered.ports.now()).max(Duration::from_secs(1));
            self.ordered.waker.wake_after(&self.to, delay).await?;
        }
        Ok(work.outcomes)
    }

    /// Whether anything more may be begun. Checks the route only now and then, for jobs end by the thousand.
    async fn is_wanted(&self, checked: &mut Option<Instant>) -> Result<bool, EngineError> {
        if checked.is_none_or(|at| at.elapsed() >= CHECK_EVERY) {
            *checked = Some(Instant::now());
            let snapshot = self.ordered.routes.snapshot(&self.to.scope).await?;
            if !snapshot.by_uid(&self.to.route).is_some_and(|compiled| compiled.route.is_running()) {
                self.halt();
            }
        }
        Ok(!self.is_halted() && !self.is_over())
    }

    /// Begins jobs: of the lanes that are due, and of what comes next in the log. `false` if there is nothing.
    async fn begin(self: &Arc<Self>, progress: &mut Progress, work: &mut InProgress) -> Result<bool, EngineError> {
        let mut jobs = Vec::new();
        for lane in progress.due(self.ordered.ports.now(), &work.active) {
            jobs.push(self.lane_job(progress, &lane, BATCH_EVENTS).await?);
        }
        let mut more = false;
        if progress.lanes.len() < BATCH_EVENTS {
            let (fresh, goes_on) = self.take_up(progress).await?;
            jobs.extend(fresh);
            more = goes_on;
        }
        more |= !jobs.is_empty();
        for job in jobs {
            work.active.insert(job.lane.clone());
            work.jobs.spawn(Arc::clone(self).work(job));
        }
        Ok(more)
    }

    /// Takes in what a job came to.
    async fn absorb(
        &self,
        progress: &mut Progress,
        work: &mut InProgress,
        done: Result<Result<Ran, EngineError>, JoinError>,
    ) -> Result<(), EngineError> {
        let ran = done.map_err(|_| EngineError::Interrupted)??;
        work.active.remove(&ran.lane);
        progress.ended(&ran.lane, ran.end);
        work.tally.extend(ran.tally);
        work.outcomes.extend(ran.outcomes);
        if let Some((failure, delay)) = ran.failure {
            self.note_failure(&failure, delay).await?;
            work.failure = Some(failure);
        }
        if !ran.gone {
            return Ok(());
        }
        self.halt();
        self.ordered.health.gone(&self.to.scope, &self.compiled.route).await
    }

    pub(super) async fn note_failure(&self, failure: &Failure, delay: Duration) -> Result<(), EngineError> {
        let next_attempt_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        let activity = Activity::DeliveryFailed { failure: failure.clone(), next_attempt_ms };
        let (journal, now) = (&self.ordered.undelivered.journal, self.ordered.ports.now());
        Ok(journal.note(&self.to.scope, &self.to.route, &activity, now).await?)
    }

    /// Suspends the route if its target has failed too often in a row.
    async fn judge(&self, progress: &mut Progress, work: &mut InProgress) -> Result<(), EngineError> {
        let tally = std::mem::take(&mut work.tally);
        let Recipient { scope, route } = &self.to;
        let condition = self.ordered.health.judge(scope, route, tally).await?;
        match work.failure.take() {
            Some(failure) if condition == Condition::Failing && !self.is_halted() => {
                self.suspend(progress, &failure).await
            }
            _ => Ok(()),
        }
    }
}
