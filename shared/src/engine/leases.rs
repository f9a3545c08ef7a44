//! Work on a route that one worker does at a time, over all processes.

use std::time::Duration;

use tokio::time::sleep;

use super::EngineError;
use crate::domain::scope::Scope;
use crate::ports::Ports;
use crate::store::leases::{LEASE, Leases as Store};

/// How often a lease is renewed: it outlives some renewals that fail.
const RENEW_EVERY: Duration = Duration::from_secs(3);
const _: () = assert!(3 * RENEW_EVERY.as_secs() <= LEASE.as_secs(), "one renewal may fail");

/// Takes leases, and renews them while their work goes on.
#[derive(Clone)]
pub(crate) struct Leases {
    pub(crate) leases: Store,
    pub(crate) ports: Ports,
}

impl Leases {
    /// Does some work if no other worker is at the route; `None` if one is.
    ///
    /// # Errors
    /// The lease could not be taken, or another worker has it by now: then the work was broken off.
    pub(super) async fn hold<T>(
        &self,
        scope: &Scope,
        route: &str,
        work: impl Future<Output = T>,
    ) -> Result<Option<T>, EngineError> {
        let holder = hex::encode(self.ports.bytes::<12>());
        if !self.leases.take(scope, route, &holder, self.ports.now()).await? {
            return Ok(None);
        }
        let done = tokio::select! {
            done = work => Ok(done),
            lost = self.renew(scope, route, &holder) => Err(lost),
        };
        // Who cannot give it back loses it in time.
        if let Err(error) = self.leases.release(scope, route, &holder).await {
            tracing::warn!(%scope, route, %error, "a lease was not given back");
        }
        done.map(Some)
    }

    /// Renews a lease; returns once it is lost.
    async fn renew(&self, scope: &Scope, route: &str, holder: &str) -> EngineError {
        loop {
            sleep(RENEW_EVERY).await;
            match self.leases.renew(scope, route, holder, self.ports.now()).await {
                Ok(true) => {}
                Ok(false) => return EngineError::Interrupted,
                Err(error) => tracing::warn!(%scope, route, %error, "a lease was not renewed"),
            }
        }
    }
}
