//! Limits over windows of time that many processes hold together, without a write for each thing they count.
//!
//! A process takes a lease on the shared counter and spends it by itself. Leases double as they are used up: a process
//! that counts n things in a window writes O(log n) times, and what it has not spent is never more than what it has.

use std::time::Duration;

use super::time::Millis;

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
        ((self.amount / 1_000).max(1), (self.amount / 10).max(1))
    }
}

/// One process's share of a limit in the present window.
#[derive(Clone, Debug, Default)]
pub struct Account {
    window: i64,
    left: u64,
    leased: u64,
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
    /// Spends `n` in that window, of which no more than `at_most` can be leased.
    pub fn spend(&mut self, n: u64, window: i64, limit: Limit, at_most: u64) -> Step {
        if self.window != window {
            *self = Self { window, ..Self::default() };
        }
        if n <= self.left {
            self.left -= n;
            return Step::Go;
        }
        let missing = n - self.left;
        if missing > at_most || self.refused.is_some_and(|refused| n >= refused) {
            self.refused = Some(self.refused.map_or(n, |refused| refused.min(n)));
            return Step::Refuse;
        }
        let (smallest, largest) = limit.lease_sizes();
        Step::Lease(self.leased.clamp(smallest, largest).max(missing).min(at_most))
    }

    /// A lease was granted.
    pub fn credit(&mut self, lease: u64) {
        self.left += lease;
        self.leased += lease;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

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
        let mut at_most = u64::MAX;
        loop {
            match account.spend(n, 0, limit, at_most) {
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
        assert_eq!(Account::default().spend(3, 0, limit, 3), Step::Lease(3));
        assert_eq!(Account::default().spend(3, 0, limit, 2), Step::Refuse);
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

        #[test]
        fn a_lease_is_at_most_a_tenth_unless_more_is_asked_for(amount in 10_u64..1 << 40, asks in prop::collection::vec(1_u64..600, 0..100)) {
            let limit = Limit { amount, window: MINUTE };
            let mut account = Account::default();
            for n in asks {
                if let Step::Lease(lease) = account.spend(n, 0, limit, u64::MAX) {
                    prop_assert!(lease <= n.max(amount / 10));
                    account.credit(lease);
                    prop_assert_eq!(account.spend(n, 0, limit, u64::MAX), Step::Go);
                }
            }
        }
    }

    #[test]
    fn leases_grow_to_a_tenth_and_no_further() {
        let limit = Limit { amount: 100, window: MINUTE };
        let (mut account, mut leases) = (Account::default(), Vec::new());
        for _ in 0..60 {
            if let Step::Lease(lease) = account.spend(1, 0, limit, u64::MAX) {
                account.credit(lease);
                assert_eq!(account.spend(1, 0, limit, u64::MAX), Step::Go);
                leases.push(lease);
            }
        }
        assert_eq!(leases, [1, 1, 2, 4, 8, 10, 10, 10, 10, 10]);
    }

    #[test]
    fn one_process_spends_all_of_it_with_few_writes() {
        let limit = Limit { amount: 60_000, window: MINUTE };
        let (mut account, mut counter, mut writes) = (Account::default(), 0, 0);
        for _ in 0..60_000 {
            assert!(spend(&mut account, 1, limit, &mut counter, &mut writes));
        }
        assert!(writes < 30, "{writes} writes");
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
        assert_eq!(other.spend(1, 1, limit, u64::MAX), Step::Lease(1), "a new window");
        other.credit(1);
        assert_eq!(other.spend(1, 1, limit, u64::MAX), Step::Go, "the lease is of that window");
    }

    #[test]
    fn windows_follow_each_other() {
        let limit = Limit { amount: 1, window: MINUTE };
        assert_eq!(limit.window_at(Millis(59_999)), (0, Duration::from_millis(1)));
        assert_eq!(limit.window_at(Millis(60_000)), (1, MINUTE));
    }
}
