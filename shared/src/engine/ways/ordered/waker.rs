//! Has ordered routes looked at: once their newest event is settled, and not for every chunk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::domain::time::Millis;
use crate::engine::EngineError;
use crate::engine::messages::{DeliverMessage, Due, Recipient};
use crate::ports::Ports;
use crate::queue::{Queue, Queues};

/// How much longer a wake-up waits than the log takes to settle. One wake-up serves all that is published in this time.
const SPARE: Duration = Duration::from_secs(1);
/// The most routes remembered; past that all are forgotten, and woken once more than needed.
const MAX_REMEMBERED: usize = 10_000;

/// Wakes ordered routes.
#[derive(Clone)]
pub(crate) struct OrderedWaker {
    queues: Queues,
    ports: Ports,
    grace: Duration,
    woken: Arc<Mutex<HashMap<String, Millis>>>,
}

impl OrderedWaker {
    /// Over a log that is settled after `grace`.
    pub(crate) fn new(queues: Queues, ports: Ports, grace: Duration) -> Self {
        Self { queues, ports, grace, woken: Arc::default() }
    }

    /// Has what was just logged for a route sent.
    pub(super) async fn wake(&self, to: &Recipient) -> Result<(), EngineError> {
        let now = self.ports.now();
        // A wake-up sent within the spare time comes after our event is settled.
        let served = |woken: &HashMap<String, Millis>| woken.get(&to.route).is_some_and(|at| now.since(*at) < SPARE);
        if served(&self.woken.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(());
        }
        self.wake_once_settled(to).await?;
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        if woken.len() >= MAX_REMEMBERED {
            woken.clear();
        }
        woken.insert(to.route.clone(), now);
        Ok(())
    }

    /// Has a route that begins to run looked at: at once for what is settled, and again for what is not.
    pub(super) async fn begin(&self, to: &Recipient) -> Result<(), EngineError> {
        self.wake_after(to, Duration::ZERO).await?;
        self.wake_once_settled(to).await
    }

    /// Has a route looked at once what is logged now is settled.
    pub(super) async fn wake_once_settled(&self, to: &Recipient) -> Result<(), EngineError> {
        self.wake_after(to, self.grace + SPARE).await
    }

    /// Has a route looked at after `delay`.
    pub(super) async fn wake_after(&self, to: &Recipient, delay: Duration) -> Result<(), EngineError> {
        let wake = DeliverMessage::wake(to.clone(), Due::after(self.ports.now(), delay))?;
        Ok(self.queues.send(Queue::Deliver, vec![wake]).await?)
    }

    /// Forgets a route that is gone.
    pub(super) fn forget(&self, route: &str) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).remove(route);
    }
}
