//! The tick: once a minute, has due exports written, pipelines run, partners' servers looked at and scheduled deliveries
//! sent, and ends temporary routes.

use std::time::Duration;

use super::EngineError;
use super::messages::{DeliverMessage, Due, Recipient};
use super::pickup::Pickup;
use super::pipelines::Scheduler;
use super::transitions::Transitions;
use super::ways::Ways;
use crate::deadline::Deadline;
use crate::domain::route::RouteKey;
use crate::domain::time::Millis;
use crate::queue::{Queue, Queues};
use crate::store::endings::{Ending, Endings};
use crate::store::scheduled::{Scheduled, WakeUp};

/// The tick comes every minute, and asks for what is due before the next.
pub(super) const AHEAD: Duration = Duration::from_secs(60);

/// When something is due that is not wanted any more.
pub(super) const NEVER: Millis = Millis(4_102_444_800_000);

/// The longest that it takes to stop a route.
const ENDING: Duration = Duration::from_secs(5);

/// Does what is due.
#[derive(Clone)]
pub struct Tick {
    pub(crate) transitions: Transitions,
    pub(crate) ways: Ways,
    pub(crate) endings: Endings,
    pub(crate) scheduled: Scheduled,
    pub(crate) scheduler: Scheduler,
    pub(crate) pickup: Pickup,
    pub(crate) queues: Queues,
    pub(crate) grace: Duration,
}

impl Tick {
    /// Does what is due now.
    ///
    /// # Errors
    /// [`EngineError`]; the next tick tries again.
    pub async fn run(&self, deadline: Deadline) -> Result<(), EngineError> {
        let now = self.transitions.ports.now();
        // Each goes on where another one fails, or takes all of its time.
        let (exports, schedules, pickups, endings, woken) = tokio::join!(
            self.ways.export.request_due(now, deadline),
            self.scheduler.tick(now),
            self.pickup.tick(&self.queues, now),
            self.end_due(now, deadline),
            self.wake(now),
        );
        exports.and(schedules).and(pickups).and(endings).and(woken)
    }

    /// Stops the temporary routes whose window is over.
    async fn end_due(&self, now: Millis, deadline: Deadline) -> Result<(), EngineError> {
        let mut ended = Ok(());
        for ending in self.endings.all().await? {
            if now >= ending.ends_at.plus(self.grace) && deadline.allows(ENDING) {
                // One that fails holds up no other.
                ended = self.end(&ending).await.and(ended);
            }
        }
        ended
    }

    /// Has the deliveries sent that are due before the next tick.
    async fn wake(&self, now: Millis) -> Result<(), EngineError> {
        let due = |wake_up: &WakeUp| wake_up.at <= now.plus(AHEAD);
        let wake = |WakeUp { scope, route, at, .. }: WakeUp| {
            DeliverMessage::wake(Recipient::new(&scope, &route), Due::after(now, at.since(now)))
        };
        let messages: Result<Vec<_>, _> = self.scheduled.wake_ups().await?.into_iter().filter(due).map(wake).collect();
        Ok(self.queues.send(Queue::Deliver, messages?).await?)
    }

    /// Stops a temporary route that has got all of its window.
    async fn end(&self, Ending { scope, face, id, route: uid, .. }: &Ending) -> Result<(), EngineError> {
        let key = RouteKey { uid: Some(uid.clone()), ..RouteKey::new(*face, id) };
        let Some(route) = self.transitions.routes.get(scope, &key).await? else {
            return Ok(self.endings.forget(scope, uid).await?);
        };
        if route.is_running() && self.ways.of(route.way).finished(scope, &route).await? {
            self.transitions.finish(scope, &route).await?;
        }
        Ok(())
    }
}
