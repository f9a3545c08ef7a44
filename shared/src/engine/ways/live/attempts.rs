//! Sends the events of one message, many at once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::stream::{self, StreamExt as _};
use tokio::time::timeout;

use super::Live;
use super::batch::{Batch, Tried};
use super::rate::Spacing;
use super::sequencer::Sequencer;
use super::watch::{Readiness, RouteWatch};
use crate::deadline::Deadline;
use crate::domain::attempt::Attempt;
use crate::domain::event::Event;
use crate::domain::health::Tally;
use crate::engine::concurrency::Slot;

/// Requests under way at once for one message.
const PARALLEL_REQUESTS: usize = 32;
/// After this many failures in a row the rest of a message is not tried: a dead target must not hold the worker.
const MAX_FAILURES: u32 = 20;

impl Live {
    /// Attempts each event, `in_order` those of a stretch; gives them in their order.
    pub(super) async fn attempt_all(
        &self,
        batch: &Batch<'_>,
        (spacing, in_order): (Option<Spacing>, bool),
        (slot, watch): (&Slot, &RouteWatch<'_>),
        events: Vec<Event>,
    ) -> Vec<Tried> {
        let tally = Mutex::new(Tally::default());
        let sequencer = in_order.then(Sequencer::new);
        let in_turn = stream::iter(events).enumerate().then(|(place, event)| {
            let sequencer = sequencer.clone();
            async move {
                let turn = if let Some(sequencer) = sequencer { sequencer.next().await } else { None };
                (place, event, turn)
            }
        });
        let attempts = in_turn.map(|(place, event, turn)| {
            let tally = &tally;
            async move {
                if let Some(spacing) = spacing {
                    self.ports.wait_until(spacing.at(place)).await;
                }
                let start = self.starts.next().await;
                // What begins now must end, and be settled, before the worker's call does.
                let late = !batch.deadline.allows(self.timeout) || slot.is_ended();
                let gives_up = late || lock(tally).failed >= MAX_FAILURES;
                if gives_up || watch.check().await != Readiness::Ready {
                    return (place, Tried { event, attempt: None });
                }
                let (scope, replay) = (&batch.to.scope, batch.delivery.replay);
                let sending = start.send(self.courier.send(&*batch.target, scope, batch.route, &event, replay));
                let sending = in_time(sending, batch.deadline);
                let attempt = if let Some(turn) = turn { turn.take(sending).await } else { sending.await };
                slot.progressed();
                lock(tally).add(attempt.verdict);
                (place, Tried { event, attempt: Some(attempt) })
            }
        });
        // As they end: a slow response does not hold up those after it.
        let mut tried: Vec<(usize, Tried)> = attempts.buffer_unordered(PARALLEL_REQUESTS).collect().await;
        tried.sort_unstable_by_key(|(place, _)| *place);
        tried.into_iter().map(|(_, one)| one).collect()
    }
}

/// An attempt that ends before its call does: a large file may take longer than there is time.
async fn in_time(sending: impl Future<Output = Attempt>, deadline: Deadline) -> Attempt {
    let most = deadline.to_settle();
    let late = |_| Attempt::failed("it took longer than the worker has time", most);
    timeout(most, sending).await.unwrap_or_else(late)
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use super::*;
    use crate::domain::attempt::Verdict;

    #[tokio::test]
    async fn an_attempt_ends_before_its_call_does() {
        let deadline = Deadline::after(Duration::from_millis(400));
        let attempt = in_time(pending(), deadline).await;
        assert!(!deadline.is_over(), "there is time to record it");
        assert_eq!(attempt.verdict, Verdict::Failed { retry_after: None });
        assert!(attempt.reason.contains("longer"), "{}", attempt.reason);
    }
}
