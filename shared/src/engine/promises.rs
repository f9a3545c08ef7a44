//! Promised delivery times: an event that does not arrive in time is announced once, as `sla.violated`.
//!
//! A delivery that succeeds in time costs nothing but a comparison. One that fails is looked at once more when its time
//! is over.

use std::time::Duration;

use super::EngineError;
use super::announcer::Announcer;
use super::messages::{DeliverMessage, Recipient, Task};
use crate::domain::event::Event;
use crate::domain::event::is_operational;
use crate::domain::route::Route;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::domain::transaction::{TransactionId, TransactionStatus};
use crate::ports::Ports;
use crate::queue::Outgoing;
use crate::store::StoreError;
use crate::store::partners::Partners;
use crate::store::transactions::Transactions;

/// How old what is known of a partner's promise may be.
const RECENT: Duration = Duration::from_secs(10);
/// After its time a delivery under way may still be recorded.
const SLACK: Duration = Duration::from_secs(1);

/// Watches over promised delivery times.
#[derive(Clone)]
pub(crate) struct Promises {
    pub(crate) partners: Partners,
    pub(crate) transactions: Transactions,
    pub(crate) announcer: Announcer,
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
        let id = TransactionId { logged_at: event.logged_at, route: route.uid.clone(), event: event.id.clone() };
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
        let Some(found) = self.transactions.find(scope, &id).await? else { return Ok(()) };
        let last = found.last;
        let within = match route.deliver_within_seconds {
            Some(seconds) => Some(Duration::from_secs(seconds.into())),
            None => self.of_partner(scope, last.partner_id.as_deref()).await?,
        };
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
        let within = match route.deliver_within_seconds {
            Some(seconds) => Some(Duration::from_secs(seconds.into())),
            None => self.of_partner(scope, event.partner_id.as_deref().or(route.partner_id.as_deref())).await?,
        };
        Ok(within.map(|within| Promise { within, until: event.logged_at.plus(within) }))
    }

    async fn of_partner(&self, scope: &Scope, partner: Option<&str>) -> Result<Option<Duration>, StoreError> {
        let Some(partner) = partner else { return Ok(None) };
        self.partners.promise(scope, partner, RECENT).await
    }

    async fn violated(&self, scope: &Scope, route: &Route, id: &TransactionId, promise: Promise) {
        self.announcer.late(scope, route, id, (promise.within, promise.until)).await;
    }
}
