//! Watch: whether a route is still to be sent to, while a message's events are on their way.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::domain::route::RouteStatus;
use crate::queue::Head;
use crate::store::routes::{Routes, Snapshot};

/// How old a look may be, and how often a message looks: together less than the edge that the answer to a stop waits
/// for, so that nothing begins after it.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// How a route stands to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It takes it.
    Wanted,
    /// It will, once it runs again.
    Waits,
    /// It is gone, and wants nothing any more.
    Gone,
}

impl Standing {
    /// As the routes are.
    pub(super) fn of(snapshot: &Snapshot, head: &Head) -> Self {
        let Some(compiled) = snapshot.by_uid(&head.route) else { return Self::Gone };
        let wanted = match compiled.route.status {
            RouteStatus::Running => true,
            RouteStatus::Suspended => head.probe.is_some(),
            RouteStatus::Stopped => compiled.route.finished,
        };
        if wanted { Self::Wanted } else { Self::Waits }
    }
}

/// Looks now and then how a route stands to a message.
pub(super) struct Watch<'a> {
    routes: &'a Routes,
    head: &'a Head,
    seen: Mutex<(Standing, Instant)>,
}

impl<'a> Watch<'a> {
    /// Of a message that its route wants.
    pub(super) fn new(routes: &'a Routes, head: &'a Head) -> Self {
        Self { routes, head, seen: Mutex::new((Standing::Wanted, Instant::now())) }
    }

    /// As it is, but for the time between two looks. Whoever comes while somebody looks waits for what is seen.
    pub(super) async fn look(&self) -> Standing {
        let mut seen = self.seen.lock().await;
        if seen.0 == Standing::Wanted && seen.1.elapsed() >= LOOK {
            let looked_at = Instant::now();
            // A look that fails tells nothing.
            if let Ok(snapshot) = self.routes.recent(&self.head.scope, LOOK).await {
                seen.0 = Standing::of(&snapshot, self.head);
            }
            seen.1 = looked_at;
        }
        seen.0
    }

    /// As it was seen last.
    pub(super) fn seen(self) -> Standing {
        self.seen.into_inner().0
    }
}
