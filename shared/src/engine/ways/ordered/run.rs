//! A run over an ordered route: what its jobs share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, Semaphore};

use super::Ordered;
use crate::domain::time::Millis;
use crate::engine::messages::Recipient;
use crate::outbound::Target;
use crate::store::routes::Compiled;

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
    /// Set if nothing more is to be begun.
    halted: AtomicBool,
}

impl Run {
    /// A run that is about to begin.
    pub(super) fn new(ordered: &Ordered, to: Recipient, compiled: Arc<Compiled>, target: Arc<dyn Target>) -> Self {
        Self {
            ordered: ordered.clone(),
            to,
            compiled,
            target,
            requests: Semaphore::new(PARALLEL_REQUESTS),
            next_request_at: Mutex::new(Millis::ZERO),
            halted: AtomicBool::new(false),
        }
    }

    pub(super) fn halt(&self) {
        self.halted.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }
}
