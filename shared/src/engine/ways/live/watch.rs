//! Whether a route still takes a message while its events are being sent.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::domain::route::RouteStatus;
use crate::engine::messages::{Delivery, Recipient, Step};
use crate::store::routes::{Routes, Snapshot};

/// Whether a route takes a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// It takes it now.
    Ready,
    /// It will take it once it runs again.
    Waiting,
    /// It is gone.
    Gone,
}

impl Readiness {
    /// As the routes are.
    pub(super) fn of(snapshot: &Snapshot, to: &Recipient, delivery: &Delivery) -> Self {
        let Some(compiled) = snapshot.by_uid(&to.route) else {
            return if snapshot.is_whole() { Self::Gone } else { Self::Waiting };
        };
        let ready = match compiled.route.status() {
            RouteStatus::Running => true,
            RouteStatus::Suspended => matches!(delivery.step, Step::Probe { .. }),
            RouteStatus::Stopped => compiled.route.state.is_finished(),
        };
        if ready { Self::Ready } else { Self::Waiting }
    }
}

/// Checks now and then whether a route still takes a message.
pub(super) struct RouteWatch<'a> {
    routes: &'a Routes,
    to: &'a Recipient,
    delivery: &'a Delivery,
    /// How old what it sees may be: the answer to a stop waits for longer, so that nothing begins after it.
    age: Duration,
    seen: Mutex<(Readiness, Instant)>,
}

impl<'a> RouteWatch<'a> {
    /// Of a message that its route takes.
    pub(super) fn new(routes: &'a Routes, age: Duration, to: &'a Recipient, delivery: &'a Delivery) -> Self {
        Self { routes, to, delivery, age, seen: Mutex::new((Readiness::Ready, Instant::now())) }
    }

    /// As of a short time ago. Callers that come during a check wait for its result.
    pub(super) async fn check(&self) -> Readiness {
        let mut seen = self.seen.lock().await;
        // Half of it between looks, half of it how old a look may be.
        let half = self.age / 2;
        if seen.0 == Readiness::Ready && seen.1.elapsed() >= half {
            let checked_at = Instant::now();
            // A check that fails says nothing.
            if let Ok(snapshot) = self.routes.recent(&self.to.scope, half).await {
                seen.0 = Readiness::of(&snapshot, self.to, self.delivery);
            }
            seen.1 = checked_at;
        }
        seen.0
    }

    /// As it was seen last.
    pub(super) fn seen(self) -> Readiness {
        self.seen.into_inner().0
    }
}
