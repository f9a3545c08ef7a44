//! Sends the events of a stretch of the log one after the other.
//!
//! A target that responds quickly gets the next event after its response. A slow one would need days for a long gap: it
//! gets 200 events a second, in the order of the log.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A target that usually responds within this time is quick.
const QUICK: Duration = Duration::from_millis(10);
/// How long to wait for a quick target: either side may be busy for a moment.
const PATIENCE: Duration = Duration::from_millis(500);
/// The time between the starts of two events to a slow target.
const SPACING: Duration = Duration::from_millis(5);
/// The most that one response counts for: a single pause makes no target slow.
const MAX_NOTED: Duration = Duration::from_millis(50);

/// Orders the events of one stretch.
#[derive(Clone, Debug)]
pub(super) struct Sequencer {
    gate: Arc<Semaphore>,
    /// How long responses took lately, in microseconds.
    usual: Arc<AtomicU32>,
}

/// An event's turn.
#[derive(Debug)]
pub(super) struct Turn {
    sequencer: Sequencer,
    held: OwnedSemaphorePermit,
}

impl Sequencer {
    pub(super) fn new() -> Self {
        Self { gate: Arc::new(Semaphore::new(1)), usual: Arc::default() }
    }

    /// Waits for the next turn.
    pub(super) async fn next(self) -> Option<Turn> {
        let held = Arc::clone(&self.gate).acquire_owned().await.ok()?;
        Some(Turn { sequencer: self, held })
    }

    fn is_quick(&self) -> bool {
        u128::from(self.usual.load(Ordering::Relaxed)) <= QUICK.as_micros()
    }

    /// Each response moves the average by an eighth. Of two at once one may be lost: it is an estimate.
    fn note(&self, took: Duration) {
        let took = u32::try_from(took.min(MAX_NOTED).as_micros()).unwrap_or(u32::MAX);
        let usual = self.usual.load(Ordering::Relaxed);
        self.usual.store(usual - usual / 8 + took / 8, Ordering::Relaxed);
    }
}

impl Turn {
    /// Sends an event; the next one's turn comes when that is done, or takes too long.
    pub(super) async fn take<T>(self, work: impl Future<Output = T>) -> T {
        let Self { sequencer, held } = self;
        let (begun, quick, mut work) = (Instant::now(), sequencer.is_quick(), pin!(work));
        let done = tokio::time::timeout(if quick { PATIENCE } else { SPACING }, &mut work).await;
        if quick || done.is_ok() {
            sequencer.note(begun.elapsed());
        }
        drop(held);
        match done {
            Ok(done) => done,
            Err(_) => {
                let done = work.await;
                sequencer.note(begun.elapsed());
                done
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream::{self, StreamExt as _};
    use tokio::time::sleep;

    use super::*;

    /// Sends `count` events to a target that takes `takes(n)` for the `n`th; returns when each began and ended.
    async fn send(count: usize, takes: impl Fn(usize) -> Duration) -> Vec<(Duration, Duration)> {
        let (sequencer, begun) = (Sequencer::new(), Instant::now());
        let events = stream::iter(0..count).then(|n| {
            let sequencer = sequencer.clone();
            async move { (n, sequencer.next().await.expect("never closed")) }
        });
        let work = |n: usize| {
            let takes = takes(n);
            async move {
                let from = begun.elapsed();
                sleep(takes).await;
                (from, begun.elapsed())
            }
        };
        events.map(|(n, turn)| turn.take(work(n))).buffered(32).collect().await
    }

    #[tokio::test]
    async fn a_quick_target_gets_one_at_a_time_even_if_it_pauses() {
        let millis = |n: usize| Duration::from_millis(if n == 20 { 60 } else { 1 });
        let times = send(40, millis).await;
        assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{times:?}");
    }

    #[tokio::test]
    async fn a_slow_target_gets_many_in_order_of_sending() {
        let times = send(40, |_| Duration::from_millis(300)).await;
        assert!(times.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{times:?}");
        assert!(times[39].0 < Duration::from_secs(6), "one after the other would take 12 s: {times:?}");
    }
}
