//! Schedules: when they are due, and the runs that follow.
//!
//! A due time's run has an id that follows from it, and the schedule moves on after its run is recorded: whatever is
//! repeated, a due time has one run. What was due while nothing worked is made up for by one run.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::Pipelines;
use crate::domain::pipeline::config::Config;
use crate::domain::pipeline::cron::Cron;
use crate::domain::pipeline::instance::EffectiveStatus;
use crate::domain::pipeline::run::{Job, Run, Status, Trigger};
use crate::domain::pipeline::schedule::{Due, Schedule};
use crate::domain::pipeline::zone::ZoneName;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::engine::EngineError;
use crate::engine::messages::SyncMessage;
use crate::engine::tick::{AHEAD, NEVER};
use crate::queue::{Outgoing, Queue};
use crate::store::StoreError;

/// A run of which nothing was heard for so long has lost its message.
const LOST: Duration = Duration::from_secs(3_600);

/// Fires schedules.
#[derive(Clone)]
pub struct Scheduler {
    pub(crate) pipelines: Pipelines,
}

impl Scheduler {
    /// The next time at which a schedule is due.
    #[must_use]
    pub fn next(schedule: &Schedule, after: Millis) -> Option<Millis> {
        let cron = Cron::parse(&schedule.cron).ok()?;
        cron.next(&ZoneName::parse(&schedule.time_zone).ok()?, after)
    }

    /// Takes note of a schedule that was made or changed.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn arm(&self, scope: &Scope, schedule: &Config<Schedule>) -> Result<Due, EngineError> {
        let dues = &self.pipelines.stores.dues;
        let now = self.pipelines.ports.now();
        let known = dues.get(scope, &schedule.id).await?;
        // What is due already is worked on still.
        let due = known.as_ref().map(|known| known.next).filter(|next| *next <= now);
        let next = due.or_else(|| Self::next(&schedule.body, now)).filter(|_| schedule.body.enabled).unwrap_or(NEVER);
        let (last, last_run) = known.map_or((None, None), |known| (known.last, known.last_run));
        let due = Due { scope: scope.clone(), schedule: schedule.id.clone(), next, last, last_run };
        dues.set(&due).await?;
        Ok(due)
    }

    /// Asks for the runs that are due before the next tick.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn tick(&self, now: Millis) -> Result<(), EngineError> {
        let dues = self.pipelines.stores.dues.all().await?;
        let messages = dues.into_iter().filter(|due| due.next <= now.plus(AHEAD)).map(|due| {
            let Due { scope, schedule, next: at, .. } = due;
            Outgoing::json(&SyncMessage::Due { scope, schedule, at }, at.since(now))
        });
        let messages: Result<Vec<Outgoing>, _> = messages.collect();
        Ok(self.pipelines.queues.send(Queue::Sync, messages?).await?)
    }

    /// Starts the run of a due time, and moves the schedule on.
    pub(super) async fn fire(&self, scope: &Scope, id: &str, at: Millis) -> Result<(), EngineError> {
        let stores = &self.pipelines.stores;
        let Some(due) = stores.dues.get(scope, id).await?.filter(|due| due.next == at) else { return Ok(()) };
        let Some(schedule) = stores.schedules.get(scope, id).await? else {
            return Ok(stores.dues.forget(scope, id).await?);
        };
        let now = self.pipelines.ports.now();
        let mut run = run(scope, &schedule, at, now);
        if !self.is_wanted(scope, &schedule).await? {
            // It would only fail, each time.
            run.end(Status::Skipped, None, now);
        } else if self.is_busy(scope, &due).await? {
            run.end(Status::Skipped, Some("The run before was still under way.".to_owned()), now);
            match stores.runs.create(scope, &run).await {
                Ok(()) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        } else {
            self.pipelines.start(scope, &run).await?;
        }
        let next = Self::next(&schedule.body, now.max(at)).filter(|_| schedule.body.enabled).unwrap_or(NEVER);
        let last_run = if run.status == Status::Skipped { due.last_run } else { Some(run.id) };
        let moved = Due { next, last: Some(at), last_run, ..due };
        match stores.dues.advance(&moved, at).await {
            // It was changed, or another worker has moved it on.
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the schedule's instance runs.
    async fn is_wanted(&self, scope: &Scope, schedule: &Config<Schedule>) -> Result<bool, EngineError> {
        let instance = self.pipelines.instance(scope, &schedule.body.instance_id).await?;
        let Some(instance) = instance.filter(|_| schedule.body.enabled) else { return Ok(false) };
        Ok(self.pipelines.standing(scope, &instance.body).await?.status == EffectiveStatus::Active)
    }

    /// Whether the schedule's last run is still under way.
    async fn is_busy(&self, scope: &Scope, due: &Due) -> Result<bool, EngineError> {
        let Some(last) = &due.last_run else { return Ok(false) };
        let run = self.pipelines.stores.runs.get(scope, last).await?;
        let Some(run) = run.filter(|run| !run.status.is_over()) else { return Ok(false) };
        if self.pipelines.ports.now().since(run.updated_at) > LOST {
            // Its message is gone.
            self.pipelines.wake(scope, &run.id, Duration::ZERO).await?;
        }
        Ok(true)
    }
}

/// The run of a due time.
fn run(scope: &Scope, schedule: &Config<Schedule>, at: Millis, now: Millis) -> Run {
    let digest = Sha256::new().chain_update(format!("{scope}#{}#{}", schedule.id, at.0)).finalize();
    let id = format!("sync_{:012x}{}", at.0, hex::encode(&digest[..10]));
    let Schedule { instance_id, entity_type, mode, .. } = &schedule.body;
    let job = Job::Sync { mode: *mode, source_ids: Vec::new(), window: None };
    let mut run = Run::new(id, instance_id, entity_type, (Trigger::Schedule, job), now);
    run.schedule = Some(schedule.id.clone());
    run
}
