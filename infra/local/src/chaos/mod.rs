//! An AWS as unkind as the real one: a layer between the SDK's clients and the servers that injects faults.
//!
//! What happens follows from a seed. Nothing here breaks a promise that AWS makes: what was acknowledged was done.

mod connector;
mod fault;
mod requests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_http_client::Builder;
use fastrand::Rng;
use sluice::domain::time::Millis;
use sluice::ports::{Clock, Ports, System};

use connector::UnkindClient;
use fault::Fault;

/// How far the clocks of the API and of the workers are apart.
pub const SKEW: Duration = Duration::from_millis(300);

/// Decides what goes wrong, and counts it. Clones share both.
#[derive(Clone, Debug)]
pub struct Chaos {
    rng: Arc<Mutex<Rng>>,
    injected: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl Chaos {
    /// The faults of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { rng: Arc::new(Mutex::new(Rng::with_seed(seed))), injected: Arc::default() }
    }

    /// What was injected so far, by its name.
    #[must_use]
    pub fn injected(&self) -> BTreeMap<&'static str, u64> {
        self.injected.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same configuration, with a client whose requests and answers suffer.
    pub(crate) fn over(&self, config: SdkConfig) -> SdkConfig {
        // An outside emulator is reached in plain HTTP.
        let inner = config.http_client().unwrap_or_else(|| Builder::new().build_http());
        let client = UnkindClient { inner, chaos: self.clone() };
        config.into_builder().http_client(client).build()
    }

    /// How long a worker call may take before it is dropped where it stands, if it is: less than its timeout.
    pub(crate) fn cut(&self, timeout: Duration) -> Option<Duration> {
        self.happens("worker dropped in the middle", 0.06).then(|| timeout.mul_f64(self.draw(Rng::f64) / 20.0))
    }

    fn fault(&self, operation: &str) -> Option<Fault> {
        let fault = self.draw(|rng| Fault::of(rng, operation))?;
        self.count(fault.name());
        Some(fault)
    }

    fn happens(&self, name: &'static str, share: f64) -> bool {
        let happens = self.draw(Rng::f64) < share;
        if happens {
            self.count(name);
        }
        happens
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut self.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn count(&self, name: &'static str) {
        *self.injected.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
    }
}

/// A clock that is behind another one.
struct Behind(Ports);

impl Clock for Behind {
    fn now(&self) -> Millis {
        self.0.now().minus(SKEW)
    }
}

/// The ports of a process whose clock is behind.
pub(crate) fn behind(ports: &Ports) -> Ports {
    Ports::new(Behind(ports.clone()), System)
}
