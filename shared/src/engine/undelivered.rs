//! Events that are given up: rejected by their target, or out of retries. Each is kept, logged and announced. None
//! goes to a dead-letter queue: those hold what the workers themselves cannot take.

use super::EngineError;
use super::announcer::Announcer;
use super::messages::Recipient;
use crate::domain::activity::{Activity, EventRef, Failure};
use crate::domain::time::Millis;
use crate::store::journal::Journal;
use crate::store::undelivered::{UndeliveredEvent, UndeliveredEvents, UndeliveredKind};

/// Keeps events that are given up.
#[derive(Clone)]
pub(crate) struct Undelivered {
    pub(crate) letters: UndeliveredEvents,
    pub(crate) journal: Journal,
    pub(crate) announcer: Announcer,
}

/// An event that is given up, and the failure that did it.
#[derive(Debug)]
pub(super) struct GivenUp {
    pub(super) fate: UndeliveredKind,
    pub(super) letter: UndeliveredEvent,
    pub(super) failure: Failure,
}

impl Undelivered {
    /// Keeps an event, durably, and says so in its route's log.
    pub(super) async fn keep(&self, to: &Recipient, given_up: GivenUp, now: Millis) -> Result<(), EngineError> {
        let GivenUp { fate, letter, failure } = given_up;
        self.letters.keep(&to.scope, fate, &letter).await?;
        match fate {
            UndeliveredKind::Rejected => {
                self.note(to, &Activity::EventRejected { failure: failure.clone() }, now).await?;
                for old in self.letters.trim(&to.scope, fate, &to.route).await? {
                    self.note(
                        to,
                        &Activity::RejectedEventDropped { event: EventRef { id: old.event_id, name: old.name } },
                        now,
                    )
                    .await?;
                }
            }
            UndeliveredKind::DeadLetter => {
                self.note(to, &Activity::EventDead { failure: failure.clone() }, now).await?;
            }
        }
        self.announcer.given_up(&to.scope, (fate, &letter), &failure).await;
        Ok(())
    }

    async fn note(&self, to: &Recipient, activity: &Activity, now: Millis) -> Result<(), EngineError> {
        Ok(self.journal.note(&to.scope, &to.route, activity, now).await?)
    }
}
