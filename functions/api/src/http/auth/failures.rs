//! Credentials that were refused: they are refused again without a read, and who presents too many is turned away.
//!
//! Both are counted in the process, and cost the database nothing.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use http::request::Parts;
use sha2::{Digest as _, Sha256};
use sluice::domain::allowance::Limit;
use sluice::domain::time::Millis;
use sluice::ports::Ports;

use crate::http::audit::SourceIp;
use crate::http::limits::{MINUTE, too_many};
use crate::http::problem::Problem;

/// How long refused credentials are remembered. No credentials become good by being created: their secret is random.
const REMEMBERED: Duration = Duration::from_secs(5);
/// The most refused credentials remembered, and the most sources counted; past that they start anew.
const MAX_REFUSED: usize = 10_000;

/// Where a request came from: its IPv4 address, or the network of its IPv6 one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Source(Option<IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<SourceIp>().and_then(|SourceIp(text)| network(text))))
    }
}

/// A host has a whole /64 of IPv6 addresses to come from.
fn network(text: &str) -> Option<IpAddr> {
    Some(match text.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    })
}

/// What was presented, by its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Print([u8; 32]);

impl Print {
    /// Of several parts.
    pub(super) fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

/// Refused credentials, and how often a source presented some.
pub(super) struct Failures {
    per_minute: u64,
    ports: Ports,
    refused: Mutex<HashMap<Print, Millis>>,
    sources: Mutex<Sources>,
}

/// The failures of each source in one minute.
#[derive(Default)]
struct Sources {
    minute: i64,
    failures: HashMap<IpAddr, u64>,
}

impl Failures {
    /// A source may fail that often in a minute; 0 is no limit.
    pub(super) fn new(per_minute: u64, ports: Ports) -> Self {
        Self { per_minute, ports, refused: Mutex::default(), sources: Mutex::default() }
    }

    /// Whether these were refused a moment ago.
    pub(super) fn knows(&self, print: Print) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.get(&print).is_some_and(|at| self.ports.now().since(*at) < REMEMBERED)
    }

    /// Remembers that these were refused.
    pub(super) fn remember(&self, print: Print) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() >= MAX_REFUSED {
            refused.clear();
        }
        refused.insert(print, self.ports.now());
    }

    /// Counts a failure.
    pub(super) fn count(&self, source: Source) {
        let Source(Some(source)) = source else { return };
        self.in_minute(|failures| {
            if failures.len() >= MAX_REFUSED {
                failures.clear();
            }
            *failures.entry(source).or_default() += 1;
        });
    }

    /// Checks that credentials from there are worth a read.
    ///
    /// # Errors
    /// 429 `rate_limited`.
    pub(super) fn admit(&self, source: Source) -> Result<(), Problem> {
        let Source(Some(source)) = source else { return Ok(()) };
        let failed = self.in_minute(|failures| failures.get(&source).copied().unwrap_or_default());
        if self.per_minute == 0 || failed < self.per_minute {
            return Ok(());
        }
        let (_, rest) = self.limit().window_at(self.ports.now());
        Err(too_many("rate_limited", "Too many bad credentials came from this address.", rest))
    }

    fn in_minute<T>(&self, act: impl FnOnce(&mut HashMap<IpAddr, u64>) -> T) -> T {
        let (minute, _) = self.limit().window_at(self.ports.now());
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.minute != minute {
            *sources = Sources { minute, failures: HashMap::new() };
        }
        act(&mut sources.failures)
    }

    fn limit(&self) -> Limit {
        Limit { amount: self.per_minute, window: MINUTE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_address_or_the_network_of_one() {
        assert_eq!(network("192.0.2.1"), "192.0.2.1".parse().ok());
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1".parse().ok());
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("unknown"), None);
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let failures = Failures::new(1, Ports::system());
        for n in 0..25_000_u32 {
            failures.remember(Print::of(&[&n.to_string()]));
            failures.count(Source(Some(IpAddr::V4(n.into()))));
        }
        assert!(failures.knows(Print::of(&["24999"])) && !failures.knows(Print::of(&["0"])));
        assert!(failures.refused.lock().expect("a lock").len() <= MAX_REFUSED);
        assert!(failures.sources.lock().expect("a lock").failures.len() <= MAX_REFUSED);
        assert_eq!(failures.admit(Source(Some(IpAddr::V4(24_999_u32.into())))).expect_err("refused").status, 429);
        assert!(failures.admit(Source(None)).is_ok());
    }
}
