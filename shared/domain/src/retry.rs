//! The step after an attempt: done, retry, reject, dead letter, or stop the route.

use std::str::FromStr;
use std::time::Duration;

use super::attempt::Verdict;
use super::route::RetryKind;

/// The delays before each retry of one kind of route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryProfile(Vec<Duration>);

impl RetryProfile {
    /// Integrations and partner callbacks: 10 retries, 5 s doubling to 60 s.
    pub const STREAM: &'static str = "5s,10s,20s,40s,60s,60s,60s,60s,60s,60s";
    /// Webhook subscriptions: a day and more.
    pub const WEBHOOK: &'static str = "0s,5s,5m,30m,2h,5h,10h,14h,20h,24h";

    /// How many retries it allows.
    #[must_use]
    pub fn retries(&self) -> usize {
        self.0.len()
    }

    /// How many attempts there are at most.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        u32::try_from(self.0.len() + 1).unwrap_or(u32::MAX)
    }
}

/// The profiles of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryProfiles {
    /// For integrations and callbacks.
    pub stream: RetryProfile,
    /// For subscriptions.
    pub webhook: RetryProfile,
}

impl RetryProfiles {
    /// The one of a kind.
    #[must_use]
    pub fn of(&self, kind: RetryKind) -> &RetryProfile {
        match kind {
            RetryKind::Stream => &self.stream,
            RetryKind::Webhook => &self.webhook,
        }
    }
}

/// Not a list of delays.
#[derive(Debug, thiserror::Error)]
#[error("a retry profile is a list of delays such as 5s,10s,5m,2h, at most 50")]
pub struct NotAProfile;

impl FromStr for RetryProfile {
    type Err = NotAProfile;

    fn from_str(text: &str) -> Result<Self, NotAProfile> {
        let delays = parse_delays(text).ok_or(NotAProfile)?;
        if delays.len() <= 50 { Ok(Self(delays)) } else { Err(NotAProfile) }
    }
}

/// Reads `5s,10m,…` ; `None` where an entry is not a number with the unit `ms`, `s`, `m`, `h` or `d`.
#[must_use]
pub fn parse_delays(text: &str) -> Option<Vec<Duration>> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(parse_delay).collect()
}

fn parse_delay(entry: &str) -> Option<Duration> {
    let digits = entry.find(|c: char| !c.is_ascii_digit()).unwrap_or(entry.len());
    let number: u64 = entry[..digits].parse().ok()?;
    let unit = match &entry[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" if number == 0 => 1,
        _ => return None,
    };
    number.checked_mul(unit).filter(|ms| *ms <= 30 * 86_400_000).map(Duration::from_millis)
}

/// The step after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it arrived.
    Done,
    /// Keep it among the rejected.
    Reject,
    /// Stop the route; the event waits in the log.
    StopRoute,
    /// Try again after this delay.
    RetryIn(Duration),
    /// Out of retries: a dead letter.
    Dead,
    /// Look at the same attempt again after this delay: the target says later what becomes of it.
    LookIn(Duration),
}

/// The longest that a target may make us wait by `Retry-After`.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(86_400);

/// Decides what follows attempt number `attempt` (from 1); `jitter` is uniform in `[0, 1)`.
#[must_use]
pub fn after_attempt(verdict: Verdict, attempt: u32, profile: &RetryProfile, jitter: f64) -> Next {
    let retry_after = match verdict {
        Verdict::Delivered | Verdict::Settled => return Next::Done,
        Verdict::Pending { wait } => return Next::LookIn(wait),
        Verdict::Rejected => return Next::Reject,
        Verdict::Gone => return Next::StopRoute,
        Verdict::Failed { retry_after } => retry_after,
    };
    let index = attempt.saturating_sub(1) as usize;
    let Some(base) = profile.0.get(index) else { return Next::Dead };
    // A fifth to either side: clients that failed together do not come back together.
    let jittered = base.mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0));
    Next::RetryIn(jittered.max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FAILED: Verdict = Verdict::Failed { retry_after: None };

    #[test]
    fn the_profiles_are_the_contracts() {
        let stream: RetryProfile = RetryProfile::STREAM.parse().expect("profile");
        let webhook: RetryProfile = RetryProfile::WEBHOOK.parse().expect("profile");
        assert_eq!((stream.retries(), webhook.retries()), (10, 10));
        assert_eq!((stream.attempts(), webhook.attempts()), (11, 11));
        assert_eq!(stream.0[4], Duration::from_secs(60));
        assert_eq!(webhook.0[9], Duration::from_secs(86_400));
        for bad in ["5", "5x", "s", "-1s", "5s,,x", "99999999999999999999s", "40d"] {
            assert!(bad.parse::<RetryProfile>().is_err(), "{bad}");
        }
    }

    #[test]
    fn delays_are_read_in_every_unit() {
        let read = |text: &str| parse_delays(text).map(|list| list.iter().map(Duration::as_millis).collect::<Vec<_>>());
        assert_eq!(read("0, 7ms,6s,5m,4h,3d"), Some(vec![0, 7, 6_000, 300_000, 14_400_000, 259_200_000]));
        assert_eq!(read(" ,"), Some(vec![]));
        // A month is the longest.
        assert_eq!(read("30d"), Some(vec![2_592_000_000]));
        assert_eq!(read("2592000001ms"), None);
        let list = |length| vec!["1s"; length].join(",").parse::<RetryProfile>().map(|profile| profile.retries());
        assert_eq!(list(50).ok(), Some(50));
        assert!(list(51).is_err());
    }

    #[test]
    fn answers_lead_where_the_contract_says() {
        let profile: RetryProfile = "10s".parse().expect("profile");
        assert_eq!(after_attempt(Verdict::Delivered, 1, &profile, 0.5), Next::Done);
        assert_eq!(after_attempt(Verdict::Settled, 1, &profile, 0.5), Next::Done);
        let wait = Duration::from_secs(60);
        assert_eq!(after_attempt(Verdict::Pending { wait }, 9, &profile, 0.5), Next::LookIn(wait));
        assert_eq!(after_attempt(Verdict::Rejected, 1, &profile, 0.5), Next::Reject);
        assert_eq!(after_attempt(Verdict::Gone, 1, &profile, 0.5), Next::StopRoute);
        assert_eq!(after_attempt(FAILED, 1, &profile, 0.5), Next::RetryIn(Duration::from_secs(10)));
        assert_eq!(after_attempt(FAILED, 2, &profile, 0.5), Next::Dead);
        let asked = Verdict::Failed { retry_after: Some(Duration::from_secs(30)) };
        assert_eq!(after_attempt(asked, 1, &profile, 0.5), Next::RetryIn(Duration::from_secs(30)));
    }

    proptest! {
        #[test]
        fn a_failing_delivery_ends_and_waits_within_bounds(jitter in 0.0_f64..1.0, attempt in 1_u32..40) {
            let profile: RetryProfile = RetryProfile::STREAM.parse().expect("profile");
            match after_attempt(FAILED, attempt, &profile, jitter) {
                Next::RetryIn(delay) => {
                    prop_assert!(attempt <= 10);
                    prop_assert!(delay >= Duration::from_secs(4) && delay <= Duration::from_secs(72));
                }
                next => prop_assert_eq!((next, attempt > 10), (Next::Dead, true)),
            }
        }

        #[test]
        fn a_delay_is_spread_by_a_fifth_to_either_side(jitter in 0.01_f64..0.99, base in 1_u64..86_400) {
            let profile = RetryProfile(vec![Duration::from_secs(base)]);
            let delays = [0.0, jitter, 1.0].map(|jitter| after_attempt(FAILED, 1, &profile, jitter));
            let [Next::RetryIn(shortest), Next::RetryIn(some), Next::RetryIn(longest)] = delays else { panic!("{delays:?}") };
            prop_assert!(shortest < some && some < longest);
            let fifths = [shortest, longest].map(|delay| (delay.as_secs_f64() / base as f64 * 5.0 * 1e6).round());
            prop_assert_eq!(fifths, [4e6, 6e6]);
        }

        /// Waits around the cap, one second to a week.
        #[test]
        fn the_target_may_ask_for_a_day_at_most(wait in 1_u64..7 * 86_400, jitter in 0.0_f64..1.0) {
            let profile = RetryProfile(vec![Duration::ZERO]);
            let asked = Verdict::Failed { retry_after: Some(Duration::from_secs(wait)) };
            let delay = Duration::from_secs(wait.min(86_400));
            prop_assert_eq!(after_attempt(asked, 1, &profile, jitter), Next::RetryIn(delay));
        }

        #[test]
        fn any_text_is_read_without_panic(text: String) {
            let _ = text.parse::<RetryProfile>();
        }
    }
}
