//! The sync worker: carries runs out, a batch at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Pipelines;
use super::attempt::Stopped;
use super::execute::Results;
use super::ingest::{self, Batch, Reading};
use super::ledger::{LEASE, Ledger};
use super::pace::Pace;
use super::plan::{Obstacle, Parts, Plan};
use super::scheduler::Scheduler;
use super::trace::Origins;
use crate::connectors::Connectors;
use crate::deadline::Deadline;
use crate::deep;
use crate::domain::pipeline::batch;
use crate::domain::pipeline::extraction::CursorType;
use crate::domain::pipeline::run::{Job, Mode, Run, Status};
use crate::domain::pipeline::stage::Stage;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::domain::value::Value;
use crate::engine::EngineError;
use crate::engine::each::each;
use crate::engine::messages::SyncMessage;
use crate::engine::pickup::Pickup;
use crate::queue;
use crate::store::StoreError;

/// How long one worker call works; the rest is left to the next.
const BUDGET: Duration = Duration::from_secs(40);
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
    pub(crate) ledger: Ledger,
    pub(crate) connectors: Connectors,
    pub(crate) pickup: Pickup,
}

impl Runner {
    /// Works on the messages of one worker call; gives the places of those that failed.
    pub async fn run(&self, messages: &[String], deadline: Deadline) -> Vec<usize> {
        each(messages, "sync", |text| self.message(text, deadline)).await
    }

    async fn message(&self, text: &str, deadline: Deadline) -> Result<(), EngineError> {
        match queue::read(text)? {
            SyncMessage::Pickup { scope, uid, at } => self.pickup.fire(&scope, &uid, at, deadline).await.map(drop),
            SyncMessage::Due { scope, schedule, at } => self.scheduler.fire(&scope, &schedule, at).await,
            SyncMessage::Run { scope, run: id, sent_at } => {
                let now = self.ledger.ports.now();
                match self.ledger.stores.runs.get(&scope, &id).await? {
                    None if now.since(sent_at) < LOST_AFTER => Err(EngineError::Interrupted),
                    // Whoever ended it may have died before it gave back what the run was about to send.
                    Some(run) if matches!(run.status, Status::Cancelled | Status::Failed) => {
                        self.pipelines.restore(&scope, &run).await
                    }
                    Some(run) if !run.status.is_over() => match run.leased_until.filter(|until| *until > now) {
                        // Another worker has it, or had it and died.
                        Some(until) => self.pipelines.wake(&scope, &id, until.since(now)).await,
                        None => self.carry_out(&scope, run, deadline.within(BUDGET)).await,
                    },
                    _ => Ok(()),
                }
            }
        }
    }

    async fn carry_out(&self, scope: &Scope, mut run: Run, deadline: Deadline) -> Result<(), EngineError> {
        let now = self.ledger.ports.now();
        if run.leased_until.is_some() {
            // A worker died over it, perhaps because a part took too long.
            run.progress.pace = None;
        }
        run.status = Status::Running;
        run.started_at.get_or_insert(now);
        let stopped = match self.ledger.save(scope, &mut run).await {
            Ok(()) => self.work(scope, &mut run, deadline).await.err(),
            Err(stopped) => Some(stopped),
        };
        match stopped {
            None => Ok(()),
            // It was cancelled, or another worker has it; or it was written, and the answer lost: then it goes on.
            Some(Stopped::Lost) => self.pipelines.wake(scope, &run.id, LEASE).await,
            Some(Stopped::Obstacle(Obstacle::Engine(error))) => {
                self.ledger.release(scope, &mut run).await?;
                Err(error)
            }
            Some(Stopped::Later(delay, _)) => {
                self.ledger.release(scope, &mut run).await?;
                self.pipelines.wake(scope, &run.id, delay).await
            }
            Some(Stopped::Failed(reason) | Stopped::Obstacle(Obstacle::Configuration(reason))) => {
                self.fail(scope, &mut run, reason).await
            }
        }
    }

    /// Prepares a run, takes the calls it may make, and works on it.
    async fn work(&self, scope: &Scope, run: &mut Run, deadline: Deadline) -> Result<(), Stopped> {
        let parts = Parts::load(&self.ledger.stores, scope, run).await.map_err(Stopped::Obstacle)?;
        let wanted = parts.wanted(run);
        let mut parallel = 0;
        for one in &wanted {
            let slots = &self.ledger.stores.slots;
            parallel = match slots.take(scope, (&one.profile, one.most), &one.holder, one.calls).await {
                Err(StoreError::Conflict) => 0,
                taken => taken?,
            };
            if parallel == 0 {
                break;
            }
        }
        let worked = if parallel == 0 {
            Err(Stopped::Later(NO_SLOT, "all calls of a connection profile are taken".to_owned()))
        } else {
            self.batches(scope, run, parts, (parallel, deadline)).await
        };
        for one in &wanted {
            // Who cannot give slots back loses them in time.
            if let Err(error) = self.ledger.stores.slots.give_back(scope, &one.profile, &one.holder).await {
                tracing::warn!(run = run.id, %error, "slots are not given back");
            }
        }
        worked
    }

    async fn batches(
        &self,
        scope: &Scope,
        run: &mut Run,
        parts: Parts,
        (parallel, deadline): (u32, Deadline),
    ) -> Result<(), Stopped> {
        let plan = parts.plan(&self.connectors, scope, run, (parallel, deadline)).map_err(Stopped::Obstacle)?;
        self.begin(scope, run, &plan).await?;
        let mut ahead = None;
        while !run.progress.read {
            if plan.deadline.is_over() {
                return Err(Stopped::Later(Duration::ZERO, "its time is over".to_owned()));
            }
            match self.batch(scope, run, &plan, ahead.take()).await {
                Ok(next) => ahead = next,
                Err(Stopped::Later(delay, reason)) => {
                    run.progress.failures += 1;
                    self.ledger.save(scope, run).await?;
                    if delay > SHORT || delay > plan.deadline.left() {
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
                self.ledger.stores.cursors.get(scope, &run.instance, &run.entity_type).await?
            }
            (None, Mode::ResetCursor, _) if source_ids.is_empty() && !run.dry_run => {
                self.ledger.stores.cursors.forget(scope, &run.instance, &run.entity_type).await?;
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
            None => self.ledger.read(scope, run, plan).await?,
        };
        let reading = Reading::of(run, plan).after(&batch);
        let next = async {
            match (&plan.source, &batch.next) {
                // An error is met again when the batch is read in its turn.
                (Some(source), Some(_)) => ingest::read(source.as_ref(), &reading).await.ok(),
                _ => None,
            }
        };
        let (records, origins) = (std::mem::take(&mut batch.records), std::mem::take(&mut batch.origins));
        let (written, next) = tokio::join!(self.parts(scope, run, plan, (records, origins)), next);
        written?;
        let progress = &mut run.progress;
        progress.read = batch.next.is_none();
        progress.whole = batch.whole;
        progress.position = batch.next;
        progress.done.clear();
        self.ledger.save(scope, run).await?;
        Ok(next)
    }

    /// Takes the records of a batch through the stages, in parts. What was done is recorded after each but the last.
    async fn parts(
        &self,
        scope: &Scope,
        run: &mut Run,
        plan: &Plan,
        (records, origins): (Vec<Value>, Origins),
    ) -> Result<(), Stopped> {
        let mut pace = Pace::new(run.progress.pace, plan.least, plan.batch_size.max(records.len()));
        let mut left = records.into_iter();
        loop {
            let part: Vec<Value> = left.by_ref().take(pace.size()).collect();
            let is_last = left.len() == 0;
            let marks = if is_last { String::new() } else { part.iter().map(ingest::mark).collect() };
            let begun = Instant::now();
            let mapping = Arc::clone(&plan.mapping);
            let mapped = deep::run(move || batch::map(&mapping, part)).await;
            let mut mapped = mapped.map_err(|error| StoreError::Unavailable(error.to_string()))?;
            run.stage = Stage::Execute;
            let newest = mapped.newest.take();
            let mut results = self.ledger.execute(scope, run, plan, mapped, &origins).await?;
            let (wait, finished) = (results.wait, std::mem::take(&mut results.marks));
            pace.took(begun.elapsed());
            run.progress.pace = u32::try_from(pace.size()).ok();
            self.count(scope, run, plan, newest, results).await?;
            if is_last && wait.is_none() {
                return Ok(());
            }
            run.progress.add_done(if wait.is_some() { &finished } else { &marks });
            self.ledger.save(scope, run).await?;
            if let Some(wait) = wait {
                return Err(Stopped::Later(wait, "the target asks for fewer requests".to_owned()));
            }
            if plan.deadline.is_over() {
                return Err(Stopped::Later(Duration::ZERO, "its time is over".to_owned()));
            }
        }
    }

    /// Counts what became of records.
    async fn count(
        &self,
        scope: &Scope,
        run: &mut Run,
        plan: &Plan,
        newest: Option<String>,
        results: Results,
    ) -> Result<(), Stopped> {
        self.ledger.settle(scope, run, (results.delivered, results.letters)).await?;
        run.counts.add(results.counts);
        run.samples.extend(results.samples);
        let progress = &mut run.progress;
        progress.newest = batch::newer(&plan.mapping, progress.newest.take(), newest);
        progress.batches += 1;
        progress.failures = 0;
        let gives_up = plan.instance.gives_up(run.counts.failed, run.counts.total);
        if gives_up && matches!(run.job, Job::Sync { .. }) {
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
            self.ledger.stores.cursors.set(scope, subject, &newest, &run.id).await?;
        }
        let outcome = run.outcome();
        run.end(outcome, None, self.ledger.ports.now());
        self.ledger.record(scope, run).await
    }

    /// Ends a run that cannot go on. Records that no later run would read become dead letters.
    async fn fail(&self, scope: &Scope, run: &mut Run, reason: String) -> Result<(), EngineError> {
        if matches!(run.job, Job::Inbound { .. }) && !run.progress.read {
            let records = match self.ledger.inbound(scope, run).await {
                Ok(batch) => batch.records,
                Err(Stopped::Obstacle(Obstacle::Engine(error))) => return Err(error),
                Err(_) => Vec::new(),
            };
            self.ledger.bury_rest(scope, run, records, &reason).await?;
        }
        self.pipelines.restore(scope, run).await?;
        run.end(Status::Failed, Some(reason), self.ledger.ports.now());
        match self.ledger.record(scope, run).await {
            Ok(()) | Err(Stopped::Lost) => Ok(()),
            Err(Stopped::Obstacle(Obstacle::Engine(error))) => Err(error),
            Err(_) => Err(EngineError::Interrupted),
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
