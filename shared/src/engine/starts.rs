//! How many requests one process begins at about the same time.
//!
//! A quick target gains nothing from hundreds of requests at once: they only wait for the processor, and what their
//! connections keep no longer fits into its caches. So a request begins once few others have just begun. One to a slow
//! target counts for a moment only: it holds up nobody, and as many are under way as ever.

use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How many may have just begun for each processor: enough to keep it busy.
const STARTED_PER_PROCESSOR: usize = 16;
/// How long a request counts as just begun: 16 in each 3 ms are about as many as a processor can send.
const JUST: Duration = Duration::from_millis(3);

/// The starts of this process.
#[derive(Clone, Debug)]
pub(crate) struct Starts(Arc<Semaphore>);

/// A request that may begin.
#[derive(Debug)]
pub(crate) struct Start {
    held: Option<OwnedSemaphorePermit>,
}

impl Default for Starts {
    fn default() -> Self {
        Self::of_processors(available_parallelism().map_or(1, NonZero::get))
    }
}

impl Starts {
    fn of_processors(processors: usize) -> Self {
        Self(Arc::new(Semaphore::new(STARTED_PER_PROCESSOR * processors)))
    }

    /// Waits until the next request may begin.
    pub(crate) async fn next(&self) -> Start {
        Start { held: Arc::clone(&self.0).acquire_owned().await.ok() }
    }
}

impl Start {
    /// Sends a request; another may begin once it is answered, or has turned out to be slow.
    pub(crate) async fn send<T>(self, sending: impl Future<Output = T>) -> T {
        let (Self { held }, mut sending) = (self, pin!(sending));
        let answered = timeout(JUST, &mut sending).await;
        drop(held);
        match answered {
            Ok(answer) => answer,
            Err(_) => sending.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::future::join_all;
    use tokio::task::yield_now;
    use tokio::time::{Instant, sleep};

    use super::*;

    /// Sends so many requests at once; gives how many were under way at most.
    async fn send(count: usize, request: impl AsyncFn()) -> usize {
        let (starts, under_way, most) = (Starts::of_processors(2), Cell::new(0), Cell::new(0));
        let each = (0..count).map(async |_| {
            let sending = async {
                under_way.set(under_way.get() + 1);
                most.set(most.get().max(under_way.get()));
                request().await;
                under_way.set(under_way.get() - 1);
            };
            starts.next().await.send(sending).await;
        });
        join_all(each).await;
        most.get()
    }

    #[tokio::test]
    async fn a_quick_target_has_few_requests_under_way() {
        assert_eq!(send(500, yield_now).await, 2 * STARTED_PER_PROCESSOR);
    }

    #[tokio::test]
    async fn a_slow_target_has_as_many_as_there_are() {
        let begun = Instant::now();
        let most = send(500, async || sleep(Duration::from_secs(2)).await).await;
        assert_eq!(most, 500);
        assert!(begun.elapsed() < Duration::from_secs(4), "they wait for each other no longer than a moment");
    }
}
