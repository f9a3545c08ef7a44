//! Limits over windows of time that many processes hold together, without a write for each thing they count.
//!
//! A process takes a lease on the shared counter and spends it by itself. A lease is an eighth of what the process has
//! used in the last minute: it writes some times a minute, however much it counts, and what is lost when it dies is small
//! against what it has spent.

use std::time::Duration;

use super::time::Millis;

const MINUTE: Duration = Duration::from_secs(60);
const MINUTE_MILLIS: i64 = 60_000;

/// An amount for each window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The most in a window.
    pub amount: u64,
    /// How long a window is.
    pub window: Duration,
}

impl Limit {
    /// The number of the window that `now` is in, and how long it goes on.
    #[must_use]
    pub fn window_at(&self, now: Millis) -> (i64, Duration) {
        let length = i64::try_from(self.window.as_millis()).unwrap_or(i64::MAX).max(1);
        let number = now.0.div_euclid(length);
        let end = Millis((number + 1).saturating_mul(length));
        (number, end.since(now))
    }

    /// The smallest lease, and the largest: small enough to leave something for other processes.
    fn lease_sizes(&self) -> (u64, u64) {
        // What is lost of a minute's limit is there again in the next.
        let share = if self.window > MINUTE { 500 } else { 50 };
        ((self.amount / 10_000).max(1), (self.amount / share).max(1))
    }
}

/// One process's share of a limit in the present window.
#[derive(Clone, Debug, Default)]
pub struct Account {
    window: i64,
    left: u64,
    /// What was spent in the present minute, and in the one before.
    minute: i64,
    spent: u64,
    spent_before: u64,
    /// The smallest amount that was refused in this window: larger ones are refused without asking.
    refused: Option<u64>,
}

/// The answer to a request for an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is paid for.
    Go,
    /// There is not enough left in this window.
    Refuse,
    /// Take this amount from the shared counter first.
    Lease(u64),
}

impl Account {
    /// Spends `n` at that time, of which no more than `at_most` can be leased.
    pub fn spend(&mut self, n: u64, now: Millis, limit: Limit, at_most: u64) -> Step {
        let (window, _) = limit.window_at(now);
        self.turn(now);
        if self.window != window {
            (self.window, self.left, self.refused) = (window, 0, None);
        }
        if n <= self.left {
            self.left -= n;
            self.spent += n;
            return Step::Go;
        }
        let missing = n - self.left;
        if missing > at_most || self.refused.is_some_and(|refused| n >= refused) {
            self.refused = Some(self.refused.map_or(n, |refused| refused.min(n)));
            return Step::Refuse;
        }
        let (smallest, largest) = limit.lease_sizes();
        let used = self.spent.max(self.spent_before);
        Step::Lease((used / 8).clamp(smallest, largest).max(missing).min(at_most))
    }

    /// Begins another minute, if it is over.
    fn turn(&mut self, now: Millis) {
        let minute = now.0.div_euclid(MINUTE_MILLIS);
        if minute != self.minute {
            self.spent_before = if minute == self.minute + 1 { self.spent } else { 0 };
            (self.minute, self.spent) = (minute, 0);
        }
    }

    /// A lease was granted.
    pub fn credit(&mut self, lease: u64) {
        self.left += lease;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The shared counter; gives what is left where it refuses.
    fn take(counter: &mut u64, writes: &mut u32, lease: u64, limit: u64) -> Result<(), u64> {
        *writes += 1;
        let left = limit - *counter;
        if lease > left {
            return Err(left);
        }
        *counter += lease;
        Ok(())
    }

    fn spend(account: &mut Account, n: u64, limit: Limit, counter: &mut u64, writes: &mut u32) -> bool {
        spend_at(account, n, Millis::ZERO, limit, (counter, writes))
    }

    fn spend_at(
        account: &mut Account,
        n: u64,
        now: Millis,
        limit: Limit,
        (counter, writes): (&mut u64, &mut u32),
    ) -> bool {
        let mut at_most = u64::MAX;
        loop {
            match account.spend(n, now, limit, at_most) {
                Step::Go => return true,
                Step::Refuse => return false,
                Step::Lease(lease) => match take(counter, writes, lease, limit.amount) {
                    Ok(()) => account.credit(lease),
                    Err(left) => at_most = left,
                },
            }
        }
    }

    #[test]
    fn the_last_of_a_limit_is_leased() {
        let limit = Limit { amount: 10, window: MINUTE };
        assert_eq!(Account::default().spend(3, Millis::ZERO, limit, 3), Step::Lease(3));
        assert_eq!(Account::default().spend(3, Millis::ZERO, limit, 2), Step::Refuse);
    }

    proptest! {
        #[test]
        fn together_they_never_spend_more(amount in 0_u64..5_000, asks in prop::collection::vec((0_usize..4, 1_u64..300), 0..200)) {
            let limit = Limit { amount, window: MINUTE };
            let mut accounts: Vec<Account> = (0..4).map(|_| Account::default()).collect();
            let (mut counter, mut writes, mut spent) = (0, 0, 0);
            for (who, n) in asks {
                if spend(&mut accounts[who], n, limit, &mut counter, &mut writes) {
                    spent += n;
                }
                prop_assert!(spent <= amount);
            }
        }

        #[test]
        fn alone_a_process_gets_exactly_the_limit(amount in 0_u64..5_000, asks in prop::collection::vec(1_u64..600, 0..100)) {
            let limit = Limit { amount, window: MINUTE };
            let (mut account, mut counter, mut writes, mut spent) = (Account::default(), 0, 0, 0);
            for n in asks {
                let granted = spend(&mut account, n, limit, &mut counter, &mut writes);
                prop_assert_eq!(granted, spent + n <= amount);
                spent += if granted { n } else { 0 };
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        /// Processes come and go, and take what they have leased with them.
        #[test]
        fn a_day_s_quota_is_reached_within_two_percent(
            rates in prop::collection::vec(1_u64..2_000, 1..6),
            lives in prop::collection::vec(8_i64..60, 1..40),
        ) {
            let limit = Limit { amount: 1_000_000, window: Duration::from_secs(86_400) };
            let (mut counter, mut writes, mut spent) = (0, 0, 0);
            let mut lives = lives.into_iter().cycle();
            let mut processes: Vec<(Account, i64)> = rates.iter().map(|_| (Account::default(), 0)).collect();
            for second in 0..86_400 {
                let before = spent;
                for ((account, ends), rate) in processes.iter_mut().zip(&rates) {
                    if second >= *ends {
                        (*account, *ends) = (Account::default(), second + 60 * lives.next().unwrap_or(8));
                    }
                    let now = Millis(second * 1_000);
                    if spend_at(account, *rate, now, limit, (&mut counter, &mut writes)) {
                        spent += rate;
                    }
                }
                if spent == before {
                    break;
                }
            }
            let offered: u64 = rates.iter().sum::<u64>() * 86_400;
            prop_assert!(spent >= offered.min(980_000), "{spent} of {offered}");
        }
    }

    #[test]
    fn one_process_spends_all_of_it_with_few_writes() {
        let limit = Limit { amount: 60_000, window: MINUTE };
        let (mut account, mut counter, mut writes) = (Account::default(), 0, 0);
        for _ in 0..60_000 {
            assert!(spend(&mut account, 1, limit, &mut counter, &mut writes));
        }
        assert!(writes < 120, "{writes} writes");
        assert!(!spend(&mut account, 1, limit, &mut counter, &mut writes));
        let refused = writes;
        assert!(!spend(&mut account, 1, limit, &mut counter, &mut writes) && writes == refused, "refusals are free");
    }

    #[test]
    fn what_is_too_much_at_once_leaves_the_rest_to_others() {
        let limit = Limit { amount: 100, window: MINUTE };
        let (mut one, mut other, mut counter, mut writes) = (Account::default(), Account::default(), 0, 0);
        assert!(!spend(&mut one, 150, limit, &mut counter, &mut writes));
        assert!(spend(&mut other, 90, limit, &mut counter, &mut writes));
        assert!(spend(&mut one, 10, limit, &mut counter, &mut writes));
        assert!(!spend(&mut other, 1, limit, &mut counter, &mut writes));
        assert_eq!(other.spend(1, Millis(60_000), limit, u64::MAX), Step::Lease(2), "a new window");
        other.credit(2);
        assert_eq!(other.spend(1, Millis(60_000), limit, u64::MAX), Step::Go, "the lease is of that window");
    }

    #[test]
    fn windows_follow_each_other() {
        let limit = Limit { amount: 1, window: MINUTE };
        assert_eq!(limit.window_at(Millis(59_999)), (0, Duration::from_millis(1)));
        assert_eq!(limit.window_at(Millis(60_000)), (1, MINUTE));
    }
}
