//! Has ordered routes looked at: once their newest event is settled, and not for every chunk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::domain::time::Millis;
use crate::engine::EngineError;
use crate::engine::messages::{DeliverMessage, Due, Recipient};
use crate::ports::Ports;
use crate::queue::{Queue, Queues};

/// How much longer a wake-up waits than the log takes to settle, at least.
const SPARE: Duration = Duration::from_secs(1);
/// The most routes remembered; past that all are forgotten, and woken once more than needed.
const MAX_REMEMBERED: usize = 10_000;

/// Wakes ordered routes.
#[derive(Clone)]
pub(crate) struct OrderedWaker {
    queues: Queues,
    ports: Ports,
    grace: Duration,
    times: Times,
    woken: Arc<Mutex<HashMap<String, Millis>>>,
}

/// When a wake-up comes, and what it serves.
#[derive(Clone, Copy, Debug)]
struct Times {
    /// How much longer it waits than the log takes to settle.
    spare: Duration,
    /// It serves all that is logged for so long after it was sent.
    serves: Duration,
}

impl Times {
    /// Where the clock of the worker that comes may be so far behind the clock that an event was logged by.
    fn of(tolerance: Duration) -> Self {
        let spare = SPARE.max(2 * tolerance);
        Self { spare, serves: spare.saturating_sub(tolerance) }
    }
}

impl OrderedWaker {
    /// Over a log that is settled after `grace`, by clocks that differ by `tolerance`.
    pub(crate) fn new(queues: Queues, ports: Ports, (grace, tolerance): (Duration, Duration)) -> Self {
        Self { queues, ports, grace, times: Times::of(tolerance), woken: Arc::default() }
    }

    /// Has what was just logged for a route sent.
    pub(super) async fn wake(&self, to: &Recipient) -> Result<(), EngineError> {
        let now = self.ports.now();
        let is_served = |at: &Millis| now.since(*at) < self.times.serves;
        let served = |woken: &HashMap<String, Millis>| woken.get(&to.route).is_some_and(is_served);
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
        self.wake_after(to, self.grace + self.times.spare).await
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Lost without it: the last events of a burst wait until something else is published.
    #[test]
    fn what_a_wake_up_serves_is_settled_by_any_clock_when_it_comes() {
        for tolerance in [0, 1, 300, 999, 5_000].map(Duration::from_millis) {
            let Times { spare, serves } = Times::of(tolerance);
            assert!(spare >= serves + tolerance && spare >= SPARE, "{tolerance:?}");
            assert!(serves >= Duration::from_millis(500), "few wake-ups: {tolerance:?}");
        }
    }
}
