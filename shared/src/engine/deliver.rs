//! Deliver: posts the events of a message, many at once, and sees to each that did not arrive.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use futures::stream::{self, StreamExt};

use super::dispatch::deliver_messages;
use super::lanes::Place;
use super::lifecycle::stop_route;
use super::ordered::Caller;
use super::sender::{self, Prepared, Sender};
use super::settle::{Settlement, Tried};
use super::turns::Turns;
use super::watch::{Standing, Watch};
use super::{EngineError, Lanes};
use crate::domain::chunk;
use crate::domain::event::{Event, is_event_id};
use crate::domain::ids::chunk_of;
use crate::domain::retry::{Answer, RetryProfile};
use crate::domain::route::{RetryKind, Route, RouteStatus};
use crate::domain::scope::Scope;
use crate::domain::suspension::SuspensionRules;
use crate::domain::time::Millis;
use crate::ports::Ports;
use crate::queue::{DeliverMessage, Events, Head, Outgoing, Packed, Queue, Queues, ReplayMessage};
use crate::store::event_ids::EventIdClaims;
use crate::store::journal::Journal;
use crate::store::log::EventLog;
use crate::store::ordered::Ordered;
use crate::store::outcomes::{Outcome, Outcomes};
use crate::store::parked::ParkingLot;
use crate::store::rate_limiter::RateLimiter;
use crate::store::routes::Routes;
use crate::store::undelivered::UndeliveredEvents;

/// Requests under way at once for one message.
const PARALLEL_REQUESTS: usize = 32;
/// A message whose first attempts all fail is given up for now: a dead target must not hold the worker.
const PATIENCE: u32 = 20;

/// After this long no further attempt begins: the worker's own time ends at 120 s, and a target may take 60.
const BEGIN_WITHIN: Duration = Duration::from_secs(50);

/// A message for which there is no room comes again after this time.
const MAKE_ROOM: Duration = Duration::from_secs(2);

/// Makes deliveries.
#[derive(Clone)]
pub struct Deliverer {
    pub(crate) sender: Sender,
    pub(crate) routes: Routes,
    pub(crate) log: EventLog,
    pub(crate) claims: EventIdClaims,
    pub(crate) letters: UndeliveredEvents,
    pub(crate) parked: ParkingLot,
    pub(crate) journal: Journal,
    pub(crate) outcomes: Outcomes,
    pub(crate) queues: Queues,
    pub(crate) stream: RetryProfile,
    pub(crate) webhook: RetryProfile,
    pub(crate) suspension: SuspensionRules,
    pub(crate) pace: RateLimiter,
    pub(crate) lanes: Lanes,
    pub(crate) ordered: Ordered,
    pub(crate) caller: Caller,
    pub(crate) grace: Duration,
    pub(crate) ports: Ports,
}

/// A message being worked on.
pub(super) struct Batch<'a> {
    pub(super) message: &'a DeliverMessage,
    pub(super) route: &'a Route,
    /// How many attempts had failed in a row before.
    failures: u32,
    /// When the first event's turn is, and how many follow in a second.
    pace: Option<(Millis, u32)>,
}

/// What a message's attempts say about its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// It took or rejected something.
    Answering,
    /// It failed too often in a row.
    Failing,
    /// Neither.
    Unknown,
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
        let mut message: DeliverMessage = serde_json::from_str(text)?;
        let Head { scope, route, .. } = &message.head;
        if let Some(wait) = message.head.not_before.map(|at| at.since(self.ports.now())).filter(|wait| !wait.is_zero())
        {
            self.queues.send(Queue::Deliver, vec![Outgoing::json(&message, wait)?]).await?;
            return Ok(None);
        }
        let (snapshot, failures) = self.routes.snapshot_and_failures(scope).await?;
        let Some(compiled) = snapshot.by_uid(route) else { return Ok(None) };
        let Some(target) = compiled.route.webhook() else { return Ok(None) };
        if let Events::Ordered = message.events {
            let outcomes = self.in_order(&message.head, compiled).await?;
            return Ok(Some(Done { scope: scope.clone(), outcomes }));
        }
        if Standing::of(&snapshot, &message.head) != Standing::Wanted {
            self.park(&message.head, text.to_owned()).await?;
            return Ok(None);
        }
        let Some(place) = self.lanes.enter(route).await else {
            self.queues.send(Queue::Deliver, vec![Outgoing::json(&message, MAKE_ROOM)?]).await?;
            return Ok(None);
        };
        let mut events = self.events(&message).await?;
        let mut pace = None;
        if let Some(rate) = target.max_per_second {
            let turn = self.take_turn(&mut message.head, &mut events, rate).await?;
            pace = Some((turn, rate));
        }
        let (head, route) = (&message.head, &compiled.route);
        let batch = Batch { message: &message, route, failures: failures.of_route(&route.uid), pace };
        let prepared = self.sender.prepare(&head.scope, route, target)?;
        let watch = Watch::new(&self.routes, head);
        let tried = self.attempt_all(&batch, (&place, &watch), &prepared, events).await?;
        // What was not tried comes again, and the next stretch after it.
        let whole = tried.iter().all(|one| one.attempt.is_some());
        let done = self.conclude(&batch, tried, watch.seen()).await?;
        if head.in_turn.is_some() && whole {
            self.replay(head, head.in_turn).await?;
        }
        Ok(Some(done))
    }

    /// Keeps as many events as the route may have in the next second, and sends the others to wait for their turn.
    /// Of a stretch, the last of them have the next one follow.
    async fn take_turn(&self, head: &mut Head, events: &mut Vec<Event>, rate: u32) -> Result<Millis, EngineError> {
        if let Some(turn) = head.turn {
            return Ok(turn);
        }
        let now = self.ports.now();
        let each = |count: usize| Duration::from_secs_f64(count as f64 / f64::from(rate));
        let turn = self.pace.reserve(&head.scope, &head.route, each(events.len()), now).await?;
        let (mut messages, mut at) = (Vec::new(), turn);
        let mut rest = std::mem::take(events);
        while !rest.is_empty() {
            let later = rest.split_off(rest.len().min(rate as usize));
            let length = each(rest.len());
            if at.since(now) < Duration::from_secs(1) && events.is_empty() {
                *events = rest;
            } else {
                // Whole seconds, rounded down: the worker waits out what is left.
                let wait = Duration::from_secs(at.since(now).as_secs());
                let in_turn = head.in_turn.filter(|_| later.is_empty());
                let head = Head { turn: Some(at), in_turn, ..head.later(head.attempt, now, wait) };
                messages.extend(deliver_messages(&head, rest, wait)?);
            }
            (rest, at) = (later, at.plus(length));
        }
        if !messages.is_empty() {
            head.in_turn = None;
        }
        self.queues.send(Queue::Deliver, messages).await?;
        Ok(turn)
    }

    async fn events(&self, message: &DeliverMessage) -> Result<Vec<Event>, EngineError> {
        match &message.events {
            Events::Ordered => Ok(Vec::new()),
            Events::Inline(Packed(body)) => Ok(chunk::decode(body)?),
            Events::Logged { id } => {
                Ok(find_event(&self.log, &self.claims, &message.head.scope, id).await?.into_iter().collect())
            }
        }
    }

    async fn attempt_all(
        &self,
        batch: &Batch<'_>,
        (lane, watch): (&Place, &Watch<'_>),
        target: &Prepared,
        events: Vec<Event>,
    ) -> Result<Vec<Tried>, EngineError> {
        let (failures, begun) = (AtomicU32::new(0), Instant::now());
        let head = &batch.message.head;
        let turns = head.in_turn.map(|_| Turns::new());
        let in_order = stream::iter(events).enumerate().then(|(place, event)| {
            let turns = turns.clone();
            async move {
                let turn = if let Some(turns) = turns { turns.next().await } else { None };
                (place, event, turn)
            }
        });
        let attempts = in_order.map(|(place, event, turn)| {
            let failures = &failures;
            async move {
                if let Some((turn, rate)) = batch.pace {
                    self.ports.wait_until(turn.plus(Duration::from_secs_f64(place as f64 / f64::from(rate)))).await;
                }
                let gives_up = failures.load(Ordering::Relaxed) >= PATIENCE || begun.elapsed() > BEGIN_WITHIN;
                if gives_up || watch.look().await != Standing::Wanted {
                    return Ok(Tried { event, attempt: None });
                }
                let sending = self.sender.send(target, &head.scope, &event, head.again);
                let attempt = if let Some(turn) = turn { turn.take(sending).await? } else { sending.await? };
                lane.moved();
                match sender::answer(&attempt) {
                    Answer::Failed { .. } => failures.fetch_add(1, Ordering::Relaxed),
                    _ => failures.swap(0, Ordering::Relaxed),
                };
                Ok(Tried { event, attempt: Some(attempt) })
            }
        });
        let results: Vec<Result<Tried, EngineError>> = attempts.buffered(PARALLEL_REQUESTS).collect().await;
        results.into_iter().collect()
    }

    /// Sees to everything that did not arrive, durably, before the message is given up.
    async fn conclude(&self, batch: &Batch<'_>, tried: Vec<Tried>, standing: Standing) -> Result<Done, EngineError> {
        let (head, route, now) = (&batch.message.head, batch.route, self.ports.now());
        let outcomes = tried.iter().filter_map(|one| one.outcome(&route.uid, head.attempt, now)).collect();
        if standing == Standing::Gone {
            return Ok(Done { scope: head.scope.clone(), outcomes });
        }
        let health = self.judge(batch, &tried).await?;
        let mut settlement =
            Settlement::of(&head.route, tried, head.attempt, self.profile(route.retry), self.ports.fraction(), now);
        if standing == Standing::Waits {
            settlement.wait_all();
        }
        match (settlement.gone, head.probe) {
            (true, _) => {
                let reason = "The target answered 410 Gone.";
                stop_route(&self.routes, &self.journal, &self.ports, &head.scope, route, reason).await?;
                settlement.carry_out(self, head, now).await?;
            }
            (false, Some(number)) if route.status == RouteStatus::Suspended => {
                self.after_probe(batch, number, health, settlement).await?;
            }
            (false, _) if health == Health::Failing => self.suspend(batch, settlement).await?,
            (false, _) => settlement.carry_out(self, head, now).await?,
        }
        Ok(Done { scope: head.scope.clone(), outcomes })
    }

    /// Keeps count of failures in a row: across messages, in the database, and only while there are any.
    async fn judge(&self, batch: &Batch<'_>, tried: &[Tried]) -> Result<Health, EngineError> {
        let (head, mut failed, mut answered) = (&batch.message.head, 0, false);
        for attempt in tried.iter().filter_map(|one| one.attempt.as_ref()) {
            match sender::answer(attempt) {
                Answer::Failed { .. } => failed += 1,
                _ => answered = true,
            }
        }
        if answered && batch.failures > 0 {
            self.routes.clear_failures(&head.scope, &head.route).await?;
        }
        if answered || failed == 0 {
            return Ok(if answered { Health::Answering } else { Health::Unknown });
        }
        let total = self.routes.add_failures(&head.scope, &head.route, failed).await?;
        Ok(if total >= self.suspension.after_failures { Health::Failing } else { Health::Unknown })
    }

    pub(super) fn profile(&self, kind: RetryKind) -> &RetryProfile {
        match kind {
            RetryKind::Stream => &self.stream,
            RetryKind::Webhook => &self.webhook,
        }
    }

    /// Keeps a message until its route starts again.
    pub(super) async fn park(&self, head: &Head, text: String) -> Result<(), EngineError> {
        self.parked.park(&head.scope, &head.route, text, self.ports.now()).await?;
        // It may have started between our look and the parking: then nobody else would fetch this message.
        let snapshot = self.routes.snapshot(&head.scope).await?;
        let runs = snapshot.by_uid(&head.route).is_some_and(|c| c.route.status == RouteStatus::Running);
        if runs { self.wake(head).await } else { Ok(()) }
    }

    /// Has replay send what waits for a route.
    pub(super) async fn wake(&self, head: &Head) -> Result<(), EngineError> {
        self.replay(head, None).await
    }

    async fn replay(&self, head: &Head, after: Option<u64>) -> Result<(), EngineError> {
        let message = ReplayMessage { after, ..ReplayMessage::of(&head.scope, &head.route) };
        Ok(self.queues.send(Queue::Replay, vec![Outgoing::json(&message, Duration::ZERO)?]).await?)
    }
}

/// Finds an event by its id, whoever gave it.
///
/// # Errors
/// [`EngineError::Store`].
pub async fn find_event(
    log: &EventLog,
    claims: &EventIdClaims,
    scope: &Scope,
    id: &str,
) -> Result<Option<Event>, EngineError> {
    if !is_event_id(id) {
        return Ok(None);
    }
    if let Some(first) = chunk_of(id)
        && let Some(event) = log.event(scope, first, id).await?
    {
        return Ok(Some(event));
    }
    // Also where it looks like one of ours: events that are copied from elsewhere keep their ids.
    match claims.claimed_by(scope, id).await? {
        Some(first) => Ok(log.event(scope, first, id).await?),
        None => Ok(None),
    }
}
