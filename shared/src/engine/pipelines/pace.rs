//! How many records are written before progress is recorded: few if the target is slow, for a call may end at any time.

use std::time::Duration;

/// A part that took less is followed by a larger one.
const QUICK: Duration = Duration::from_secs(1);
/// A part that took more is followed by a smaller one.
const SLOW: Duration = Duration::from_secs(10);

/// The size of the parts that a batch is written in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    size: usize,
    least: usize,
    most: usize,
}

impl Pace {
    /// Parts of `known` records, or of the fewest, `least`; `most` are a whole batch.
    pub(super) fn new(known: Option<u32>, least: usize, most: usize) -> Self {
        let least = least.clamp(1, most.max(1));
        let size = known.map_or(least, |known| known as usize).clamp(least, most.max(1));
        Self { size, least, most: most.max(1) }
    }

    /// Records of the next part.
    pub(super) fn size(self) -> usize {
        self.size
    }

    /// Takes note of how long a part took.
    pub(super) fn took(&mut self, time: Duration) {
        if time < QUICK {
            self.size = self.size.saturating_mul(2).min(self.most);
        } else if time > SLOW {
            self.size = (self.size / 2).max(self.least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_targets_get_more_and_slow_ones_less() {
        let mut pace = Pace::new(None, 8, 1_000);
        assert_eq!(pace.size(), 8);
        for _ in 0..20 {
            pace.took(Duration::from_millis(3));
        }
        assert_eq!(pace.size(), 1_000);
        pace.took(Duration::from_secs(5));
        assert_eq!(pace.size(), 1_000);
        for _ in 0..20 {
            pace.took(Duration::from_secs(30));
        }
        assert_eq!(pace.size(), 8);
    }

    #[test]
    fn what_is_written_whole_has_one_part() {
        assert_eq!(Pace::new(None, 5_000, 5_000).size(), 5_000);
        assert_eq!(Pace::new(Some(3), 8, 4).size(), 4);
        assert_eq!(Pace::new(Some(50), 8, 1_000).size(), 50);
    }
}
