//! A route's life: made, started, changed, stopped, deleted.

use super::EngineError;
use super::messages::Recipient;
use super::transitions::{Changed, Transitions};
use super::ways::Ways;
use crate::domain::activity::Activity;
use crate::domain::route::{Draft, Route, RouteKey, RouteStatus, Way};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::store::StoreError;
use crate::store::endings::{Ending, Endings};
use crate::store::log::EventLog;
use crate::store::routes::CreateError;

/// Makes, changes and deletes routes.
#[derive(Clone)]
pub struct Lifecycle {
    pub(crate) transitions: Transitions,
    pub(crate) ways: Ways,
    pub(crate) endings: Endings,
    pub(crate) log: EventLog,
}

impl Lifecycle {
    /// Makes a route that runs from its draft's `starts_at` on, or from now.
    ///
    /// # Errors
    /// [`LifecycleError`].
    pub async fn create(&self, scope: &Scope, draft: Draft) -> Result<Route, LifecycleError> {
        let Transitions { routes, journal, ports, edges, .. } = &self.transitions;
        let now = ports.now();
        let route = Route::new(draft, ports.unique("rt"), now, edges.next(), self.oldest(now));
        let way = self.ways.of(route.way);
        way.created(scope, &route).await?;
        if let Err(error) = routes.create(scope, &route, route.face.kind().limit()).await {
            self.forget(scope, &route).await?;
            return Err(error.into());
        }
        let route = edges.keep(scope, route).await?;
        if let Some(ends_at) = route.window.ends_at {
            let (scope, key, route) = (scope.clone(), route.key(), route.uid.clone());
            self.endings.note(&Ending { scope, face: key.face, id: key.id, route, ends_at }).await?;
        }
        journal.note(scope, &route.uid, &Activity::Started, ports.now()).await?;
        self.run(scope, &route, None).await?;
        Ok(route)
    }

    /// Events older than the log's retention cannot be sent.
    fn oldest(&self, now: Millis) -> Millis {
        now.minus(self.log.retention())
    }

    /// Sees to what a route has to get from the log, and waits for its first live moment.
    async fn run(&self, scope: &Scope, route: &Route, not_live_since: Option<Millis>) -> Result<(), EngineError> {
        self.ways.of(route.way).started(scope, route, not_live_since).await?;
        self.until_live(route).await;
        Ok(())
    }

    /// Waits for a route's first live moment; one whose window begins later is not waited for.
    pub(super) async fn until_live(&self, route: &Route) {
        let edge = route.state.live_from().min(self.transitions.edges.next());
        self.transitions.ports.wait_until(edge).await;
    }

    /// Starts a route; what it missed comes by replay. `None` if there is no such route.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn start(&self, scope: &Scope, key: &RouteKey) -> Result<Option<Route>, EngineError> {
        let Some(Changed { route, before }) = self.transitions.start(scope, key).await? else { return Ok(None) };
        match before {
            Some(before) => self.run(scope, &route, before.state.not_live_since()).await?,
            // Whoever started it may have died before it saw to the backlog.
            None if !route.state.backlog().is_empty() => self.run(scope, &route, None).await?,
            None => {}
        }
        Ok(Some(route))
    }

    /// Stops a route, and waits for its last live moment: what is published after that waits in the log, and every
    /// worker that is sending to it has seen that it stopped. `None` if there is no such route.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn stop(&self, scope: &Scope, key: &RouteKey) -> Result<Option<Route>, EngineError> {
        let Some(Changed { route, before }) = self.transitions.stop(scope, key).await? else { return Ok(None) };
        if before.is_some() {
            self.wait_for_workers().await;
        }
        Ok(Some(route))
    }

    /// Waits until every worker that is sending to a route has seen that it is not to.
    async fn wait_for_workers(&self) {
        let ports = &self.transitions.ports;
        ports.wait_until(self.transitions.edges.seen()).await;
    }

    /// Changes what its user may change of a route, if it is still as it was read.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it was changed in between.
    pub async fn update(&self, scope: &Scope, mut route: Route) -> Result<Route, EngineError> {
        let Transitions { routes, journal, ports, .. } = &self.transitions;
        let now = ports.now();
        route.updated_at = now;
        routes.update(scope, &mut route).await?;
        journal.note(scope, &route.uid, &Activity::Updated, now).await?;
        Ok(route)
    }

    /// Has a range of the log sent to a live route once more, marked as a replay. `None` if there is no such route.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn replay(
        &self,
        scope: &Scope,
        key: &RouteKey,
        (from, to): (Millis, Millis),
    ) -> Result<Option<Route>, EngineError> {
        let Transitions { routes, ports, .. } = &self.transitions;
        let oldest = self.oldest(ports.now());
        let add = |route: &mut Route| route.way == Way::Live && route.replay(from.max(oldest), to);
        let Some(route) = routes.change(scope, key, add).await? else { return Ok(None) };
        self.ways.live.replay.requested(&Recipient::new(scope, &route.uid), (from, to)).await?;
        Ok(Some(route))
    }

    /// Deletes a route and all that belongs to it; `false` if there is none.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn delete(&self, scope: &Scope, key: &RouteKey) -> Result<bool, EngineError> {
        let Some(route) = self.transitions.routes.remove(scope, key).await? else { return Ok(false) };
        if route.status() != RouteStatus::Stopped {
            // Then they write nothing more about it either.
            self.wait_for_workers().await;
        }
        self.forget(scope, &route).await?;
        Ok(true)
    }

    async fn forget(&self, scope: &Scope, route: &Route) -> Result<(), EngineError> {
        self.ways.of(route.way).forgotten(&route.uid);
        Ok(self.transitions.routes.forget_route(scope, &route.uid).await?)
    }
}

/// Why a route could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    /// The id is taken, or there are too many.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for LifecycleError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}
