//! A clock that a test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sluice::domain::time::Millis;
use sluice::ports::{Clock, System};

/// The machine's clock, and what the test has added to it.
#[derive(Clone, Default)]
pub(crate) struct Ahead(Arc<AtomicI64>);

impl Ahead {
    pub(crate) fn by(&self, hours: f64) {
        self.0.fetch_add((hours * 3_600_000.0) as i64, Ordering::Relaxed);
    }
}

impl Clock for Ahead {
    fn now(&self) -> Millis {
        Millis(System.now().0 + self.0.load(Ordering::Relaxed))
    }
}
