//! A route's rate limit: what does not fit the next second is sent back to the queue with its time reserved.

use std::time::Duration;

use super::Live;
use crate::domain::event::Event;
use crate::domain::time::Millis;
use crate::engine::EngineError;
use crate::engine::messages::{DeliverMessage, Delivery, Due, Recipient, Step};
use crate::queue::Queue;

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

impl Live {
    /// Keeps as many events as the route may get in the next second, and sends the others on to wait for their time. Of a
    /// stretch, the last message has the next stretch follow.
    pub(super) async fn limit_rate(
        &self,
        to: &Recipient,
        delivery: &mut Delivery,
        events: &mut Vec<Event>,
        max_per_second: Option<u32>,
    ) -> Result<Option<Spacing>, EngineError> {
        let Some(rate) = max_per_second else { return Ok(None) };
        let each = Duration::from_secs_f64(1.0 / f64::from(rate));
        if let Some(from) = delivery.reserved_at {
            return Ok(Some(Spacing { from, each }));
        }
        let now = self.ports.now();
        let from = self.rate.reserve(&to.scope, &to.route, each.mul_f64(events.len() as f64), now).await?;
        let (mut messages, mut at) = (Vec::new(), from);
        let mut rest = std::mem::take(events);
        while !rest.is_empty() {
            let later = rest.split_off(rest.len().min(rate as usize));
            let length = each.mul_f64(rest.len() as f64);
            if at.since(now) < Duration::from_secs(1) && events.is_empty() {
                *events = rest;
            } else {
                let step = if later.is_empty() { delivery.step } else { within_stretch(delivery.step) };
                let reserved = Delivery { step, reserved_at: Some(at), ..delivery.clone() };
                // Whole seconds, rounded down: the worker waits out the rest.
                let due = Due::after(now, Duration::from_secs(at.since(now).as_secs()));
                messages.extend(DeliverMessage::deliveries(to, &reserved, rest, due)?);
            }
            (rest, at) = (later, at.plus(length));
        }
        if !messages.is_empty() {
            delivery.step = within_stretch(delivery.step);
        }
        self.queues.send(Queue::Deliver, messages).await?;
        Ok(Some(Spacing { from, each }))
    }
}

/// A part of a stretch that other parts follow is not its end.
fn within_stretch(step: Step) -> Step {
    match step {
        Step::Stretch { .. } => Step::Fresh,
        other => other,
    }
}
