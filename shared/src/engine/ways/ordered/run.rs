//! A run over an ordered route: what its jobs share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Semaphore};

use super::Ordered;
use crate::deadline::Deadline;
use crate::domain::time::Millis;
use crate::engine::messages::Recipient;
use crate::outbound::Target;
use crate::store::ordered::LEASE;
use crate::store::routes::Compiled;

/// After this time a run begins nothing more: others wait for the worker, and the next wake-up continues.
const BUDGET: Duration = Duration::from_secs(10);
/// What a call keeps back to record how far it came.
const SETTLING: Duration = Duration::from_secs(5);
/// A lease that was renewed this long ago may be another's by the time that an event arrives.
const FENCE: Duration = Duration::from_secs(8);
const _: () = assert!(FENCE.as_secs() + 5 <= LEASE.as_secs(), "clocks differ, and a request takes its time");

/// Requests under way at once for one route.
const PARALLEL_REQUESTS: usize = 32;

/// The parts that the jobs of a run share.
pub(super) struct Run {
    pub(super) ordered: Ordered,
    pub(super) to: Recipient,
    pub(super) compiled: Arc<Compiled>,
    pub(super) target: Arc<dyn Target>,
    pub(super) requests: Semaphore,
    /// When the next request may go out under the route's rate limit.
    pub(super) next_request_at: Mutex<Millis>,
    /// After that nothing more is begun, and the next wake-up continues.
    deadline: Deadline,
    /// Set if nothing more is to be begun.
    halted: AtomicBool,
    /// When the lease was last known to be ours.
    leased_at: StdMutex<Instant>,
}

impl Run {
    /// A run that is about to begin.
    pub(super) fn new(
        ordered: &Ordered,
        to: Recipient,
        compiled: Arc<Compiled>,
        target: Arc<dyn Target>,
        deadline: Deadline,
    ) -> Self {
        // What begins then must end, and be recorded, before the call does.
        let last = deadline.left().saturating_sub(ordered.timeout + SETTLING);
        Self {
            ordered: ordered.clone(),
            to,
            compiled,
            target,
            requests: Semaphore::new(PARALLEL_REQUESTS),
            next_request_at: Mutex::new(Millis::ZERO),
            deadline: deadline.within(last.min(BUDGET)),
            halted: AtomicBool::new(false),
            leased_at: StdMutex::new(Instant::now()),
        }
    }

    pub(super) fn halt(&self) {
        self.halted.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }

    pub(super) fn is_over(&self) -> bool {
        self.deadline.is_over()
    }

    /// The lease was ours when this began.
    pub(super) fn leased(&self, at: Instant) {
        *self.leased_at.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// Whether an event may be sent now. A process that was frozen has lost its lease without knowing it: it looks at
    /// how long ago it had it, before each event.
    pub(super) fn may_send(&self) -> bool {
        let leased_at = *self.leased_at.lock().unwrap_or_else(PoisonError::into_inner);
        !self.is_halted() && !self.is_over() && leased_at.elapsed() < FENCE
    }
}
