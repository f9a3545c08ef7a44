//! The tick: once a minute, has due exports written, and ends temporary routes.

use std::time::Duration;

use super::EngineError;
use super::transitions::Transitions;
use super::ways::Ways;
use crate::domain::route::RouteKey;
use crate::store::endings::{Ending, Endings};

/// Does what is due.
#[derive(Clone)]
pub struct Tick {
    pub(crate) transitions: Transitions,
    pub(crate) ways: Ways,
    pub(crate) endings: Endings,
    pub(crate) grace: Duration,
}

impl Tick {
    /// Does what is due now.
    ///
    /// # Errors
    /// [`EngineError`]; the next tick tries again.
    pub async fn run(&self) -> Result<(), EngineError> {
        let now = self.transitions.ports.now();
        self.ways.export.request_due(now).await?;
        for ending in self.endings.all().await? {
            if now >= ending.ends_at.plus(self.grace) {
                self.end(&ending).await?;
            }
        }
        Ok(())
    }

    /// Stops a temporary route that has got all of its window.
    async fn end(&self, Ending { scope, face, id, route: uid, .. }: &Ending) -> Result<(), EngineError> {
        let key = RouteKey { uid: Some(uid.clone()), ..RouteKey::new(*face, id) };
        let Some(route) = self.transitions.routes.get(scope, &key).await? else {
            return Ok(self.endings.forget(scope, uid).await?);
        };
        if route.is_running() && self.ways.of(route.way).finished(scope, &route).await? {
            self.transitions.finish(scope, &route).await?;
        }
        Ok(())
    }
}
