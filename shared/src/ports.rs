//! Time and randomness come in through here, so that tests own them.

use std::sync::Arc;

use crate::domain::ids::unique;
use crate::domain::time::Millis;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Millis;
}

/// Makes random bytes.
pub trait Random: Send + Sync + 'static {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// The machine's clock and randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Clock for System {
    fn now(&self) -> Millis {
        Millis(jiff::Timestamp::now().as_millisecond())
    }
}

impl Random for System {
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness there are no keys, no nonces and no ids: nothing can go on safely.
        #[expect(clippy::expect_used, reason = "the operating system's source of randomness is gone")]
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

/// Both, as the engine holds them.
#[derive(Clone)]
pub struct Ports {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}

impl Ports {
    /// Over the given sources.
    pub fn new(clock: impl Clock, random: impl Random) -> Self {
        Self { clock: Arc::new(clock), random: Arc::new(random) }
    }

    /// Over the machine's own.
    #[must_use]
    pub fn system() -> Self {
        Self::new(System, System)
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }

    /// A number in `[0, 1)`.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        f64::from(u32::from_le_bytes(self.bytes())) / (f64::from(u32::MAX) + 1.0)
    }

    /// A time-sortable id with a prefix that tells its kind, such as `req_01…`.
    #[must_use]
    pub fn unique(&self, prefix: &str) -> String {
        unique(prefix, self.now(), &self.bytes())
    }

    /// Returns once the clock has passed `time`.
    pub async fn wait_until(&self, time: Millis) {
        while self.now() < time {
            tokio::time::sleep(time.since(self.now())).await;
        }
    }
}
