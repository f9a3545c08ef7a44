//! Deliver: posts the events of a message, many at once, and sees to each that did not arrive.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use futures::stream::{self, StreamExt};

use super::EngineError;
use super::lifecycle::stop_route;
use super::sender::{self, Prepared, Sender};
use super::settle::{Settlement, Tried};
use crate::domain::chunk;
use crate::domain::event::Event;
use crate::domain::ids::chunk_of;
use crate::domain::retry::RetryProfile;
use crate::domain::route::{RetryKind, Route, RouteStatus};
use crate::domain::scope::Scope;
use crate::ports::Ports;
use crate::queue::{DeliverMessage, Events, Outgoing, Packed, Queue, Queues, ReplayMessage};
use crate::store::claims::Claims;
use crate::store::journal::Journal;
use crate::store::letters::Letters;
use crate::store::log::EventLog;
use crate::store::outcomes::{Outcome, Outcomes};
use crate::store::parked::ParkingLot;
use crate::store::routes::Routes;

/// Requests under way at once for one message.
const PARALLEL_REQUESTS: usize = 32;
/// A message whose first attempts all fail is given up for now: a dead target must not hold the worker.
const PATIENCE: u32 = 20;

/// After this long no further attempt begins: the worker's own time ends at 120 s, and a target may take 60.
const BEGIN_WITHIN: Duration = Duration::from_secs(50);

/// Makes deliveries.
#[derive(Clone)]
pub struct Deliverer {
    pub(crate) sender: Sender,
    pub(crate) routes: Routes,
    pub(crate) log: EventLog,
    pub(crate) claims: Claims,
    pub(crate) letters: Letters,
    pub(crate) parked: ParkingLot,
    pub(crate) journal: Journal,
    pub(crate) outcomes: Outcomes,
    pub(crate) queues: Queues,
    pub(crate) stream: RetryProfile,
    pub(crate) webhook: RetryProfile,
    pub(crate) ports: Ports,
}

/// What one message came to.
struct Done {
    scope: Scope,
    outcomes: Vec<Outcome>,
}

impl Deliverer {
    /// Delivers the messages of one worker call; gives back which of them failed, by place.
    pub async fn run(&self, messages: &[String]) -> Vec<usize> {
        let results = join_all(messages.iter().map(|text| self.message(text))).await;
        let (mut failed, mut done): (Vec<usize>, Vec<Done>) = (Vec::new(), Vec::new());
        for (place, result) in results.into_iter().enumerate() {
            match result {
                Ok(message) => done.extend(message),
                Err(error) => {
                    tracing::error!(%error, "a delivery failed on our side");
                    failed.push(place);
                }
            }
        }
        self.record(done).await;
        failed
    }

    /// One record of outcomes a scope. They inform; a delivery that was made is not made again for want of them.
    async fn record(&self, mut done: Vec<Done>) {
        done.sort_by(|a, b| a.scope.cmp(&b.scope));
        for group in done.chunk_by(|a, b| a.scope == b.scope) {
            let outcomes: Vec<Outcome> = group.iter().flat_map(|done| done.outcomes.iter().cloned()).collect();
            if let Err(error) = self.outcomes.record(&group[0].scope, &outcomes, self.ports.now()).await {
                tracing::error!(%error, lost = outcomes.len(), "outcomes could not be recorded");
            }
        }
    }

    async fn message(&self, text: &str) -> Result<Option<Done>, EngineError> {
        let message: DeliverMessage = serde_json::from_str(text)?;
        if let Some(wait) = message.not_before.map(|at| at.since(self.ports.now())).filter(|wait| !wait.is_zero()) {
            self.queues.send(Queue::Deliver, vec![Outgoing::json(&message, wait)?]).await?;
            return Ok(None);
        }
        let snapshot = self.routes.snapshot(&message.scope).await?;
        // A route that is gone wants nothing any more.
        let Some(compiled) = snapshot.by_uid(&message.route) else { return Ok(None) };
        let Some(target) = compiled.route.webhook() else { return Ok(None) };
        if compiled.route.status == RouteStatus::Stopped {
            self.park(&message, text.to_owned()).await?;
            return Ok(None);
        }
        let prepared = self.sender.prepare(&message.scope, &compiled.route, target)?;
        let events = self.events(&message).await?;
        let tried = self.attempt_all(&message.scope, &prepared, events).await?;
        self.conclude(&message, &compiled.route, tried).await.map(Some)
    }

    async fn events(&self, message: &DeliverMessage) -> Result<Vec<Event>, EngineError> {
        match &message.events {
            Events::Inline(Packed(body)) => Ok(chunk::decode(body)?),
            Events::Logged { id } => Ok(find_event(&self.log, &self.claims, &message.scope, id).await?.into_iter().collect()),
        }
    }

    async fn attempt_all(&self, scope: &Scope, target: &Prepared, events: Vec<Event>) -> Result<Vec<Tried>, EngineError> {
        let (failures, begun) = (AtomicU32::new(0), Instant::now());
        let attempts = stream::iter(events).map(|event| {
            let failures = &failures;
            async move {
                if failures.load(Ordering::Relaxed) >= PATIENCE || begun.elapsed() > BEGIN_WITHIN {
                    return Ok(Tried { event, attempt: None });
                }
                let attempt = self.sender.send(target, scope, &event).await?;
                match sender::answer(&attempt) {
                    crate::domain::retry::Answer::Failed { .. } => failures.fetch_add(1, Ordering::Relaxed),
                    _ => failures.swap(0, Ordering::Relaxed),
                };
                Ok(Tried { event, attempt: Some(attempt) })
            }
        });
        let results: Vec<Result<Tried, EngineError>> = attempts.buffered(PARALLEL_REQUESTS).collect().await;
        results.into_iter().collect()
    }

    /// Sees to everything that did not arrive, durably, before the message is given up.
    async fn conclude(&self, message: &DeliverMessage, route: &Route, tried: Vec<Tried>) -> Result<Done, EngineError> {
        let now = self.ports.now();
        let outcomes = tried.iter().filter_map(|one| one.outcome(&route.uid, message.attempt, now)).collect();
        let settlement = Settlement::of(tried, message.attempt, self.profile(route.retry), self.ports.fraction(), now);
        if settlement.gone {
            stop_route(&self.routes, &self.journal, &self.ports, &message.scope, route, "The target answered 410 Gone.").await?;
        }
        settlement.carry_out(self, message, route, now).await?;
        Ok(Done { scope: message.scope.clone(), outcomes })
    }

    fn profile(&self, kind: RetryKind) -> &RetryProfile {
        match kind {
            RetryKind::Stream => &self.stream,
            RetryKind::Webhook => &self.webhook,
        }
    }

    /// Keeps a message until its route starts again.
    pub(super) async fn park(&self, message: &DeliverMessage, text: String) -> Result<(), EngineError> {
        self.parked.park(&message.scope, &message.route, text, self.ports.now()).await?;
        // It may have started between our look and the parking: then nobody else would fetch this message.
        let snapshot = self.routes.snapshot(&message.scope).await?;
        let runs = snapshot.by_uid(&message.route).is_some_and(|c| c.route.status == RouteStatus::Running);
        if runs {
            let wake = ReplayMessage { scope: message.scope.clone(), route: message.route.clone() };
            self.queues.send(Queue::Replay, vec![Outgoing::json(&wake, Duration::ZERO)?]).await?;
        }
        Ok(())
    }
}

/// Finds an event by its id, whoever gave it.
///
/// # Errors
/// [`EngineError::Store`].
pub async fn find_event(log: &EventLog, claims: &Claims, scope: &Scope, id: &str) -> Result<Option<Event>, EngineError> {
    let first = match chunk_of(id) {
        Some(chunk) => Some(chunk),
        None => claims.holder(scope, id).await?,
    };
    match first {
        Some(first) => Ok(log.event(scope, first, id).await?),
        None => Ok(None),
    }
}
