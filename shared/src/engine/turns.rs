//! Turns: the events of a stretch of the log go one after the other.
//!
//! A target that answers quickly gets the next event once it has answered. A slow one would need days for a long gap:
//! it gets 200 a second, in the order they were sent.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What usually answers within this time is quick.
const QUICK: Duration = Duration::from_millis(10);
/// So long a quick target's answer is waited for: it, or we, may be busy for a moment.
const PATIENCE: Duration = Duration::from_millis(100);
/// So long after an event began, the next one goes to a slow target.
const SPACING: Duration = Duration::from_millis(5);
/// What one answer counts for at most: a pause makes nobody slow.
const MAX_NOTED: Duration = Duration::from_millis(50);

/// The turns of one stretch.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    gate: Arc<Semaphore>,
    /// How long answers took lately, in microseconds.
    usual: Arc<AtomicU32>,
}

/// An event's turn.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Turns,
    held: OwnedSemaphorePermit,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self { gate: Arc::new(Semaphore::new(1)), usual: Arc::default() }
    }

    /// Waits for the next turn.
    pub(super) async fn next(self) -> Option<Turn> {
        let held = Arc::clone(&self.gate).acquire_owned().await.ok()?;
        Some(Turn { turns: self, held })
    }

    fn is_quick(&self) -> bool {
        u128::from(self.usual.load(Ordering::Relaxed)) <= QUICK.as_micros()
    }

    /// Each answer moves what is usual by an eighth. Two at once may lose one of them: it is an estimate.
    fn note(&self, took: Duration) {
        let took = u32::try_from(took.min(MAX_NOTED).as_micros()).unwrap_or(u32::MAX);
        let usual = self.usual.load(Ordering::Relaxed);
        self.usual.store(usual - usual / 8 + took / 8, Ordering::Relaxed);
    }
}

impl Turn {
    /// Does an event's work; the turn is the next one's when that is done, or takes too long.
    pub(super) async fn take<T>(self, work: impl Future<Output = T>) -> T {
        let Self { turns, held } = self;
        let (begun, quick, mut work) = (Instant::now(), turns.is_quick(), pin!(work));
        let done = tokio::time::timeout(if quick { PATIENCE } else { SPACING }, &mut work).await;
        if quick || done.is_ok() {
            turns.note(begun.elapsed());
        }
        drop(held);
        match done {
            Ok(done) => done,
            Err(_) => {
                let done = work.await;
                turns.note(begun.elapsed());
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

    /// Sends so many events to a target that takes so long; gives when each began and ended.
    async fn send(count: usize, takes: impl Fn(usize) -> Duration) -> Vec<(Duration, Duration)> {
        let (turns, begun) = (Turns::new(), Instant::now());
        let events = stream::iter(0..count).then(|n| {
            let turns = turns.clone();
            async move { (n, turns.next().await.expect("never closed")) }
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
