//! The deliver worker: reads messages, finds their routes, and hands them to the routes' ways.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::join_all;

use super::EngineError;
use super::edges::Views;
use super::messages::DeliverMessage;
use super::ways::{Ways, Work};
use crate::deadline::Deadline;
use crate::domain::scope::Scope;
use crate::domain::transaction::Outcome;
use crate::ports::Ports;
use crate::queue::{self, Queue, Queues};
use crate::store::routes::Routes;
use crate::store::transactions::Transactions;

/// Works on delivery messages.
#[derive(Clone)]
pub struct Deliverer {
    pub(crate) routes: Routes,
    pub(crate) ways: Ways,
    pub(crate) views: Views,
    pub(crate) transactions: Transactions,
    pub(crate) queues: Queues,
    pub(crate) ports: Ports,
}

impl Deliverer {
    /// Works on the messages of one worker call; gives the places of those that failed.
    pub async fn run(&self, messages: &[String], deadline: Deadline) -> Vec<usize> {
        let results = join_all(messages.iter().map(|text| self.message(text, deadline))).await;
        let (mut failed, mut done): (Vec<usize>, HashMap<Scope, Vec<Outcome>>) = (Vec::new(), HashMap::new());
        for (place, result) in results.into_iter().enumerate() {
            match result {
                Ok(Some((scope, outcomes))) => done.entry(scope).or_default().extend(outcomes),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, "a delivery failed on our side");
                    failed.push(place);
                }
            }
        }
        self.record(done).await;
        failed
    }

    async fn message(&self, text: &str, deadline: Deadline) -> Result<Option<(Scope, Vec<Outcome>)>, EngineError> {
        let message: DeliverMessage = queue::read(text)?;
        let wait = message.not_before.map(|at| at.since(self.ports.now())).filter(|wait| !wait.is_zero());
        if let Some(wait) = wait {
            self.queues.send(Queue::Deliver, vec![message.outgoing(wait)?]).await?;
            return Ok(None);
        }
        let DeliverMessage { to, task, .. } = message;
        let mut snapshot = self.routes.recent(&to.scope, self.views.sending).await?;
        if snapshot.by_uid(&to.route).is_none() {
            // It may be a new one.
            snapshot = self.routes.snapshot(&to.scope).await?;
        }
        let Some(compiled) = snapshot.by_uid(&to.route).map(Arc::clone) else { return snapshot.gone().map(|()| None) };
        let (way, scope) = (compiled.route.way, to.scope.clone());
        let outcomes = self.ways.of(way).deliver(Work { to, task, snapshot, compiled, deadline }).await?;
        Ok(Some((scope, outcomes)))
    }

    /// Writes one record of outcomes for each scope. They only inform: a delivery that was made is not made again because
    /// they could not be written.
    async fn record(&self, done: HashMap<Scope, Vec<Outcome>>) {
        for (scope, outcomes) in done.into_iter().filter(|(_, outcomes)| !outcomes.is_empty()) {
            let lost = outcomes.len();
            if let Err(error) = self.transactions.record(&scope, outcomes).await {
                tracing::error!(%error, lost, "outcomes could not be recorded");
            }
        }
    }
}
