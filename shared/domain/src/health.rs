//! The health of a target: when one that keeps failing is suspended, how it is probed, when it is given up.
//!
//! One policy for every way and every kind of destination.

use std::str::FromStr;
use std::time::Duration;

use super::attempt::Verdict;
use super::retry::parse_delays;
use super::time::Millis;

/// A route whose target did not respond for this long is stopped.
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

/// The settings of health.
#[derive(Clone, Debug)]
pub struct HealthPolicy {
    /// Failures in a row that suspend a route.
    pub suspend_after: u32,
    /// How it is probed.
    pub probes: ProbeDelays,
}

/// The step after a failed probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterProbe {
    /// The next probe, after this delay.
    ProbeIn(Duration),
    /// The target has not responded for too long.
    GiveUp,
}

impl HealthPolicy {
    /// Classifies a number of failures in a row.
    #[must_use]
    pub fn judge(&self, failures_in_a_row: u32) -> Condition {
        if failures_in_a_row >= self.suspend_after { Condition::Failing } else { Condition::Unknown }
    }

    /// The step after the failed probe `number` of a route that is suspended since `suspended_at`.
    #[must_use]
    pub fn after_failed_probe(&self, suspended_at: Option<Millis>, number: u32, now: Millis) -> AfterProbe {
        if suspended_at.is_some_and(|since| now.since(since) >= GIVE_UP) {
            return AfterProbe::GiveUp;
        }
        AfterProbe::ProbeIn(self.probes.before(number.saturating_add(1)))
    }
}

/// The known state of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It accepted or rejected something.
    Responding,
    /// It failed too often in a row.
    Failing,
    /// Neither.
    Unknown,
}

/// Counts what some attempts say about their target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Attempts that failed since the target last responded.
    pub failed: u32,
    /// Whether it responded at all.
    pub responded: bool,
}

impl Tally {
    /// Counts one more attempt.
    pub fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Failed { .. } => self.failed = self.failed.saturating_add(1),
            Verdict::Delivered | Verdict::Rejected | Verdict::Gone | Verdict::Pending { .. } => {
                *self = Self { failed: 0, responded: true };
            }
            Verdict::Settled => {}
        }
    }

    /// Adds what came after it.
    pub fn extend(&mut self, later: Self) {
        if later.responded {
            *self = later;
        } else {
            self.failed = self.failed.saturating_add(later.failed);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_target_is_given_up_after_five_days() {
        let policy = HealthPolicy { suspend_after: 3, probes: "1s,2s".parse().expect("delays") };
        let after = |since: Option<i64>, number, now| policy.after_failed_probe(since.map(Millis), number, Millis(now));
        assert_eq!(after(Some(0), 0, 5 * 86_400_000 - 1), AfterProbe::ProbeIn(Duration::from_secs(2)));
        assert_eq!(after(Some(0), 0, 5 * 86_400_000), AfterProbe::GiveUp);
        assert_eq!(after(None, u32::MAX, i64::MAX), AfterProbe::ProbeIn(Duration::from_secs(2)));
        assert_eq!(policy.judge(2), Condition::Unknown);
        assert_eq!(policy.judge(3), Condition::Failing);
        for bad in ["", "16m", "x"] {
            assert!(bad.parse::<ProbeDelays>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_response_forgets_the_failures_before_it() {
        let failed = Verdict::Failed { retry_after: None };
        let tally = |verdicts: &[Verdict]| {
            let mut tally = Tally::default();
            verdicts.iter().for_each(|verdict| tally.add(*verdict));
            tally
        };
        assert_eq!(tally(&[failed, failed]), Tally { failed: 2, responded: false });
        assert_eq!(tally(&[failed, Verdict::Settled]), Tally { failed: 1, responded: false });
        let pending = Verdict::Pending { wait: Duration::ZERO };
        for response in [Verdict::Delivered, Verdict::Rejected, Verdict::Gone, pending] {
            assert_eq!(tally(&[failed, response, failed]), Tally { failed: 1, responded: true });
        }
        let mut all = tally(&[failed]);
        all.extend(tally(&[failed, failed]));
        assert_eq!(all, Tally { failed: 3, responded: false });
        all.extend(tally(&[Verdict::Delivered, failed]));
        assert_eq!(all, Tally { failed: 1, responded: true });
        all.extend(tally(&[failed]));
        assert_eq!(all, Tally { failed: 2, responded: true });
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
