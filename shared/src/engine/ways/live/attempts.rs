//! Sends the events of one message, many at once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::stream::{self, StreamExt as _};

use super::Live;
use super::batch::{Batch, Tried};
use super::rate::Spacing;
use super::sequencer::Sequencer;
use super::watch::{Readiness, RouteWatch};
use crate::domain::event::Event;
use crate::domain::health::Tally;
use crate::engine::concurrency::Slot;

/// Requests under way at once for one message.
const PARALLEL_REQUESTS: usize = 32;
/// After this many failures in a row the rest of a message is not tried: a dead target must not hold the worker.
const MAX_FAILURES: u32 = 20;

impl Live {
    /// Attempts each event, `in_order` those of a stretch.
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
                // What begins now must end, and be settled, before the worker's call does.
                let late = !batch.deadline.allows(self.timeout) || slot.is_ended();
                let gives_up = late || lock(tally).failed >= MAX_FAILURES;
                if gives_up || watch.check().await != Readiness::Ready {
                    return Tried { event, attempt: None };
                }
                let (scope, replay) = (&batch.to.scope, batch.delivery.replay);
                let sending = self.courier.send(&*batch.target, scope, batch.route, &event, replay);
                let attempt = if let Some(turn) = turn { turn.take(sending).await } else { sending.await };
                slot.progressed();
                lock(tally).add(attempt.verdict);
                Tried { event, attempt: Some(attempt) }
            }
        });
        attempts.buffered(PARALLEL_REQUESTS).collect().await
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}
