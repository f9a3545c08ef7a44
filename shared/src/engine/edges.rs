//! The edges of a route's live time. An edge is chosen ahead of the write that says it, so that no dispatcher can pass it
//! before it is written; after the write it is looked at whether that was so.

use std::time::Duration;

use crate::domain::route::{Route, Way};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::ports::Ports;
use crate::store::StoreError;
use crate::store::catalogue::SLACK;
use crate::store::routes::Routes;

/// How long a write usually takes at most.
const WRITE: Duration = Duration::from_millis(150);
/// The furthest that an edge is chosen ahead of a write that took long before.
const MAX_AHEAD: Duration = Duration::from_secs(20);

/// How old the workers' views of the routes may be. A scope's routes are read that often by each process, and no more.
#[derive(Clone, Copy, Debug)]
pub struct Views {
    /// Of one that matches an event: so long before the event's time. Changes take effect that much later.
    pub matching: Duration,
    /// Of one that sends: so long ago. A stop waits for it.
    pub sending: Duration,
    /// How far the clocks of two processes may be apart.
    pub tolerance: Duration,
}

impl Views {
    /// Between a write and its edge: who looked before the write does not match an event at the edge.
    fn margin(&self) -> Duration {
        self.matching + self.tolerance
    }
}

/// Chooses edges, and holds them against the time at which they were written.
#[derive(Clone)]
pub(crate) struct Edges {
    pub(crate) routes: Routes,
    pub(crate) views: Views,
    pub(crate) ports: Ports,
}

impl Edges {
    /// How far ahead edges are chosen.
    pub(super) fn ahead(&self) -> Duration {
        WRITE + self.views.margin()
    }

    /// An edge for a write that begins now.
    pub(super) fn next(&self) -> Millis {
        self.ports.now().plus(self.ahead())
    }

    /// When every worker that is sending has seen a change that is written now.
    pub(super) fn seen(&self) -> Millis {
        let slack = if self.views.sending < SLACK { Duration::ZERO } else { SLACK };
        self.ports.now().plus(self.ahead().max(self.views.sending + slack + WRITE))
    }

    /// Looks at a route that was just written as one that is live from an edge on. If the write took so long that a
    /// dispatcher may have passed the edge without knowing it, what was logged meanwhile comes by replay as well, and the
    /// route is live from a later edge on.
    pub(super) async fn keep(&self, scope: &Scope, route: Route) -> Result<Route, StoreError> {
        let (mut route, mut ahead) = (route, self.ahead());
        loop {
            let (edge, now) = (route.state.live_from(), self.ports.now());
            let is_live = route.is_running() && route.state.not_live_since().is_none();
            if route.way != Way::Live || !is_live || now.plus(self.views.margin()) <= edge {
                return Ok(route);
            }
            ahead = (2 * ahead).min(MAX_AHEAD);
            let later = now.plus(ahead);
            let changed = self.routes.change(scope, &route.key(), |route| route.move_edge(edge, later)).await?;
            match changed {
                Some(changed) if changed.state.live_from() == later => route = changed,
                // It was stopped or deleted meanwhile.
                Some(changed) => return Ok(changed),
                None => return Ok(route),
            }
        }
    }
}
