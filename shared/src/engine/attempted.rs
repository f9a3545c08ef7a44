//! An event and its attempt, as records and logs want them.

use crate::domain::activity::{EventRef, Failure};
use crate::domain::attempt::Attempt;
use crate::domain::event::Event;
use crate::domain::retry::{Next, RetryProfile, after_attempt};
use crate::domain::route::Route;
use crate::domain::time::Millis;
use crate::domain::transaction::{Direction, Outcome, RouteRef, TransactionStatus};
use crate::store::undelivered::UndeliveredEvent;

/// How a log names an event.
fn event_ref(event: &Event) -> EventRef {
    EventRef { id: event.id.clone(), name: event.name.clone() }
}

/// The target's response, or the reason that there is none.
fn error_text(attempt: &Attempt) -> String {
    if attempt.excerpt.is_empty() { attempt.reason.to_string() } else { attempt.excerpt.clone() }
}

/// The record of one attempt, number `number`, of one event.
pub(super) fn outcome(
    route: &Route,
    profile: &RetryProfile,
    event: &Event,
    (attempt, number): (&Attempt, u32),
    at: Millis,
) -> Outcome {
    let status = match after_attempt(attempt.verdict, number, profile, 0.5) {
        Next::Done => TransactionStatus::Delivered,
        Next::LookIn(_) => TransactionStatus::Delivering,
        Next::Reject => TransactionStatus::Rejected,
        Next::StopRoute | Next::RetryIn(_) => TransactionStatus::Failed,
        Next::Dead => TransactionStatus::Dead,
    };
    Outcome {
        route: RouteRef { uid: route.uid.clone(), kind: route.face.kind().into(), id: route.id.clone() },
        direction: Direction::Outbound,
        event: event.id.clone(),
        name: event.name.clone(),
        logged_at: event.logged_at,
        partner_id: event.partner_id.clone().or_else(|| route.partner_id.clone()),
        document_type: event.document_type.clone(),
        attempt: number,
        status,
        code: attempt.status,
        millis: u32::try_from(attempt.duration.as_millis()).unwrap_or(u32::MAX),
        response: attempt.excerpt.clone(),
        error: attempt.reason.to_string(),
        at,
        discarded: false,
    }
}

/// The record of an event that is given up after `number` attempts.
pub(super) fn letter(route: &str, event: Event, attempt: &Attempt, number: u32, at: Millis) -> UndeliveredEvent {
    let error = error_text(attempt);
    UndeliveredEvent { route: route.to_owned(), event, status: attempt.status, error, attempts: number, at }
}

/// The log entry's details of a failed attempt, number `number` of at most `attempts`.
pub(super) fn failure(target: &str, attempt: &Attempt, event: &Event, (number, attempts): (u32, u32)) -> Failure {
    let (target, reason) = (target.to_owned(), attempt.reason.to_string());
    Failure { target, reason, event: event_ref(event), events: 1, attempt: number, attempts }
}
