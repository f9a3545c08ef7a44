//! The sync worker: carries runs out, a batch at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempt::Stopped;
use super::execute::Results;
use super::ingest::{self, Batch, Reading};
use super::plan::{Obstacle, Parts, Plan};
use super::scheduler::Scheduler;
use super::{Pipelines, SyncMessage};
use crate::connectors::Connectors;
use crate::deep;
use crate::domain::pipeline::batch;
use crate::domain::pipeline::extraction::CursorType;
use crate::domain::pipeline::run::{Job, Mode, Run, Stage, Status};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::engine::EngineError;
use crate::engine::each::each;
use crate::ports::Ports;
use crate::store::StoreError;
use crate::store::pipelines::PipelineStores;

/// How long one worker call works; the rest is left to the next.
const BUDGET: Duration = Duration::from_secs(40);
/// A worker that has written nothing for so long has lost its run. If it goes on, a batch is written twice.
const LEASE: Duration = Duration::from_secs(20);
/// Waits up to this long are waited for in the call.
const SHORT: Duration = Duration::from_secs(5);
/// How long a run waits for a slot.
const NO_SLOT: Duration = Duration::from_secs(5);
/// A run that is not there by then was never recorded.
const LOST_AFTER: Duration = Duration::from_secs(60);

/// Carries runs out.
#[derive(Clone)]
pub struct Runner {
    pub(crate) pipelines: Pipelines,
    pub(crate) scheduler: Scheduler,
    pub(crate) stores: PipelineStores,
    pub(crate) connectors: Connectors,
    pub(crate) ports: Ports,
}

impl Runner {
    /// Works on the messages of one worker call; gives the places of those that failed.
    pub async fn run(&self, messages: &[String]) -> Vec<usize> {
        each(messages, "sync", |text| self.message(text)).await
    }

    async fn message(&self, text: &str) -> Result<(), EngineError> {
        match serde_json::from_str(text)? {
            SyncMessage::Due { scope, schedule, at } => self.scheduler.fire(&scope, &schedule, at).await,
            SyncMessage::Run { scope, run: id, sent_at } => {
                let now = self.ports.now();
                match self.stores.runs.get(&scope, &id).await? {
                    None if now.since(sent_at) < LOST_AFTER => Err(EngineError::Interrupted),
                    Some(run) if !run.status.is_over() => match run.leased_until.filter(|until| *until > now) {
                        // Another worker has it, or had it and died.
                        Some(until) => self.pipelines.wake(&scope, &id, until.since(now)).await,
                        None => self.carry_out(&scope, run).await,
                    },
                    _ => Ok(()),
                }
            }
        }
    }

    async fn carry_out(&self, scope: &Scope, mut run: Run) -> Result<(), EngineError> {
        let now = self.ports.now();
        run.status = Status::Running;
        run.started_at.get_or_insert(now);
        let stopped = match self.save(scope, &mut run).await {
            Ok(()) => self.work(scope, &mut run).await.err(),
            Err(stopped) => Some(stopped),
        };
        match stopped {
            None | Some(Stopped::Lost) => Ok(()),
            Some(Stopped::Obstacle(Obstacle::Engine(error))) => {
                self.release(scope, &mut run).await?;
                Err(error)
            }
            Some(Stopped::Later(delay, _)) => {
                self.release(scope, &mut run).await?;
                self.pipelines.wake(scope, &run.id, delay).await
            }
            Some(Stopped::Failed(reason) | Stopped::Obstacle(Obstacle::Configuration(reason))) => {
                self.fail(scope, &mut run, reason).await
            }
        }
    }

    /// Prepares a run, takes the calls it may make, and works on it.
    async fn work(&self, scope: &Scope, run: &mut Run) -> Result<(), Stopped> {
        let parts = Parts::load(&self.stores, scope, run).await.map_err(Stopped::Obstacle)?;
        let profiles: Vec<(String, u32, u32)> =
            parts.wanted().map(|(profile, wanted)| (profile.id.clone(), profile.body.max_concurrent, wanted)).to_vec();
        let mut parallel = 0;
        for (profile, most, wanted) in &profiles {
            parallel = self.stores.slots.take(scope, (profile, *most), &run.id, *wanted).await?;
            if parallel == 0 {
                break;
            }
        }
        let worked = if parallel == 0 {
            Err(Stopped::Later(NO_SLOT, "all calls of a connection profile are taken".to_owned()))
        } else {
            self.batches(scope, run, parts, parallel).await
        };
        for (profile, ..) in &profiles {
            self.stores.slots.give_back(scope, profile, &run.id).await?;
        }
        worked
    }

    async fn batches(&self, scope: &Scope, run: &mut Run, parts: Parts, parallel: u32) -> Result<(), Stopped> {
        let plan = parts.plan(&self.connectors, scope, run, parallel).map_err(Stopped::Obstacle)?;
        let begun = Instant::now();
        self.begin(scope, run, &plan).await?;
        let mut ahead = None;
        while !run.progress.read {
            if begun.elapsed() > BUDGET {
                return Err(Stopped::Later(Duration::ZERO, "its time is over".to_owned()));
            }
            match self.batch(scope, run, &plan, ahead.take()).await {
                Ok(next) => ahead = next,
                Err(Stopped::Later(delay, reason)) => {
                    run.progress.failures += 1;
                    self.save(scope, run).await?;
                    if delay > SHORT || begun.elapsed() + delay > BUDGET {
                        return Err(Stopped::Later(delay, reason));
                    }
                    tracing::info!(run = run.id, reason, "a stage is tried again");
                    tokio::time::sleep(delay).await;
                }
                Err(stopped) => return Err(stopped),
            }
        }
        self.finalize(scope, run, &plan).await
    }

    /// Says where a run begins to read.
    async fn begin(&self, scope: &Scope, run: &mut Run, plan: &Plan) -> Result<(), Stopped> {
        let Job::Sync { mode, source_ids, window } = &run.job else { return Ok(()) };
        if run.progress.batches > 0 || run.progress.position.is_some() || run.progress.from.is_some() {
            return Ok(());
        }
        let cursor = plan.mapping.extraction().cursor.as_ref();
        let from = match (window, mode, cursor) {
            (Some(window), ..) => Some(window.from.clone()),
            (None, Mode::Incremental, Some(_)) if source_ids.is_empty() => {
                self.stores.cursors.get(scope, &run.instance, &run.entity_type).await?
            }
            (None, Mode::ResetCursor, _) => {
                self.stores.cursors.forget(scope, &run.instance, &run.entity_type).await?;
                None
            }
            _ => None,
        };
        run.progress.from = from;
        Ok(())
    }

    /// Takes one batch through the stages; gives the next one, if it was read meanwhile.
    async fn batch(
        &self,
        scope: &Scope,
        run: &mut Run,
        plan: &Plan,
        ahead: Option<Batch>,
    ) -> Result<Option<Batch>, Stopped> {
        run.stage = Stage::Ingest;
        let mut batch = match ahead {
            Some(batch) => batch,
            None => self.read(scope, run, plan).await?,
        };
        let (mapping, records) = (Arc::clone(&plan.mapping), std::mem::take(&mut batch.records));
        let count = records.len();
        let mapped = deep::run(move || batch::map(&mapping, records)).await;
        let mut mapped = mapped.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        run.stage = Stage::Execute;
        let newest = mapped.newest.take();
        let reading = Reading::of(run, plan).after(&batch, count);
        let next = async {
            match (&plan.source, &batch.next) {
                // An error is met again when the batch is read in its turn.
                (Some(source), Some(_)) => ingest::read(source.as_ref(), &reading).await.ok(),
                _ => None,
            }
        };
        let (results, next) = tokio::join!(self.execute(scope, run, plan, mapped), next);
        self.count(scope, run, plan, (batch, newest), results?).await?;
        Ok(next)
    }

    /// Records what became of a batch.
    async fn count(
        &self,
        scope: &Scope,
        run: &mut Run,
        plan: &Plan,
        (batch, newest): (Batch, Option<String>),
        results: Results,
    ) -> Result<(), Stopped> {
        self.bury(scope, run, results.letters).await?;
        run.counts.add(results.counts);
        run.samples.extend(results.samples);
        let progress = &mut run.progress;
        progress.newest = batch::newer(&plan.mapping, progress.newest.take(), newest);
        progress.read = batch.next.is_none();
        progress.whole = batch.whole;
        progress.position = batch.next;
        progress.batches += 1;
        progress.failures = 0;
        self.save(scope, run).await?;
        if plan.instance.gives_up(run.counts.failed, run.counts.total) {
            let reason = format!("{} of {} records failed: too many.", run.counts.failed, run.counts.total);
            return Err(Stopped::Failed(reason));
        }
        Ok(())
    }

    /// Moves the cursor and ends the run.
    async fn finalize(&self, scope: &Scope, run: &mut Run, plan: &Plan) -> Result<(), Stopped> {
        run.stage = Stage::Finalize;
        if let Some(newest) = run.progress.newest.clone().filter(|_| run.moves_cursor()) {
            let newest = settled(newest, plan, run.started_at);
            let subject = (run.instance.as_str(), run.entity_type.as_str());
            self.stores.cursors.set(scope, subject, &newest, &run.id).await?;
        }
        let outcome = run.outcome();
        run.end(outcome, None, self.ports.now());
        self.record(scope, run).await
    }

    /// Ends a run that cannot go on. Records that no later run would read become dead letters.
    async fn fail(&self, scope: &Scope, run: &mut Run, reason: String) -> Result<(), EngineError> {
        if matches!(run.job, Job::Inbound { .. }) && run.progress.batches == 0 {
            let records = self.inbound(scope, run).await.map(|batch| batch.records).unwrap_or_default();
            self.bury_rest(scope, run, records, &reason).await?;
        }
        self.restore(scope, run).await?;
        run.end(Status::Failed, Some(reason), self.ports.now());
        match self.record(scope, run).await {
            Ok(()) | Err(Stopped::Lost) => Ok(()),
            Err(Stopped::Obstacle(Obstacle::Engine(error))) => Err(error),
            Err(_) => Err(EngineError::Interrupted),
        }
    }

    /// Writes a run's progress, and keeps the run for this worker.
    pub(super) async fn save(&self, scope: &Scope, run: &mut Run) -> Result<(), Stopped> {
        run.leased_until = Some(self.ports.now().plus(LEASE));
        self.record(scope, run).await
    }

    /// Leaves a run to the next worker.
    async fn release(&self, scope: &Scope, run: &mut Run) -> Result<(), EngineError> {
        run.leased_until = None;
        match self.stores.runs.update(scope, run).await {
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn record(&self, scope: &Scope, run: &mut Run) -> Result<(), Stopped> {
        match self.stores.runs.update(scope, run).await {
            Ok(()) => Ok(()),
            // It was cancelled, or another worker has it.
            Err(StoreError::Conflict) => Err(Stopped::Lost),
            Err(error) => Err(error.into()),
        }
    }
}

/// The value that the cursor moves to: no later than the run began, for a record that was read may have changed since.
fn settled(newest: String, plan: &Plan, began: Option<Millis>) -> String {
    let is_time = plan.mapping.extraction().cursor.as_ref().is_some_and(|cursor| cursor.kind == CursorType::Datetime);
    match began.filter(|_| is_time).map(|began| began.to_string()) {
        Some(began) if began < newest => began,
        _ => newest,
    }
}
