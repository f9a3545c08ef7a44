//! Sends one event to one route's target now, because a user asked for it.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::EngineError;
use super::courier::Courier;
use super::health::Health;
use crate::domain::attempt::{Attempt, Verdict};
use crate::domain::event::Event;
use crate::domain::route::Route;
use crate::domain::scope::Scope;
use crate::outbound::TIMEOUT;

/// How long a target may take to respond, whatever its own timeout: the user's own request ends after 29 seconds.
const LONGEST: Duration = Duration::from_secs(20);

/// Sends single events.
#[derive(Clone)]
pub struct SendNow {
    pub(crate) courier: Courier,
    pub(crate) health: Health,
}

impl SendNow {
    /// Sends an event, whether or not the route runs. A target that is gone stops the route.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn send(&self, scope: &Scope, route: &Route, event: &Event) -> Result<Attempt, EngineError> {
        let target = self.courier.target(scope, route)?;
        let begun = Instant::now();
        let sent = timeout(LONGEST, self.courier.send(&*target, scope, route, event, false)).await;
        let attempt = sent.unwrap_or_else(|_elapsed| Attempt::failed(TIMEOUT, begun.elapsed()));
        if attempt.verdict == Verdict::Gone {
            self.health.gone(scope, route).await?;
        }
        Ok(attempt)
    }
}
