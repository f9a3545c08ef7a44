//! Settles a message after its attempts: retries, rejections, dead letters, waiting for the route; each in bulk.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Live;
use super::batch::{Batch, Tried};
use crate::domain::activity::{Activity, Failure};
use crate::domain::attempt::Verdict;
use crate::domain::event::Event;
use crate::domain::retry::{Next, RetryProfile, after_attempt};
use crate::domain::time::Millis;
use crate::engine::EngineError;
use crate::engine::attempted::{failure, letter};
use crate::engine::messages::{DeliverMessage, Delivery, Due, Recipient};
use crate::engine::undelivered::GivenUp;
use crate::store::undelivered::UndeliveredKind;

/// When events that were not tried come again, if no other event of their message says so.
const UNTRIED_DELAY: Duration = Duration::from_secs(5);

/// Everything that a message's attempts leave to do.
#[derive(Debug, Default)]
pub(super) struct Settlement {
    /// The target wants no more events.
    pub(super) gone: bool,
    /// Events that wait for the route to run, by next attempt.
    held: BTreeMap<u32, Vec<Event>>,
    /// Events to try again, by delay and next attempt.
    retries: BTreeMap<(Duration, u32), Vec<Event>>,
    given_up: Vec<GivenUp>,
    /// The first failure that is retried; counts all of them.
    failure: Option<Failure>,
}

impl Settlement {
    /// Decides for each event. Those of one message share the jitter, so that they stay together.
    pub(super) fn of(batch: &Batch<'_>, tried: &[Tried], profile: &RetryProfile, jitter: f64, now: Millis) -> Self {
        let (mut settlement, mut untried) = (Self::default(), Vec::new());
        let (number, attempts) = (batch.delivery.attempt(), profile.attempts());
        for Tried { event, attempt } in tried {
            let Some(attempt) = attempt else {
                untried.push(event.clone());
                continue;
            };
            if attempt.is_delivered() {
                continue;
            }
            let failure = failure(batch.target.label(), attempt, event, (number, attempts));
            let event = event.clone();
            match after_attempt(attempt.verdict, number, profile, jitter) {
                // See `Live::look_later`.
                Next::Done | Next::LookIn(_) => {}
                Next::StopRoute => {
                    settlement.gone = true;
                    settlement.held.entry(number).or_default().push(event);
                }
                Next::RetryIn(delay) => {
                    settlement.failure.get_or_insert(Failure { events: 0, ..failure }).events += 1;
                    settlement.retries.entry((delay, number + 1)).or_default().push(event);
                }
                next @ (Next::Reject | Next::Dead) => {
                    let fate = if next == Next::Dead { UndeliveredKind::DeadLetter } else { UndeliveredKind::Rejected };
                    let letter = letter(&batch.to.route, event, attempt, number, now);
                    settlement.given_up.push(GivenUp { fate, letter, failure });
                }
            }
        }
        // Not their fault: they keep their number of attempts, and come again with the others.
        let delay = settlement.retries.keys().next().map_or(UNTRIED_DELAY, |(delay, _)| *delay);
        if !untried.is_empty() {
            settlement.retries.entry((delay, number)).or_default().extend(untried);
        }
        if settlement.gone {
            settlement.hold_all();
        }
        settlement
    }

    /// The first failure that is retried.
    pub(super) fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Takes out the first event that is to be tried again, and its next attempt's number.
    pub(super) fn take_first(&mut self) -> Option<(Event, u32)> {
        let mut entry = self.retries.first_entry()?;
        let attempt = entry.key().1;
        let event = (!entry.get().is_empty()).then(|| entry.get_mut().remove(0))?;
        if entry.get().is_empty() {
            entry.remove();
        }
        Some((event, attempt))
    }

    /// Takes out an event that would be out of retries: no event is given up by a probe.
    pub(super) fn take_dead(&mut self) -> Option<Event> {
        let place = self.given_up.iter().position(|given_up| given_up.fate == UndeliveredKind::DeadLetter)?;
        Some(self.given_up.remove(place).letter.event)
    }

    /// Puts back what [`Settlement::take_first`] took.
    pub(super) fn put_back(&mut self, event: Event, attempt: u32) {
        let delay = self.retries.keys().next().map_or(UNTRIED_DELAY, |(delay, _)| *delay);
        self.retries.entry((delay, attempt)).or_default().insert(0, event);
    }

    /// No event is tried again by itself: all wait for the route to run.
    pub(super) fn hold_all(&mut self) {
        for ((_, attempt), events) in std::mem::take(&mut self.retries) {
            self.held.entry(attempt).or_default().extend(events);
        }
    }
}

impl Live {
    /// Does what is left to do after a message's attempts.
    pub(super) async fn settle(&self, batch: &Batch<'_>, settlement: Settlement) -> Result<(), EngineError> {
        let (to, now) = (batch.to, self.ports.now());
        for (attempt, events) in settlement.held {
            let delivery = later(batch.delivery, attempt);
            for message in DeliverMessage::deliveries(to, &delivery, events, Due::now())? {
                self.replay.park(to, message.body).await?;
            }
        }
        for ((delay, attempt), events) in settlement.retries {
            let delivery = later(batch.delivery, attempt);
            let messages = DeliverMessage::deliveries(to, &delivery, events, Due::now())?;
            self.send_after(to, messages, delay).await?;
            if let Some(failure) = settlement.failure.clone().filter(|_| attempt > batch.delivery.attempt()) {
                self.note_failure(to, failure, delay).await?;
            }
        }
        for given_up in settlement.given_up {
            self.undelivered.keep(to, given_up, now).await?;
        }
        Ok(())
    }
}

impl Live {
    /// Comes back to events whose target says later what becomes of them, whatever state the route is in.
    pub(super) async fn look_later(&self, batch: &Batch<'_>, tried: &[Tried]) -> Result<(), EngineError> {
        let number = batch.delivery.attempt();
        for Tried { event, attempt } in tried {
            let Some(Verdict::Pending { wait }) = attempt.as_ref().map(|attempt| attempt.verdict) else { continue };
            let same = batch.delivery.retry(number);
            let messages = DeliverMessage::deliveries(batch.to, &same, vec![event.clone()], Due::now())?;
            self.send_after(batch.to, messages, wait).await?;
        }
        Ok(())
    }

    pub(super) async fn note_failure(
        &self,
        to: &Recipient,
        failure: Failure,
        delay: Duration,
    ) -> Result<(), EngineError> {
        let next_attempt_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        let (activity, now) = (Activity::DeliveryFailed { failure, next_attempt_ms }, self.ports.now());
        Ok(self.undelivered.journal.note(&to.scope, &to.route, &activity, now).await?)
    }
}

/// How events come again. Events of a stretch that were not tried keep their turn, and the next stretch waits for them.
fn later(delivery: &Delivery, attempt: u32) -> Delivery {
    if attempt == delivery.attempt() && delivery.stretch().is_some() {
        return delivery.step(delivery.step);
    }
    delivery.retry(attempt)
}
