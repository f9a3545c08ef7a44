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
use crate::domain::route::Route;
use crate::domain::time::Millis;
use crate::outbound::Attempt;
use crate::queue::{DeliverMessage, MAX_DELAY, Outgoing, Queue};
use crate::store::letters::{Fate, Letter};
use crate::store::outcomes::Outcome;

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
    /// Events that wait for the route to start again.
    waiting: Vec<Event>,
    /// Events to try again, by delay and next attempt.
    again: BTreeMap<(Duration, u32), Vec<Event>>,
    letters: Vec<(Fate, Letter)>,
    /// The last failure that is retried, in words.
    failure: Option<String>,
}

impl Settlement {
    /// Decides for each event; those of one message share the jitter, so that they stay together.
    pub(super) fn of(tried: Vec<Tried>, attempt: u32, profile: &RetryProfile, jitter: f64, now: Millis) -> Self {
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
                    settlement.waiting.push(event);
                }
                Next::RetryIn(delay) => {
                    settlement.failure = Some(words(&result));
                    settlement.again.entry((delay, attempt + 1)).or_default().push(event);
                }
                Next::Reject => settlement.letters.push((Fate::Rejected, letter(event, &result, attempt, now))),
                Next::Dead => settlement.letters.push((Fate::Dead, letter(event, &result, attempt, now))),
            }
        }
        // Not their fault: they keep their number of attempts, and come back with the others.
        let delay = settlement.again.keys().next().map_or(Duration::from_secs(5), |(delay, _)| *delay);
        if !untried.is_empty() {
            settlement.again.entry((delay, attempt)).or_default().extend(untried);
        }
        if settlement.gone {
            let again = std::mem::take(&mut settlement.again);
            settlement.waiting.extend(again.into_values().flatten());
        }
        settlement
    }

    /// Does what is left to do.
    pub(super) async fn carry_out(
        self,
        deliverer: &Deliverer,
        message: &DeliverMessage,
        route: &Route,
        now: Millis,
    ) -> Result<(), EngineError> {
        for outgoing in deliver_messages(&message.scope, &route.uid, self.waiting, message.attempt, Duration::ZERO)? {
            deliverer.park(message, outgoing.body).await?;
        }
        let note = |action, reason: String| async move {
            deliverer.journal.note(&message.scope, &route.uid, action, &reason, now).await
        };
        for ((delay, attempt), events) in self.again {
            let count = events.len();
            deliverer.queues.send(Queue::Deliver, later(message, route, events, attempt, delay, now)?).await?;
            let reason = self.failure.as_deref().unwrap_or("the target keeps failing");
            let seconds = delay.as_secs_f64();
            note(LogAction::RetryTriggered, format!("{reason}: {count} of its events again in {seconds:.0} s")).await?;
        }
        for (fate, mut letter) in self.letters {
            letter.route.clone_from(&route.uid);
            deliverer.letters.keep(&message.scope, fate, &letter).await?;
            let action = match fate {
                Fate::Rejected => LogAction::EventRejected,
                Fate::Dead => LogAction::EventDead,
            };
            if fate == Fate::Dead {
                let copy = deliver_messages(&message.scope, &route.uid, vec![letter.event.clone()], letter.attempts, Duration::ZERO)?;
                deliverer.queues.send(Queue::DeliverDlq, copy).await?;
            }
            let status = letter.status.map_or_else(|| letter.error.clone(), |status| format!("HTTP {status}"));
            note(action, format!("{} {}: {status}", letter.event.name, letter.event.id)).await?;
        }
        Ok(())
    }
}

fn letter(event: Event, attempt: &Attempt, attempts: u32, at: Millis) -> Letter {
    Letter { route: String::new(), event, status: attempt.status, error: error_text(attempt), attempts, at }
}

/// Messages for later: a delay longer than the queue's goes in hops.
fn later(
    message: &DeliverMessage,
    route: &Route,
    events: Vec<Event>,
    attempt: u32,
    delay: Duration,
    now: Millis,
) -> Result<Vec<Outgoing>, EngineError> {
    let mut messages = deliver_messages(&message.scope, &route.uid, events, attempt, delay)?;
    if delay > MAX_DELAY {
        for outgoing in &mut messages {
            let mut content: DeliverMessage = serde_json::from_str(&outgoing.body)?;
            content.not_before = Some(now.plus(delay));
            *outgoing = Outgoing::json(&content, MAX_DELAY)?;
        }
    }
    Ok(messages)
}
