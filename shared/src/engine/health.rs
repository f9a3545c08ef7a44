//! The health of targets, for every way: failures in a row are counted, a failing route is suspended and probed, and
//! comes back or is given up.
//!
//! Failures are counted in an item of their own: a healthy target costs a small read. A way says how its
//! probes are sent; what they mean is decided here.

use std::time::Duration;

use super::EngineError;
use super::transitions::Transitions;
use crate::domain::activity::StopCause;
use crate::domain::health::{AfterProbe, Condition, HealthPolicy, Tally};
use crate::domain::route::Route;
use crate::domain::scope::Scope;

/// Watches over targets.
#[derive(Clone)]
pub(crate) struct Health {
    pub(crate) transitions: Transitions,
    pub(crate) policy: HealthPolicy,
}

impl Health {
    /// Counts what attempts said about a route's target. Writes only if something failed, or had.
    pub(super) async fn judge(&self, scope: &Scope, route: &str, tally: Tally) -> Result<Condition, EngineError> {
        let routes = &self.transitions.routes;
        if tally.responded {
            if routes.failures(scope, route).await? > 0 {
                routes.clear_failures(scope, route).await?;
            }
            return Ok(Condition::Responding);
        }
        if tally.failed == 0 {
            return Ok(Condition::Unknown);
        }
        Ok(self.policy.judge(routes.add_failures(scope, route, tally.failed).await?))
    }

    /// Suspends a route; gives the delay before its first probe. `None` if it does not run any more.
    pub(super) async fn suspend(
        &self,
        scope: &Scope,
        route: &Route,
        target: &str,
        reason: &str,
    ) -> Result<Option<Duration>, EngineError> {
        let suspended = self.transitions.suspend(scope, route, target, reason).await?;
        Ok(suspended.then(|| self.policy.probes.before(0)))
    }

    /// After the first probe was sent.
    pub(super) async fn probed(&self, scope: &Scope, route: &Route) -> Result<(), EngineError> {
        self.transitions.routes.change(scope, &route.key(), Route::probed).await?;
        Ok(())
    }

    /// After a failed probe: the delay before the next one. `None` if the route was given up and stopped.
    pub(super) async fn probe_failed(
        &self,
        scope: &Scope,
        route: &Route,
        number: u32,
    ) -> Result<Option<Duration>, EngineError> {
        let now = self.transitions.ports.now();
        match self.policy.after_failed_probe(route.state.suspended_at(), number, now) {
            AfterProbe::ProbeIn(delay) => Ok(Some(delay)),
            AfterProbe::GiveUp => {
                self.transitions.give_up(scope, route, StopCause::TargetUnreachable).await?;
                Ok(None)
            }
        }
    }

    /// After a probe that the target responded to: the route runs again.
    pub(super) async fn resume(&self, scope: &Scope, route: &Route) -> Result<(), EngineError> {
        self.transitions.routes.clear_failures(scope, &route.uid).await?;
        self.transitions.resume(scope, route).await
    }

    /// After a target said that it wants no more events.
    pub(super) async fn gone(&self, scope: &Scope, route: &Route) -> Result<(), EngineError> {
        self.transitions.give_up(scope, route, StopCause::TargetGone).await
    }
}
