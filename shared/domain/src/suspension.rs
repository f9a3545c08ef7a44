//! When a target that keeps failing is left alone, and how it is tested meanwhile.

use std::str::FromStr;
use std::time::Duration;

use super::retry::parse_delays;
use super::time::Millis;

/// After so long without an answer the route is stopped.
pub const GIVE_UP: Duration = Duration::from_secs(5 * 86_400);

/// The delays before each probe; the last one goes on for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeDelays(Vec<Duration>);

impl ProbeDelays {
    /// 5 s doubling to 15 minutes.
    pub const DEFAULT: &'static str = "5s,10s,20s,40s,80s,160s,320s,640s,15m";

    /// The delay before probe number `n`, from 0.
    #[must_use]
    pub fn before(&self, n: u32) -> Duration {
        let index = (n as usize).min(self.0.len() - 1);
        self.0[index]
    }
}

/// Not a list of probe delays.
#[derive(Debug, thiserror::Error)]
#[error("probe delays are a list such as 5s,1m,15m: 1 to 50 of them, each 15 minutes at most")]
pub struct NotProbeDelays;

impl FromStr for ProbeDelays {
    type Err = NotProbeDelays;

    fn from_str(text: &str) -> Result<Self, NotProbeDelays> {
        let delays = parse_delays(text).ok_or(NotProbeDelays)?;
        let short = delays.iter().all(|delay| *delay <= Duration::from_secs(900));
        if (1..=50).contains(&delays.len()) && short { Ok(Self(delays)) } else { Err(NotProbeDelays) }
    }
}

/// What an operator set about suspension.
#[derive(Clone, Debug)]
pub struct SuspensionRules {
    /// Failures in a row that suspend a route.
    pub after_failures: u32,
    /// How it is probed.
    pub probes: ProbeDelays,
}

/// Whether a suspended route is to be stopped.
#[must_use]
pub fn is_hopeless(suspended_at: Option<Millis>, now: Millis) -> bool {
    suspended_at.is_some_and(|since| now.since(since) >= GIVE_UP)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_target_is_given_up_after_five_days() {
        assert!(!is_hopeless(None, Millis(i64::MAX)));
        assert!(!is_hopeless(Some(Millis(0)), Millis(5 * 86_400_000 - 1)));
        assert!(is_hopeless(Some(Millis(0)), Millis(5 * 86_400_000)));
        for bad in ["", "16m", "x"] {
            assert!(bad.parse::<ProbeDelays>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn probes_never_come_closer_and_never_end(n in 0_u32..u32::MAX - 1) {
            let delays: ProbeDelays = ProbeDelays::DEFAULT.parse().expect("default");
            prop_assert!(delays.before(n) <= delays.before(n + 1));
            prop_assert!(delays.before(n) <= Duration::from_secs(900));
        }
    }
}
