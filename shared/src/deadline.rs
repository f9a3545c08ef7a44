//! When a worker call ends, whether or not it is done: a function is stopped where it stands.

use std::time::Duration;

use tokio::time::Instant;

/// What a call keeps back to record how far it came.
const SETTLING: Duration = Duration::from_secs(10);

/// When a worker call ends.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// After this time.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// The time that is left.
    #[must_use]
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether something that takes up to `longest` can begin now and what follows from it be recorded.
    #[must_use]
    pub fn allows(self, longest: Duration) -> bool {
        self.left() > longest + SETTLING.min(longest)
    }

    /// The time that is left for what has to be recorded when it ends.
    #[must_use]
    pub fn to_settle(self) -> Duration {
        let left = self.left();
        left.saturating_sub(SETTLING.min(left / 2))
    }

    /// The earlier of this one and the end of a budget that begins now.
    #[must_use]
    pub fn within(self, budget: Duration) -> Self {
        Self(self.0.min(Instant::now() + budget))
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(self) -> bool {
        self.left().is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_longer_than_is_left_does_not_begin() {
        let left = |seconds| Deadline::after(Duration::from_secs(seconds));
        let target = Duration::from_secs(15);
        assert!(left(60).allows(target));
        // It would end in time, and nothing could be recorded.
        assert!(!left(24).allows(target) && left(24).allows(Duration::from_secs(2)));
        assert!(!left(24).is_over() && left(24).within(Duration::ZERO).is_over());
        assert!(left(0).is_over() && left(0).left().is_zero());
        assert!(left(60).to_settle() > Duration::from_secs(49) && left(4).to_settle() < Duration::from_secs(3));
    }
}
