//! One job of a run: the next events of one key, read from the log and sent one after the other.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::SemaphorePermit;

use super::run::Run;
use crate::domain::activity::Failure;
use crate::domain::event::Event;
use crate::domain::export::Position;
use crate::domain::health::Tally;
use crate::domain::ids::ChunkId;
use crate::domain::ordering::{End, Job, Placed, Progress, lane_of};
use crate::domain::retry::{Next, after_attempt};
use crate::domain::time::Millis;
use crate::domain::transaction::Outcome;
use crate::engine::EngineError;
use crate::engine::attempted::{failure, letter, outcome};
use crate::engine::matching::asked_for;
use crate::engine::undelivered::GivenUp;
use crate::store::reader::Direction;
use crate::store::undelivered::UndeliveredKind;

/// The most events taken up at once, and the most lanes before that: more keys than this behind hold back the rest.
pub(super) const BATCH_EVENTS: usize = 250;
/// Chunks read at once, whatever matches.
const BATCH_CHUNKS: usize = 100;

/// The result of a job.
pub(super) struct Ran {
    pub(super) lane: String,
    pub(super) end: End,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) tally: Tally,
    pub(super) gone: bool,
    /// The target's failure, and the delay until the next attempt.
    pub(super) failure: Option<(Failure, Duration)>,
}

impl Run {
    /// Takes up the next events of the settled log; and whether it goes on after them.
    pub(super) async fn take_up(&self, progress: &mut Progress) -> Result<(Vec<Job>, bool), EngineError> {
        let settled = self.ordered.ports.now().minus(self.ordered.grace);
        let limit = self.compiled.route.window.ends_at.map_or(settled, |end| end.min(settled));
        let end = ChunkId::floor(limit);
        if progress.cursor >= end {
            return Ok((Vec::new(), false));
        }
        let (events, next) = self.read(progress.cursor, end, BATCH_EVENTS, |_, _| true).await?;
        Ok((progress.take_up(events, next.unwrap_or(end)), next.is_some()))
    }

    /// The next events of a lane that is behind the cursor, read from the log again.
    pub(super) async fn lane_job(&self, progress: &Progress, name: &str, most: usize) -> Result<Job, EngineError> {
        let lane = &progress.lanes[name];
        let inside = |at: Position, event: &_| at >= lane.from && at < lane.to && lane_of(event) == name;
        let (mut events, next) = self.read(lane.from.chunk, lane.to.chunk.after(), most, inside).await?;
        let whole = next.is_none() && events.len() <= most;
        events.truncate(most);
        let upto = match (events.last(), next) {
            _ if whole => lane.to,
            (Some((at, _)), _) => at.next(),
            (None, next) => next.map_or(lane.to, |chunk| Position { chunk, index: 0 }),
        };
        Ok(Job { lane: name.to_owned(), events, upto, attempt: lane.attempt })
    }

    /// Events of the log that the route asks for, about `most` of them, and the chunk to continue with if that is not
    /// the end.
    async fn read(
        &self,
        from: ChunkId,
        end: ChunkId,
        most: usize,
        wanted: impl Fn(Position, &Event) -> bool,
    ) -> Result<(Vec<Placed>, Option<ChunkId>), EngineError> {
        let mut reader = self.ordered.log.read(&self.to.scope, from, end, Direction::OldestFirst);
        let (mut events, mut chunks) = (Vec::new(), 0);
        while let Some((chunk, content)) = reader.next().await? {
            if events.len() >= most || chunks >= BATCH_CHUNKS {
                return Ok((events, Some(chunk)));
            }
            chunks += 1;
            let asked = asked_for(content, &self.compiled).await?.into_iter();
            let placed = asked.map(|(index, event)| (Position { chunk, index }, event));
            events.extend(placed.filter(|(at, event)| wanted(*at, event)));
        }
        Ok((events, None))
    }

    /// Sends the events of one lane, one after the other.
    pub(super) async fn work(self: Arc<Self>, job: Job) -> Result<Ran, EngineError> {
        let (ordered, route) = (&self.ordered, &self.compiled.route);
        let profile = ordered.profiles.of(route.retry);
        let mut ran = Ran::new(&job);
        let mut number = job.attempt;
        for (at, event) in job.events {
            let Some(_permit) = self.permit().await else {
                ran.end = End::Held { at, attempt: number, not_before: Millis::ZERO };
                return Ok(ran);
            };
            let attempt = ordered.courier.send(&*self.target, &self.to.scope, route, &event, false).await;
            let now = ordered.ports.now();
            ran.tally.add(attempt.verdict);
            ran.outcomes.push(outcome(route, profile, &event, (&attempt, number), now));
            match after_attempt(attempt.verdict, number, profile, ordered.ports.fraction()) {
                // What waits for a target's later word is no matter of order: no target of an ordered route does.
                Next::Done | Next::LookIn(_) => {}
                Next::StopRoute => {
                    ran.gone = true;
                    ran.end = End::Held { at, attempt: number, not_before: Millis::ZERO };
                    return Ok(ran);
                }
                Next::RetryIn(delay) => {
                    let failure = failure(self.target.label(), &attempt, &event, (number, profile.attempts()));
                    ran.failure = Some((failure, delay));
                    ran.end = End::Held { at, attempt: number + 1, not_before: now.plus(delay) };
                    return Ok(ran);
                }
                next @ (Next::Reject | Next::Dead) => {
                    let fate = if next == Next::Dead { UndeliveredKind::DeadLetter } else { UndeliveredKind::Rejected };
                    let failure = failure(self.target.label(), &attempt, &event, (number, profile.attempts()));
                    let letter = letter(&route.uid, event, &attempt, number, now);
                    ordered.undelivered.keep(&self.to, GivenUp { fate, letter, failure }, now).await?;
                }
            }
            number = 1;
        }
        Ok(ran)
    }

    /// Waits for room and for the route's rate limit; `None` if nothing more is to be sent.
    async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        let permit = self.requests.acquire().await.ok()?;
        if let Some(rate) = self.target.max_per_second() {
            let mut next = self.next_request_at.lock().await;
            let at = (*next).max(self.ordered.ports.now());
            *next = at.plus(Duration::from_secs_f64(1.0 / f64::from(rate)));
            self.ordered.ports.wait_until(at).await;
        }
        self.may_send().then_some(permit)
    }
}

impl Ran {
    fn new(job: &Job) -> Self {
        Self {
            lane: job.lane.clone(),
            end: End::Through { upto: job.upto },
            outcomes: Vec::new(),
            tally: Tally::default(),
            gone: false,
            failure: None,
        }
    }
}
