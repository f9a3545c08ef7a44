//! Sends one event to one route's target now, because a user asked for it.

use super::EngineError;
use super::courier::Courier;
use super::health::Health;
use crate::domain::attempt::{Attempt, Verdict};
use crate::domain::event::Event;
use crate::domain::route::Route;
use crate::domain::scope::Scope;

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
        let attempt = self.courier.send(&*target, scope, route, event, false).await;
        if attempt.verdict == Verdict::Gone {
            self.health.gone(scope, route).await?;
        }
        Ok(attempt)
    }
}
