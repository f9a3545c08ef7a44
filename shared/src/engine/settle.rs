//! What follows a message's attempts: retries, rejections, dead letters, parking, each in bulk.

use std::collections::BTreeMap;
use std::time::Duration;

use super::EngineError;
use super::deliver::Deliverer;
use super::dispatch::deliver_messages;
use super::sender::{answer, words};
use crate::domain::event::Event;
use crate::domain::integration::LogAction;
use crate::domain::retry::{Next, RetryProfile, after_attempt};
use crate::domain::time::Millis;
use crate::outbound::Attempt;
use crate::queue::{Head, Queue};
use crate::store::outcomes::Outcome;
use crate::store::undelivered::{UndeliveredEvent, UndeliveredKind};

/// An event and what came of its attempt; none where the worker gave up before its turn.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) event: Event,
    pub(super) attempt: Option<Attempt>,
}

impl Tried {
    pub(super) fn outcome(&self, route: &str, attempt: u32, at: Millis) -> Option<Outcome> {
        let tried = self.attempt.as_ref()?;
        let delivered = answer(tried) == crate::domain::retry::Answer::Delivered;
        let note = if delivered { String::new() } else { error_text(tried) };
        let millis = u32::try_from(tried.duration.as_millis()).unwrap_or(u32::MAX);
        let (route, event) = (route.to_owned(), self.event.id.clone());
        Some(Outcome { route, event, attempt, status: tried.status, millis, note, at })
    }
}

/// What went wrong: the beginning of the target's answer, or why there was none.
fn error_text(attempt: &Attempt) -> String {
    if attempt.excerpt.is_empty() { words(attempt) } else { attempt.excerpt.clone() }
}

/// Everything a message leaves to do.
#[derive(Debug, Default)]
pub(super) struct Settlement {
    /// The target wants nothing any more.
    pub(super) gone: bool,
    /// Events that wait for the route to start again, by next attempt.
    waiting: BTreeMap<u32, Vec<Event>>,
    /// Events to try again, by delay and next attempt.
    again: BTreeMap<(Duration, u32), Vec<Event>>,
    letters: Vec<(UndeliveredKind, UndeliveredEvent)>,
    /// The last failure that is retried, in words.
    failure: Option<String>,
}

impl Settlement {
    /// Decides for each event; those of one message share the jitter, so that they stay together.
    pub(super) fn of(
        route: &str,
        tried: Vec<Tried>,
        attempt: u32,
        profile: &RetryProfile,
        jitter: f64,
        now: Millis,
    ) -> Self {
        let mut settlement = Self::default();
        let mut untried = Vec::new();
        for Tried { event, attempt: result } in tried {
            let Some(result) = result else {
                untried.push(event);
                continue;
            };
            match after_attempt(answer(&result), attempt, profile, jitter) {
                Next::Done => {}
                Next::StopRoute => {
                    settlement.gone = true;
                    settlement.waiting.entry(attempt).or_default().push(event);
                }
                Next::RetryIn(delay) => {
                    settlement.failure = Some(words(&result));
                    settlement.again.entry((delay, attempt + 1)).or_default().push(event);
                }
                Next::Reject => {
                    settlement.letters.push((UndeliveredKind::Rejected, letter(route, event, &result, attempt, now)))
                }
                Next::Dead => {
                    settlement.letters.push((UndeliveredKind::DeadLetter, letter(route, event, &result, attempt, now)))
                }
            }
        }
        // Not their fault: they keep their number of attempts, and come back with the others.
        let delay = settlement.again.keys().next().map_or(Duration::from_secs(5), |(delay, _)| *delay);
        if !untried.is_empty() {
            settlement.again.entry((delay, attempt)).or_default().extend(untried);
        }
        if settlement.gone {
            settlement.wait_all();
        }
        settlement
    }

    /// The last failure, in words.
    pub(super) fn failure(&self) -> &str {
        self.failure.as_deref().unwrap_or("the target keeps failing")
    }

    /// Takes out the first event that is to be tried again, and its next attempt's number.
    pub(super) fn take_first(&mut self) -> Option<(Event, u32)> {
        let mut entry = self.again.first_entry()?;
        let attempt = entry.key().1;
        let event = (!entry.get().is_empty()).then(|| entry.get_mut().remove(0))?;
        if entry.get().is_empty() {
            entry.remove();
        }
        Some((event, attempt))
    }

    /// Takes out an event that would be given up: under a probe none is.
    pub(super) fn take_dead(&mut self) -> Option<(Event, u32)> {
        let place = self.letters.iter().position(|(fate, _)| *fate == UndeliveredKind::DeadLetter)?;
        let (_, letter) = self.letters.remove(place);
        Some((letter.event, letter.attempts))
    }

    /// Puts back what [`Settlement::take_first`] took.
    pub(super) fn put_back(&mut self, event: Event, attempt: u32) {
        let delay = self.again.keys().next().map_or(Duration::from_secs(5), |(delay, _)| *delay);
        self.again.entry((delay, attempt)).or_default().insert(0, event);
    }

    /// Nothing is tried again by itself: everything waits for the route to run.
    pub(super) fn wait_all(&mut self) {
        for ((_, attempt), events) in std::mem::take(&mut self.again) {
            self.waiting.entry(attempt).or_default().extend(events);
        }
    }

    /// Does what is left to do.
    pub(super) async fn carry_out(self, deliverer: &Deliverer, head: &Head, now: Millis) -> Result<(), EngineError> {
        let failure = self.failure().to_owned();
        for (attempt, events) in self.waiting {
            let head = later(head, attempt, now, Duration::ZERO);
            for message in deliver_messages(&head, events, Duration::ZERO)? {
                deliverer.park(&head, message.body).await?;
            }
        }
        for ((delay, attempt), events) in self.again {
            let count = events.len();
            let messages = deliver_messages(&later(head, attempt, now, delay), events, delay)?;
            deliverer.queues.send(Queue::Deliver, messages).await?;
            let reason = format!("{failure}: {count} of its events again in {:.0} s", delay.as_secs_f64());
            deliverer.journal.note(&head.scope, &head.route, LogAction::RetryTriggered, &reason, now).await?;
        }
        for (fate, letter) in self.letters {
            keep(deliverer, head, fate, &letter, now).await?;
        }
        Ok(())
    }
}

/// The head of what comes again: of a stretch, what was not tried keeps its turn, and the next stretch waits for it.
fn later(head: &Head, attempt: u32, now: Millis, delay: Duration) -> Head {
    Head { in_turn: head.in_turn.filter(|_| attempt == head.attempt), ..head.later(attempt, now, delay) }
}

/// Keeps an event that is given up, and says so in the log.
pub(super) async fn keep(
    deliverer: &Deliverer,
    head: &Head,
    fate: UndeliveredKind,
    letter: &UndeliveredEvent,
    now: Millis,
) -> Result<(), EngineError> {
    let note = |action, reason: String| async move {
        deliverer.journal.note(&head.scope, &head.route, action, &reason, now).await
    };
    deliverer.letters.keep(&head.scope, fate, letter).await?;
    let status = letter.status.map_or_else(|| letter.error.clone(), |status| format!("HTTP {status}"));
    let reason = format!("{} {}: {status}", letter.event.name, letter.event.id);
    match fate {
        UndeliveredKind::Rejected => {
            note(LogAction::EventRejected, reason).await?;
            for old in deliverer.letters.trim(&head.scope, fate, &head.route).await? {
                let reason = format!("{} {}: only the newest 30 are kept", old.name, old.event_id);
                note(LogAction::RejectedEventDropped, reason).await?;
            }
        }
        UndeliveredKind::DeadLetter => {
            let head = head.later(letter.attempts, now, Duration::ZERO);
            let copy = deliver_messages(&head, vec![letter.event.clone()], Duration::ZERO)?;
            deliverer.queues.send(Queue::DeliverDlq, copy).await?;
            note(LogAction::EventDead, reason).await?;
        }
    }
    Ok(())
}

pub(super) fn letter(route: &str, event: Event, attempt: &Attempt, attempts: u32, at: Millis) -> UndeliveredEvent {
    UndeliveredEvent {
        route: route.to_owned(),
        event,
        status: attempt.status,
        error: error_text(attempt),
        attempts,
        at,
    }
}
