//! The export way: a route's range of the log as files in its customer's bucket, each event in exactly one file.
//!
//! The file's key and where it ends at the latest are written into the cursor before the first byte is sent, and the
//! cursor moves on by a conditional write after the last. The log does not change before `now - grace`, so a crash
//! anywhere leads to the same bytes under the same key.

mod file;

use std::time::Duration;

use async_trait::async_trait;

use super::{Matched, RouteWay, Work};
use crate::deadline::Deadline;
use crate::domain::activity::Activity;
use crate::domain::export::{Cursor, Position, Probe};
use crate::domain::health::{Condition, Tally};
use crate::domain::route::{MAX_GAP, Route, RouteStatus};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::domain::transaction::Outcome;
use crate::engine::EngineError;
use crate::engine::courier::Courier;
use crate::engine::each::each;
use crate::engine::health::Health;
use crate::engine::leases::Leases;
use crate::engine::messages::{ExportMessage, Recipient};
use crate::outbound::Target;
use crate::ports::Ports;
use crate::queue::{self, Outgoing, Queue, Queues};
use crate::store::StoreError;
use crate::store::exports::{Exports, place};
use crate::store::journal::Journal;
use crate::store::log::EventLog;
use crate::store::routes::Routes;
use file::WriteError;

/// Files of one worker call; the rest is left to the next.
const FILES: usize = 10;

/// Routes that the tick asks for at once, and the longest that takes.
const REQUESTS: usize = 500;
const REQUESTING: Duration = Duration::from_secs(10);
/// A file is begun only where the call has this long left.
const FILE: Duration = Duration::from_secs(40);

/// When a file is closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closing {
    /// After this time.
    pub(crate) interval: Duration,
    /// At this size, before its time.
    pub(crate) max_bytes: u64,
    /// Events may be logged this long after their time.
    pub(crate) grace: Duration,
}

/// The export way.
pub struct Export {
    pub(crate) courier: Courier,
    pub(crate) routes: Routes,
    pub(crate) log: EventLog,
    pub(crate) cursors: Exports,
    pub(crate) journal: Journal,
    pub(crate) health: Health,
    pub(crate) queues: Queues,
    pub(crate) closing: Closing,
    pub(crate) leases: Leases,
    pub(crate) ports: Ports,
}

#[async_trait]
impl RouteWay for Export {
    async fn created(&self, scope: &Scope, route: &Route) -> Result<(), EngineError> {
        let now = self.ports.now();
        let start = route.window.starts_at.max(now.minus(self.log.retention()));
        let cursor = Cursor {
            scope: scope.clone(),
            route: route.uid.clone(),
            route_id: route.id.clone(),
            from: Position::at(start),
            closed_at: now,
            ends_at: route.window.ends_at,
            plan: None,
            probe: None,
            revision: 1,
        };
        Ok(self.cursors.create(&cursor).await?)
    }

    /// Notes that more waits for a route's next file, and has the file closed before its time once it is full.
    async fn matched(&self, scope: &Scope, matches: Vec<Matched>) -> Result<(), EngineError> {
        for Matched { route, bytes, .. } in matches {
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            let total = self.cursors.add_waiting(scope, &route, bytes).await?;
            let full = self.full();
            // Only the one that crosses a multiple of the size sends a message, not every one after it.
            if total / full > (total - bytes) / full {
                self.request(&Recipient::new(scope, &route), self.settled()).await?;
            }
        }
        Ok(())
    }

    async fn deliver(&self, _: Work) -> Result<Vec<Outcome>, EngineError> {
        Ok(Vec::new())
    }

    /// A gap that is too old does not come any more: the next file begins now.
    async fn started(&self, scope: &Scope, route: &Route, not_live_since: Option<Millis>) -> Result<(), EngineError> {
        let now = self.ports.now();
        if not_live_since.is_none() {
            return Ok(());
        }
        let Some(mut cursor) = self.cursors.get(scope, &route.uid).await? else { return Ok(()) };
        let too_old = now.since(cursor.from.chunk.at()) > MAX_GAP && now.since(cursor.closed_at) > MAX_GAP;
        if too_old {
            (cursor.from, cursor.plan, cursor.closed_at) = (Position::at(now), None, now);
        }
        if too_old || cursor.probe.take().is_some() {
            self.cursors.update(&mut cursor).await?;
        }
        Ok(())
    }

    async fn finished(&self, scope: &Scope, route: &Route) -> Result<bool, EngineError> {
        let cursor = self.cursors.get(scope, &route.uid).await?;
        Ok(cursor.is_none_or(|cursor| cursor.is_complete()))
    }

    fn forgotten(&self, _: &str) {}
}

impl Export {
    fn full(&self) -> i64 {
        i64::try_from(self.closing.max_bytes).unwrap_or(i64::MAX)
    }

    /// After this time what is logged now can no longer change.
    fn settled(&self) -> Duration {
        self.closing.grace + Duration::from_secs(1)
    }

    /// Has the routes exported that are due. A tick whose time is over says where it stopped, and the next one begins
    /// there: with very many routes, none waits for ever.
    ///
    /// # Errors
    /// [`EngineError`].
    pub(crate) async fn request_due(&self, now: Millis, deadline: Deadline) -> Result<(), EngineError> {
        let (all, stopped_at) = tokio::try_join!(self.cursors.all(), self.cursors.stopped_at())?;
        let is_due = |cursor: &Cursor| cursor.is_due(now, self.closing.interval, self.closing.grace);
        let mut due: Vec<Cursor> = all.into_iter().filter(is_due).collect();
        let begun = stopped_at.as_ref().map_or(0, |at| due.partition_point(|cursor| place(cursor) <= *at));
        due.rotate_left(begun);
        let mut last = None;
        for some in due.chunks(REQUESTS) {
            if !deadline.allows(REQUESTING) {
                // Without time for any, the place stays where it was.
                return if last.is_some() { Ok(self.cursors.stop_at(last).await?) } else { Ok(()) };
            }
            let message =
                |cursor: &Cursor| Outgoing::json(&Recipient::new(&cursor.scope, &cursor.route), Duration::ZERO);
            let messages: Result<Vec<Outgoing>, _> = some.iter().map(message).collect();
            self.queues.send(Queue::Export, messages?).await?;
            last = some.last();
        }
        if stopped_at.is_some() {
            self.cursors.stop_at(None).await?;
        }
        Ok(())
    }

    /// Has a worker look at a route's export.
    async fn request(&self, to: &ExportMessage, delay: Duration) -> Result<(), EngineError> {
        Ok(self.queues.send(Queue::Export, vec![Outgoing::json(to, delay)?]).await?)
    }

    /// Works on the routes of one worker call; gives the places of the messages that failed.
    pub async fn run(&self, messages: &[String], deadline: Deadline) -> Vec<usize> {
        each(messages, "export", |text| self.message(text, deadline)).await
    }

    async fn message(&self, text: &str, deadline: Deadline) -> Result<(), EngineError> {
        let to: ExportMessage = queue::read(text)?;
        // While one worker waits for a slow bucket, another would only wait beside it.
        self.leases.hold(&to.scope, &to.route, self.files(&to, deadline)).await?.unwrap_or(Ok(()))
    }

    async fn files(&self, to: &ExportMessage, deadline: Deadline) -> Result<(), EngineError> {
        for _ in 0..FILES {
            if !deadline.allows(FILE) {
                break;
            }
            if !self.next_file(to, deadline).await? {
                return Ok(());
            }
        }
        self.request(to, Duration::ZERO).await
    }

    /// Writes one file, if one is due; `true` if another may be.
    async fn next_file(&self, to: &Recipient, deadline: Deadline) -> Result<bool, EngineError> {
        let Some(mut cursor) = self.cursors.get(&to.scope, &to.route).await? else { return Ok(false) };
        let snapshot = self.routes.snapshot(&to.scope).await?;
        let Some(compiled) = snapshot.by_uid(&to.route) else { return Ok(false) };
        let (route, now) = (&compiled.route, self.ports.now());
        if route.status() == RouteStatus::Stopped || cursor.waits_for_probe(now) {
            return Ok(false);
        }
        let target = self.courier.target(&to.scope, route)?;
        if let Some(plan) = &cursor.plan {
            // Whoever began it may have died over it.
            target.discard_unfinished(&plan.key).await;
        }
        let Some(plan) = self.plan(&to.scope, &mut cursor, &*target).await? else { return Ok(false) };
        match self.write(compiled, &*target, &mut cursor, deadline).await {
            Ok(written) => {
                self.responded(to, route, &mut cursor).await?;
                self.commit(route, cursor, plan, written).await
            }
            Err(WriteError::Engine(error)) => Err(error),
            // The plan stands, and is tried again.
            Err(WriteError::Target(error)) => {
                let reason = error.to_string();
                self.failed(to, (route, &*target), cursor, (plan.key, reason)).await.map(|()| false)
            }
        }
    }

    /// The bucket accepted a file: if it was suspended, it is no longer.
    async fn responded(&self, to: &Recipient, route: &Route, cursor: &mut Cursor) -> Result<(), EngineError> {
        cursor.probe = None;
        if route.status() == RouteStatus::Suspended {
            return self.health.resume(&to.scope, route).await;
        }
        let responded = Tally { failed: 0, responded: true };
        self.health.judge(&to.scope, &to.route, responded).await.map(|_| ())
    }

    /// The bucket did not accept a file: it is tried again with growing delays; once it has failed too often, the route is
    /// suspended.
    async fn failed(
        &self,
        to: &Recipient,
        (route, target): (&Route, &dyn Target),
        mut cursor: Cursor,
        (key, reason): (String, String),
    ) -> Result<(), EngineError> {
        let now = self.ports.now();
        let activity = Activity::FileFailed { key, reason: reason.clone() };
        self.journal.note(&to.scope, &to.route, &activity, now).await?;
        let probe = match (route.status(), cursor.probe) {
            (RouteStatus::Suspended, probe) => {
                let number = probe.map_or(0, |probe| probe.number);
                let delay = self.health.probe_failed(&to.scope, route, number).await?;
                delay.map(|delay| Probe { number: number.saturating_add(1), at: now.plus(delay) })
            }
            _ => {
                let failed = Tally { failed: 1, responded: false };
                let condition = self.health.judge(&to.scope, &to.route, failed).await?;
                if condition == Condition::Failing {
                    let delay = self.health.suspend(&to.scope, route, target.label(), &reason).await?;
                    delay.map(|delay| Probe { number: 0, at: now.plus(delay) })
                } else {
                    let number = cursor.probe.map_or(0, |probe| probe.number.saturating_add(1));
                    Some(Probe { number, at: now.plus(self.health.policy.probes.before(number)) })
                }
            }
        };
        cursor.probe = probe;
        match self.cursors.update(&mut cursor).await {
            // Another worker was first.
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
