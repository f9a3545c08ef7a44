//! Ordered delivery: events of one key reach a route strictly one after the other.
//!
//! Such a route has one way only: a cursor over the settled log. Calls come by the deliver queue and name no events;
//! the first takes the route's lease and sends what there is, so that no two ever send for one route.

mod probe;
mod run;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::EngineError;
use super::deliver::Deliverer;
use crate::domain::route::RouteStatus;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::ports::Ports;
use crate::queue::{DeliverMessage, Events, Head, Outgoing, Queue, Queues};
use crate::store::outcomes::Outcome;
use crate::store::routes::Compiled;
use run::Run;

/// A call waits this much longer than the log takes to settle; so long, one call serves all that is published.
const SPARE: Duration = Duration::from_secs(1);
/// A call that comes in vain comes again after this time.
const AGAIN: Duration = Duration::from_secs(2);
/// The most routes remembered; past that all are forgotten, and called once more than need be.
const MAX_CALLED: usize = 10_000;

/// Calls ordered routes: once their newest event is settled, and not for every chunk.
#[derive(Clone)]
pub struct Caller {
    queues: Queues,
    ports: Ports,
    grace: Duration,
    called: Arc<Mutex<HashMap<String, Millis>>>,
}

impl Caller {
    /// A caller over a log that is settled after `grace`.
    #[must_use]
    pub fn new(queues: Queues, ports: Ports, grace: Duration) -> Self {
        Self { queues, ports, grace, called: Arc::default() }
    }

    /// Has what was just logged for a route sent.
    ///
    /// # Errors
    /// [`EngineError::Queue`].
    pub async fn call(&self, scope: &Scope, route: &str) -> Result<(), EngineError> {
        let now = self.ports.now();
        // A call sent within the spare time comes after our event is settled.
        let served = |called: &HashMap<String, Millis>| called.get(route).is_some_and(|at| now.since(*at) < SPARE);
        if served(&self.called.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(());
        }
        self.call_after(&Head::first(scope, route), self.grace + SPARE).await?;
        let mut called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        if called.len() >= MAX_CALLED {
            called.clear();
        }
        called.insert(route.to_owned(), now);
        Ok(())
    }

    /// Has a route that begins to run looked at: at once for what is settled, and again for what is not.
    ///
    /// # Errors
    /// [`EngineError::Queue`].
    pub async fn begin(&self, scope: &Scope, route: &str) -> Result<(), EngineError> {
        let head = Head::first(scope, route);
        self.call_after(&head, Duration::ZERO).await?;
        self.call_after(&head, self.grace + SPARE).await
    }

    /// Has a route looked at after `delay`.
    ///
    /// # Errors
    /// [`EngineError::Queue`].
    pub(super) async fn call_after(&self, head: &Head, delay: Duration) -> Result<(), EngineError> {
        let message = DeliverMessage { head: head.later(1, self.ports.now(), delay), events: Events::Ordered };
        Ok(self.queues.send(Queue::Deliver, vec![Outgoing::json(&message, delay)?]).await?)
    }
}

impl Deliverer {
    /// Sends what an ordered route has still to get, for some seconds.
    pub(super) async fn in_order(&self, head: &Head, compiled: &Arc<Compiled>) -> Result<Vec<Outcome>, EngineError> {
        if compiled.route.status == RouteStatus::Stopped {
            return Ok(Vec::new());
        }
        let Head { scope, route, .. } = head;
        let Some(lease) = self.ordered.lease(scope, route, self.ports.now()).await? else {
            // Whoever is at it may have looked at the log before our event was settled.
            if self.ordered.claim_wakeup(scope, route, self.ports.now()).await? {
                self.caller.call_after(head, AGAIN).await?;
            }
            return Ok(Vec::new());
        };
        let Some(run) = Run::new(self, head, compiled)? else { return Ok(Vec::new()) };
        Arc::new(run).go(lease).await
    }
}
