//! Changes of a route's state: started, stopped, suspended, resumed. Each is written once and logged.

use super::EngineError;
use super::announcer::Announcer;
use super::edges::Edges;
use crate::domain::activity::{Activity, StopCause};
use crate::domain::route::{Route, RouteKey, RouteStatus};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::ports::Ports;
use crate::store::journal::Journal;
use crate::store::routes::Routes;

/// Changes routes' states.
#[derive(Clone)]
pub(crate) struct Transitions {
    pub(crate) routes: Routes,
    pub(crate) journal: Journal,
    pub(crate) announcer: Announcer,
    pub(crate) edges: Edges,
    pub(crate) ports: Ports,
}

/// A route after a change that was asked for.
#[derive(Debug)]
pub(super) struct Changed {
    /// The route as it stands now.
    pub(super) route: Route,
    /// The route as it was, if the change was made; `None` if there was nothing to change.
    pub(super) before: Option<Route>,
}

impl Transitions {
    /// Starts a route; `None` if there is no such route.
    pub(super) async fn start(&self, scope: &Scope, key: &RouteKey) -> Result<Option<Changed>, EngineError> {
        self.change(scope, key, &Activity::Started, |route, now| route.start(now, self.edges.next())).await
    }

    /// Stops a route; `None` if there is no such route.
    pub(super) async fn stop(&self, scope: &Scope, key: &RouteKey) -> Result<Option<Changed>, EngineError> {
        let stopped = Activity::Stopped { cause: StopCause::Request };
        self.change(scope, key, &stopped, |route, now| route.stop(now, self.edges.next())).await
    }

    /// Stops the same route because its target is gone or unreachable.
    pub(super) async fn give_up(&self, scope: &Scope, route: &Route, cause: StopCause) -> Result<(), EngineError> {
        let stop = |route: &mut Route, now: Millis| route.stop(now, self.edges.next());
        self.change(scope, &route.key(), &Activity::Stopped { cause }, stop).await?;
        Ok(())
    }

    /// Stops the same route because it has got all of its window.
    pub(super) async fn finish(&self, scope: &Scope, route: &Route) -> Result<(), EngineError> {
        let stopped = Activity::Stopped { cause: StopCause::WindowOver };
        let finish = |route: &mut Route, now: Millis| route.finish(now, self.edges.next());
        self.change(scope, &route.key(), &stopped, finish).await?;
        Ok(())
    }

    /// Suspends the same route; `false` if it does not run any more.
    pub(super) async fn suspend(
        &self,
        scope: &Scope,
        route: &Route,
        target: &str,
        reason: &str,
    ) -> Result<bool, EngineError> {
        let activity = Activity::Suspended { target: target.to_owned(), reason: reason.to_owned() };
        let suspend = |route: &mut Route, now: Millis| route.suspend(now, self.edges.next());
        let changed = self.change(scope, &route.key(), &activity, suspend).await?;
        Ok(changed.is_some_and(|changed| changed.before.is_some()))
    }

    /// Brings the same route back from suspension, if it is still suspended.
    pub(super) async fn resume(&self, scope: &Scope, route: &Route) -> Result<(), EngineError> {
        let resume = |route: &mut Route, now: Millis| {
            route.status() == RouteStatus::Suspended && route.start(now, self.edges.next())
        };
        self.change(scope, &route.key(), &Activity::Resumed, resume).await?;
        Ok(())
    }

    /// Changes a route and logs the change, if there is one.
    pub(super) async fn change(
        &self,
        scope: &Scope,
        key: &RouteKey,
        activity: &Activity,
        mut change: impl FnMut(&mut Route, Millis) -> bool,
    ) -> Result<Option<Changed>, EngineError> {
        let mut before = None;
        let apply = |route: &mut Route| {
            let old = route.clone();
            before = change(route, self.ports.now()).then_some(old);
            before.is_some()
        };
        let Some(mut route) = self.routes.change(scope, key, apply).await? else { return Ok(None) };
        if before.is_some() {
            route = self.edges.keep(scope, route).await?;
            self.journal.note(scope, &route.uid, activity, self.ports.now()).await?;
            self.announcer.changed(scope, &route, activity).await;
        }
        Ok(Some(Changed { route, before }))
    }
}
