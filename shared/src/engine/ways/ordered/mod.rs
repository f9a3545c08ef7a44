//! The ordered way: events of one key reach a route strictly one after the other.
//!
//! Such a route reads the settled log by a cursor of its own. Wake-ups come by the deliver queue and carry no events; the
//! first takes the route's lease and sends what there is, so that no two workers ever send for one route.

mod cycle;
mod job;
mod probe;
mod run;
mod waker;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Matched, RouteWay, Work};
use crate::domain::ids::ChunkId;
use crate::domain::retry::RetryProfiles;
use crate::domain::route::{MAX_GAP, Route, RouteStatus};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::domain::transaction::Outcome;
use crate::engine::EngineError;
use crate::engine::courier::Courier;
use crate::engine::health::Health;
use crate::engine::messages::{Recipient, Task};
use crate::engine::undelivered::Undelivered;
use crate::ports::Ports;
use crate::store::log::EventLog;
use crate::store::ordered::Ordered as Progresses;
use crate::store::routes::Routes;
use run::Run;

pub(crate) use waker::OrderedWaker;

/// When a wake-up comes again that found another worker at the route.
const WAKE_AGAIN: Duration = Duration::from_secs(2);

/// The ordered way.
#[derive(Clone)]
pub(crate) struct Ordered {
    pub(crate) courier: Courier,
    pub(crate) routes: Routes,
    pub(crate) log: EventLog,
    pub(crate) progress: Progresses,
    pub(crate) health: Health,
    pub(crate) undelivered: Undelivered,
    pub(crate) profiles: RetryProfiles,
    pub(crate) waker: OrderedWaker,
    pub(crate) grace: Duration,
    /// The longest that an attempt takes.
    pub(crate) timeout: Duration,
    pub(crate) ports: Ports,
}

#[async_trait]
impl RouteWay for Ordered {
    async fn created(&self, scope: &Scope, route: &Route) -> Result<(), EngineError> {
        let start = route.window.starts_at.max(self.ports.now().minus(self.log.retention()));
        Ok(self.progress.create(scope, &route.uid, start).await?)
    }

    async fn matched(&self, scope: &Scope, matches: Vec<Matched>) -> Result<(), EngineError> {
        for Matched { route, .. } in matches {
            self.waker.wake(&Recipient::new(scope, &route)).await?;
        }
        Ok(())
    }

    async fn deliver(&self, work: Work) -> Result<Vec<Outcome>, EngineError> {
        let Work { to, task, compiled, deadline, .. } = work;
        if !matches!(task, Task::Wake) || compiled.route.status() == RouteStatus::Stopped {
            return Ok(Vec::new());
        }
        let Some(lease) = self.progress.lease(&to.scope, &to.route, self.ports.now()).await? else {
            // The worker at it may have read the log before our event was settled.
            if self.progress.claim_wakeup(&to.scope, &to.route, self.ports.now()).await? {
                self.waker.wake_after(&to, WAKE_AGAIN).await?;
            }
            return Ok(Vec::new());
        };
        let target = self.courier.target(&to.scope, &compiled.route)?;
        Arc::new(Run::new(self, to, compiled, target, deadline)).go(lease).await
    }

    async fn started(&self, scope: &Scope, route: &Route, not_live_since: Option<Millis>) -> Result<(), EngineError> {
        let now = self.ports.now();
        if not_live_since.is_some_and(|since| now.since(since) > MAX_GAP) {
            self.progress.create(scope, &route.uid, now).await?;
        }
        self.waker.begin(&Recipient::new(scope, &route.uid)).await
    }

    async fn finished(&self, scope: &Scope, route: &Route) -> Result<bool, EngineError> {
        let Some(end) = route.window.ends_at else { return Ok(false) };
        let progress = self.progress.progress(scope, &route.uid).await?;
        let whole = progress.is_none_or(|p| p.lanes.is_empty() && p.cursor >= ChunkId::floor(end));
        if !whole {
            self.waker.wake(&Recipient::new(scope, &route.uid)).await?;
        }
        Ok(whole)
    }

    fn forgotten(&self, route: &str) {
        self.waker.forget(route);
    }
}
