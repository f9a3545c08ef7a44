//! Promised delivery times: an event that does not arrive in time is announced once, as `sla.violated`.
//!
//! A delivery that succeeds in time costs nothing but a comparison. One that fails is looked at once more when its time
//! is over. While a route with a promise is suspended, one message looks every few seconds at what waits for it in the
//! log.

use std::sync::Arc;
use std::time::Duration;

use super::EngineError;
use super::announcer::Announcer;
use super::matching::asked_for;
use super::messages::{DeliverMessage, Recipient, Task};
use crate::domain::event::{Event, is_operational};
use crate::domain::ids::ChunkId;
use crate::domain::route::{Route, RouteStatus};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::domain::transaction::{TransactionId, TransactionStatus};
use crate::ports::Ports;
use crate::queue::Outgoing;
use crate::store::StoreError;
use crate::store::log::EventLog;
use crate::store::partners::Partners;
use crate::store::reader::Direction;
use crate::store::routes::Compiled;
use crate::store::transactions::{Found, Transactions};

/// How old what is known of a partner's promise may be.
const RECENT: Duration = Duration::from_secs(10);
/// After its time a delivery under way may still be recorded.
const SLACK: Duration = Duration::from_secs(1);
/// How often to look at what waits for a suspended route.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Chunks of the log of one look; the next one comes at once if there are more.
const CHUNKS: usize = 200;

/// Watches over promised delivery times.
#[derive(Clone)]
pub(crate) struct Promises {
    pub(crate) partners: Partners,
    pub(crate) transactions: Transactions,
    pub(crate) announcer: Announcer,
    pub(crate) log: EventLog,
    pub(crate) ports: Ports,
}

/// A delivery and the time that was promised for it.
#[derive(Clone, Copy, Debug)]
struct Promise {
    within: Duration,
    until: Millis,
}

impl Promises {
    /// Looks at an attempt: announces a delivery that is late. For one that failed for the first time and can still be in
    /// time, the message that looks again when its time is over, and after how long.
    pub(super) async fn attempted(
        &self,
        to: &Recipient,
        route: &Route,
        (event, delivered, first): (&Event, bool, bool),
    ) -> Result<Option<(Outgoing, Duration)>, EngineError> {
        let Some(promise) = self.promise(&to.scope, route, event).await? else { return Ok(None) };
        let id = TransactionId::of(event, &route.uid);
        let now = self.ports.now();
        if now > promise.until {
            self.violated(&to.scope, route, &id, promise).await;
            return Ok(None);
        }
        if delivered || !first {
            return Ok(None);
        }
        let task = Task::CheckPromise { transaction: id.to_string() };
        let message = DeliverMessage { to: to.clone(), not_before: None, task };
        Ok(Some((message.outgoing(Duration::ZERO)?, promise.until.since(now) + SLACK)))
    }

    /// Looks at a delivery whose time is over.
    pub(super) async fn check(&self, scope: &Scope, route: &Route, transaction: &str) -> Result<(), EngineError> {
        let Ok(id) = transaction.parse::<TransactionId>() else { return Ok(()) };
        let Some(Found { last, .. }) = self.transactions.find(scope, &id).await? else { return Ok(()) };
        let within = self.within(scope, route, last.partner_id.as_deref()).await?;
        if let Some(within) = within.filter(|_| last.status != TransactionStatus::Delivered) {
            let promise = Promise { within, until: id.logged_at.plus(within) };
            self.violated(scope, route, &id, promise).await;
        }
        Ok(())
    }

    /// What was promised for an event of a route: by the route, or else to the partner that the event concerns.
    async fn promise(&self, scope: &Scope, route: &Route, event: &Event) -> Result<Option<Promise>, StoreError> {
        if is_operational(&event.name) {
            return Ok(None);
        }
        let within = self.within(scope, route, event.partner_id.as_deref()).await?;
        Ok(within.map(|within| Promise { within, until: event.logged_at.plus(within) }))
    }

    /// The time that a route promises, or that was promised to the partner of the event, or of the route.
    async fn within(
        &self,
        scope: &Scope,
        route: &Route,
        partner: Option<&str>,
    ) -> Result<Option<Duration>, StoreError> {
        if let Some(seconds) = route.deliver_within_seconds {
            return Ok(Some(Duration::from_secs(seconds.into())));
        }
        let Some(partner) = partner.or(route.partner_id.as_deref()) else { return Ok(None) };
        self.partners.promise(scope, partner, RECENT).await
    }

    /// A route was suspended after `now`: the message that looks at what waits for it, and after how long. None if it
    /// promises nothing.
    pub(super) async fn suspended(
        &self,
        to: &Recipient,
        route: &Route,
        now: Millis,
    ) -> Result<Option<(Outgoing, Duration)>, EngineError> {
        let Some(within) = self.within(&to.scope, route, None).await? else { return Ok(None) };
        Ok(Some((look(to, ChunkId::floor(now))?, within + SLACK)))
    }

    /// Looks at what waits for a suspended route in the log, from a position on; gives the message that looks on, and
    /// after how long.
    pub(super) async fn look(
        &self,
        to: &Recipient,
        compiled: &Arc<Compiled>,
        from: ChunkId,
    ) -> Result<Option<(Outgoing, Duration)>, EngineError> {
        let route = &compiled.route;
        let (Some(since), RouteStatus::Suspended) = (route.state.not_live_since(), route.status()) else {
            return Ok(None);
        };
        let Some(within) = self.within(&to.scope, route, None).await? else { return Ok(None) };
        let late = ChunkId::floor(self.ports.now().minus(within));
        let mut reader = self.log.read(&to.scope, from, late, Direction::OldestFirst);
        let mut reached = from;
        for _ in 0..CHUNKS {
            let Some((chunk, events)) = reader.next().await? else {
                return Ok(Some((look(to, late.max(from))?, LOOK_EVERY)));
            };
            for (_, event) in asked_for(events, compiled).await? {
                let id = TransactionId::of(&event, &route.uid);
                if is_operational(&event.name) || (chunk.at() < since && self.arrived(&to.scope, &id).await?) {
                    continue;
                }
                let promise = Promise { within, until: event.logged_at.plus(within) };
                self.violated(&to.scope, route, &id, promise).await;
            }
            reached = chunk.after();
        }
        Ok(Some((look(to, reached)?, Duration::ZERO)))
    }

    async fn arrived(&self, scope: &Scope, id: &TransactionId) -> Result<bool, StoreError> {
        let found = self.transactions.find(scope, id).await?;
        Ok(found.is_some_and(|found| found.last.status == TransactionStatus::Delivered))
    }

    async fn violated(&self, scope: &Scope, route: &Route, id: &TransactionId, promise: Promise) {
        self.announcer.late(scope, route, id, (promise.within, promise.until)).await;
    }
}

fn look(to: &Recipient, from: ChunkId) -> Result<Outgoing, EngineError> {
    let message = DeliverMessage { to: to.clone(), not_before: None, task: Task::CheckWaiting { from } };
    Ok(message.outgoing(Duration::ZERO)?)
}
