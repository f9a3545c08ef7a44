//! A route's rate limit: what does not fit the next second is sent back to the queue with its time reserved.

use std::time::Duration;

use super::Live;
use crate::domain::event::Event;
use crate::domain::time::Millis;
use crate::engine::EngineError;
use crate::engine::messages::{DeliverMessage, Delivery, Due, Recipient};
use crate::queue::Queue;

/// A message has no more than this time's worth of events that are sent.
const SECOND: Duration = Duration::from_secs(1);

/// When the events of a message may be sent: the first at `from`, then one every `each`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spacing {
    from: Millis,
    each: Duration,
}

impl Spacing {
    /// The time of the event at this place of the message.
    pub(super) fn at(self, place: usize) -> Millis {
        self.from.plus(self.each.mul_f64(place as f64))
    }
}

/// Events of a message that wait for their time.
#[derive(Clone)]
pub(super) struct Waiting {
    events: Vec<Event>,
    from: Millis,
}

impl Live {
    /// Keeps as many events as the route may get in the next second. Those of a stretch that have to wait are given back:
    /// they follow in their order, once these are done. Others are sent on at once, with their time reserved.
    pub(super) async fn limit_rate(
        &self,
        to: &Recipient,
        delivery: &Delivery,
        events: &mut Vec<Event>,
        max_per_second: Option<u32>,
    ) -> Result<(Option<Spacing>, Option<Waiting>), EngineError> {
        let Some(rate) = max_per_second else { return Ok((None, None)) };
        let each = Duration::from_secs_f64(1.0 / f64::from(rate));
        let now = self.ports.now();
        let from = match delivery.reserved_at {
            // A stretch that was held up does not catch up faster than its rate.
            Some(from) if delivery.stretch().is_none() || from.plus(SECOND) > now => from,
            _ => self.rate.reserve(&to.scope, &to.route, each.mul_f64(events.len() as f64), now).await?,
        };
        let spacing = Some(Spacing { from, each });
        let fits = if from.since(now) < SECOND { events.len().min(rate as usize) } else { 0 };
        if delivery.stretch().is_none() && delivery.reserved_at.is_some() {
            return Ok((spacing, None));
        }
        let rest = events.split_off(fits);
        let from = from.plus(each.mul_f64(fits as f64));
        if rest.is_empty() {
            return Ok((spacing, None));
        }
        let waiting = Waiting { events: rest, from };
        if delivery.stretch().is_some() {
            return Ok((spacing, Some(waiting)));
        }
        self.send_apart(to, delivery, (waiting, each), rate as usize).await?;
        Ok((spacing, None))
    }

    /// Sends events on in messages of a second each.
    async fn send_apart(
        &self,
        to: &Recipient,
        delivery: &Delivery,
        (Waiting { events: mut rest, from: mut at }, each): (Waiting, Duration),
        rate: usize,
    ) -> Result<(), EngineError> {
        while !rest.is_empty() {
            let later = rest.split_off(rest.len().min(rate));
            let length = each.mul_f64(rest.len() as f64);
            self.send_waiting(to, delivery, Waiting { events: rest, from: at }).await?;
            (rest, at) = (later, at.plus(length));
        }
        Ok(())
    }

    /// Sends events on, to be sent when their time has come.
    pub(super) async fn send_waiting(
        &self,
        to: &Recipient,
        delivery: &Delivery,
        Waiting { events, from }: Waiting,
    ) -> Result<(), EngineError> {
        let now = self.ports.now();
        let reserved = Delivery { reserved_at: Some(from), ..delivery.clone() };
        // Whole seconds, rounded down: the worker waits out the rest.
        let due = Due::after(now, Duration::from_secs(from.since(now).as_secs()));
        let messages = DeliverMessage::deliveries(to, &reserved, events, due)?;
        Ok(self.queues.send(Queue::Deliver, messages).await?)
    }
}
