//! Automations: started over HTTP, worked on by a worker, a page at a time.
//!
//! A page's progress is written before the next one begins, so a crash repeats a page at most; what was sent again
//! already is passed over then.

use std::time::Duration;

use serde_json::Value;

use super::EngineError;
use super::documents::Receipts;
use super::each::each;
use super::messages::RunMessage;
use super::resend::{Resend, ResendError};
use crate::deadline::Deadline;
use crate::domain::automation::{Document, Job, Run, RunStatus, Workflow};
use crate::domain::event::Event;
use crate::domain::ids::ChunkId;
use crate::domain::route::Way;
use crate::domain::scope::Scope;
use crate::domain::transaction::{Outcome, TransactionFilter, TransactionId, TransactionStatus};
use crate::ports::Ports;
use crate::queue::{self, Outgoing, Queue, Queues};
use crate::store::StoreError;
use crate::store::log::EventLog;
use crate::store::reader::Direction;
use crate::store::runs::Runs;
use crate::store::transactions::Transactions;

/// Transactions of one page.
const PAGE: usize = 50;
/// Chunks of the log that are searched before progress is written.
const CHUNKS: usize = 200;
/// How long one worker call works; the rest is left to the next.
const STEP: Duration = Duration::from_secs(20);
/// A message comes before its run is written.
const HEAD_START: Duration = Duration::from_secs(1);
/// A run that is not there by then was never written.
const LOST_AFTER: Duration = Duration::from_secs(60);

/// Starts, cancels and carries out runs.
#[derive(Clone)]
pub struct Automations {
    pub(crate) runs: Runs,
    pub(crate) resend: Resend,
    pub(crate) receipts: Receipts,
    pub(crate) transactions: Transactions,
    pub(crate) log: EventLog,
    pub(crate) queues: Queues,
    pub(crate) ports: Ports,
}

impl Automations {
    /// Starts a run.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn start(
        &self,
        scope: &Scope,
        workflow: Workflow,
        parameters: Value,
        job: Job,
    ) -> Result<Run, EngineError> {
        let run = Run::new(self.ports.unique("run"), workflow, parameters, job, self.ports.now());
        // The message first: a run that is written is carried out.
        self.send(scope, &run.id, HEAD_START).await?;
        self.runs.create(scope, &run).await?;
        Ok(run)
    }

    async fn send(&self, scope: &Scope, run: &str, delay: Duration) -> Result<(), EngineError> {
        let message = RunMessage { scope: scope.clone(), run: run.to_owned(), sent_at: self.ports.now() };
        Ok(self.queues.send(Queue::Automate, vec![Outgoing::json(&message, delay)?]).await?)
    }

    /// A run.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn get(&self, scope: &Scope, id: &str) -> Result<Option<Run>, EngineError> {
        Ok(self.runs.get(scope, id).await?)
    }

    /// Cancels a run that is not over; its worker stops after the page it is at. `None` if there is no such run.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn cancel(&self, scope: &Scope, id: &str) -> Result<Option<Run>, EngineError> {
        loop {
            let Some(mut run) = self.runs.get(scope, id).await? else { return Ok(None) };
            if run.status.is_over() {
                return Ok(Some(run));
            }
            run.end(RunStatus::Cancelled, None);
            match self.runs.update(scope, &mut run).await {
                Ok(()) => return Ok(Some(run)),
                // Its worker has written its progress.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Works on the runs of one worker call; gives the places of the messages that failed.
    pub async fn run(&self, messages: &[String], deadline: Deadline) -> Vec<usize> {
        each(messages, "automate", |text| self.message(text, deadline)).await
    }

    async fn message(&self, text: &str, deadline: Deadline) -> Result<(), EngineError> {
        let message: RunMessage = queue::read(text)?;
        let Some(mut run) = self.runs.get(&message.scope, &message.run).await? else {
            let age = self.ports.now().since(message.sent_at);
            return if age < LOST_AFTER { Err(EngineError::Interrupted) } else { Ok(()) };
        };
        while !run.status.is_over() {
            if !deadline.allows(STEP) {
                return self.send(&message.scope, &run.id, Duration::ZERO).await;
            }
            run.status = RunStatus::Running;
            self.step(&message.scope, &mut run).await?;
            match self.runs.update(&message.scope, &mut run).await {
                Ok(()) => {}
                // It was cancelled, or another worker is at it.
                Err(StoreError::Conflict) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Carries out the next page of a run.
    async fn step(&self, scope: &Scope, run: &mut Run) -> Result<(), EngineError> {
        match run.job.clone() {
            Job::Resend { transaction } => match transaction.parse() {
                Ok(id) => {
                    let found = self.resend(scope, run, &id).await?;
                    end(run, found, "There is no such transaction.");
                }
                Err(_) => end(run, false, "There is no such transaction."),
            },
            Job::Receipt { transaction } => {
                let sent = match transaction.parse() {
                    Ok(id) => self.receipts.send_again(scope, &id).await?,
                    Err(_) => false,
                };
                run.progress.processed += 1;
                run.progress.resent += u64::from(sent);
                end(run, sent, "There is no document that came with an asynchronous MDN in this transaction.");
            }
            Job::Find { document, number } => self.find(scope, run, document, &number).await?,
            Job::Replay { filter, dry_run } => self.replay(scope, run, &filter, dry_run).await?,
        }
        Ok(())
    }

    /// Sends one transaction again; `false` if there is no such transaction.
    async fn resend(&self, scope: &Scope, run: &mut Run, id: &TransactionId) -> Result<bool, EngineError> {
        run.progress.processed += 1;
        match self.resend.transaction(scope, id).await {
            Ok(Some(_)) => run.progress.resent += 1,
            Ok(None) => return Ok(false),
            Err(ResendError::Engine(error)) => return Err(error),
            Err(
                ResendError::RouteGone
                | ResendError::EventGone
                | ResendError::Ordered
                | ResendError::Record
                | ResendError::Inbound,
            ) => run.progress.skipped += 1,
        }
        Ok(true)
    }

    /// Searches the log for a document, newest first, and sends the transactions of its newest event again.
    async fn find(&self, scope: &Scope, run: &mut Run, document: Document, number: &str) -> Result<(), EngineError> {
        let oldest = ChunkId::floor(self.ports.now().minus(self.log.retention()));
        let start = ChunkId::floor(run.created_at.plus(Duration::from_secs(60)));
        let end_at = run.cursor.as_deref().and_then(|cursor| cursor.parse().ok()).unwrap_or(start);
        let mut reader = self.log.read(scope, oldest, end_at, Direction::NewestFirst);
        for _ in 0..CHUNKS {
            let Some((chunk, events)) = reader.next_readable().await? else {
                end(run, false, "No event in the log has this number.");
                return Ok(());
            };
            if let Some(event) = events.iter().rev().find(|event| document.is_in(event, number)) {
                let sent = self.resend_event(scope, run, event).await?;
                end(run, sent, "The event that has this number was sent nowhere.");
                return Ok(());
            }
            run.cursor = Some(chunk.to_string());
        }
        Ok(())
    }

    async fn resend_event(&self, scope: &Scope, run: &mut Run, event: &Event) -> Result<bool, EngineError> {
        let snapshot = self.resend.routes.snapshot(scope).await?;
        let mut any = false;
        for compiled in snapshot.entries.iter().filter(|compiled| compiled.route.way == Way::Live) {
            any |= self.resend(scope, run, &TransactionId::of(event, &compiled.route.uid)).await?;
        }
        Ok(any)
    }

    /// Sends a page of transactions again, or counts them.
    async fn replay(
        &self,
        scope: &Scope,
        run: &mut Run,
        filter: &TransactionFilter,
        dry_run: bool,
    ) -> Result<(), EngineError> {
        let after = run.cursor.as_deref().and_then(|cursor| cursor.parse().ok());
        let (page, next) = self.transactions.page(scope, filter, after.as_ref(), PAGE).await?;
        // What this run has sent again comes into the list anew.
        let begun = run.created_at;
        let is_new = |outcome: &Outcome| outcome.status == TransactionStatus::Queued || outcome.at >= begun;
        for outcome in page.iter().filter(|outcome| !is_new(outcome)) {
            if dry_run {
                run.progress.processed += 1;
            } else {
                self.resend(scope, run, &outcome.id()).await?;
            }
        }
        match next {
            Some(place) => run.cursor = Some(place.to_string()),
            None => run.end(RunStatus::Succeeded, None),
        }
        Ok(())
    }
}

fn end(run: &mut Run, succeeded: bool, error: &str) {
    let status = if succeeded { RunStatus::Succeeded } else { RunStatus::Failed };
    run.end(status, (!succeeded).then(|| error.to_owned()));
}
