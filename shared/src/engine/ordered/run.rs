//! A run over an ordered route: jobs of many keys at once, each key's events one after the other.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::task::{JoinError, JoinSet};

use crate::domain::event::Event;
use crate::domain::export::Position;
use crate::domain::ids::ChunkId;
use crate::domain::ordering::{End, Job, Placed, Progress, lane_of};
use crate::domain::retry::{Answer, Next, after_attempt};
use crate::domain::route::{Route, RouteStatus};
use crate::domain::time::Millis;
use crate::engine::EngineError;
use crate::engine::deliver::Deliverer;
use crate::engine::matching::asked_for;
use crate::engine::sender::{self, Prepared};
use crate::engine::settle::{Tried, keep, letter};
use crate::engine::watch::LOOK;
use crate::queue::Head;
use crate::store::ordered::Lease;
use crate::store::outcomes::Outcome;
use crate::store::reader::Direction;
use crate::store::routes::Compiled;
use crate::store::undelivered::UndeliveredKind;

/// Requests under way at once for one route.
const PARALLEL_REQUESTS: usize = 32;
/// The most events taken up at once, and the most lanes before that: more keys than this behind hold back the rest.
const BATCH_EVENTS: usize = 250;
/// Chunks read at once, whatever matches.
const BATCH_CHUNKS: usize = 100;
/// After this time a run begins nothing more: the worker's own time ends, and the next call goes on.
const BUDGET: Duration = Duration::from_secs(10);
/// How often it writes down how far it is: what a crash may send again.
const KEEP_EVERY: Duration = Duration::from_secs(1);

/// What the jobs of a run share.
pub(super) struct Run {
    pub(super) deliverer: Deliverer,
    pub(super) head: Head,
    pub(super) compiled: Arc<Compiled>,
    target: Arc<Prepared>,
    requests: Semaphore,
    /// Set where nothing more is to be begun.
    halted: AtomicBool,
    /// When the next request may go out, under the route's rate.
    turn: Mutex<Millis>,
}

/// What a job came to.
pub(super) struct Ran {
    lane: String,
    pub(super) end: End,
    outcomes: Vec<Outcome>,
    /// Attempts that failed since the target last answered.
    failed: u32,
    pub(super) answered: bool,
    pub(super) gone: bool,
    /// What the target failed with, and how long until the next attempt.
    pub(super) failure: Option<(String, Duration)>,
}

/// What a run is in the middle of.
#[derive(Default)]
struct Work {
    jobs: JoinSet<Result<Ran, EngineError>>,
    active: HashSet<String>,
    outcomes: Vec<Outcome>,
    failed: u32,
    answered: bool,
    failure: Option<String>,
}

impl Run {
    /// A run, where the route has an HTTP target.
    pub(super) fn new(
        deliverer: &Deliverer,
        head: &Head,
        compiled: &Arc<Compiled>,
    ) -> Result<Option<Self>, EngineError> {
        let Some(target) = compiled.route.webhook() else { return Ok(None) };
        Ok(Some(Self {
            target: deliverer.sender.prepare(&head.scope, &compiled.route, target)?,
            deliverer: deliverer.clone(),
            head: head.clone(),
            compiled: Arc::clone(compiled),
            requests: Semaphore::new(PARALLEL_REQUESTS),
            halted: AtomicBool::new(false),
            turn: Mutex::new(Millis::ZERO),
        }))
    }

    fn route(&self) -> &Route {
        &self.compiled.route
    }

    pub(super) fn halt(&self) {
        self.halted.store(true, Ordering::Relaxed);
    }

    fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }

    /// Sends what there is, writes down how far it came, and sees to the next call.
    pub(super) async fn go(self: Arc<Self>, mut lease: Lease) -> Result<Vec<Outcome>, EngineError> {
        if self.route().status == RouteStatus::Suspended && !self.probe(&mut lease).await? {
            self.deliverer.ordered.release(lease).await?;
            return Ok(Vec::new());
        }
        let (begun, mut kept, mut work) = (Instant::now(), Instant::now(), Work::default());
        let mut looked = None;
        loop {
            let more = self.is_wanted(begun, &mut looked).await? && self.begin(&mut lease.progress, &mut work).await?;
            if work.jobs.is_empty() && !more {
                break;
            }
            if let Ok(Some(done)) = tokio::time::timeout(LOOK, work.jobs.join_next()).await {
                self.absorb(&mut lease.progress, &mut work, done).await?;
            }
            while let Some(done) = work.jobs.try_join_next() {
                self.absorb(&mut lease.progress, &mut work, done).await?;
            }
            if kept.elapsed() >= KEEP_EVERY {
                self.judge(&mut lease.progress, &mut work).await?;
                self.deliverer.ordered.keep(&mut lease, self.deliverer.ports.now()).await?;
                kept = Instant::now();
            }
        }
        self.judge(&mut lease.progress, &mut work).await?;
        let next_call = (!self.is_halted()).then(|| lease.progress.due_at()).flatten();
        let out_of_time = begun.elapsed() >= BUDGET;
        self.deliverer.ordered.release(lease).await?;
        if let Some(due) = next_call.filter(|_| !out_of_time) {
            let delay = due.since(self.deliverer.ports.now()).max(Duration::from_secs(1));
            self.deliverer.caller.call_after(&self.head, delay).await?;
        } else if out_of_time {
            self.deliverer.caller.call_after(&self.head, Duration::ZERO).await?;
        }
        Ok(work.outcomes)
    }

    /// Whether anything more may be begun; looks only where the last look is old, for jobs end by the thousand.
    async fn is_wanted(&self, begun: Instant, looked: &mut Option<Instant>) -> Result<bool, EngineError> {
        if looked.is_none_or(|at| at.elapsed() >= LOOK) {
            *looked = Some(Instant::now());
            let snapshot = self.deliverer.routes.snapshot(&self.head.scope).await?;
            // A route that this run has just brought back is still read as it was before.
            let runs = snapshot.by_uid(&self.head.route).is_some_and(|c| c.route.status == RouteStatus::Running);
            if !runs {
                self.halt();
            }
        }
        Ok(!self.is_halted() && begun.elapsed() < BUDGET)
    }

    /// Begins jobs: of the lanes that are due, and of what comes next in the log. `false` where there is nothing.
    async fn begin(self: &Arc<Self>, progress: &mut Progress, work: &mut Work) -> Result<bool, EngineError> {
        let mut jobs = Vec::new();
        for lane in progress.due(self.deliverer.ports.now(), &work.active) {
            jobs.push(self.lane_job(progress, &lane, BATCH_EVENTS).await?);
        }
        let mut more = false;
        if progress.lanes.len() < BATCH_EVENTS {
            let (fresh, goes_on) = self.take_up(progress).await?;
            jobs.extend(fresh);
            more = goes_on;
        }
        more |= !jobs.is_empty();
        for job in jobs {
            work.active.insert(job.lane.clone());
            work.jobs.spawn(Arc::clone(self).work(job));
        }
        Ok(more)
    }

    /// Takes up the next events of the settled log; and whether it goes on after them.
    pub(super) async fn take_up(&self, progress: &mut Progress) -> Result<(Vec<Job>, bool), EngineError> {
        let settled = self.deliverer.ports.now().minus(self.deliverer.grace);
        let limit = self.route().integration.ends_at.map_or(settled, |end| end.min(settled));
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

    /// Events of the log that the route asks for, about `most` of them, and the chunk to go on with if that is not
    /// the end.
    async fn read(
        &self,
        from: ChunkId,
        end: ChunkId,
        most: usize,
        wanted: impl Fn(Position, &Event) -> bool,
    ) -> Result<(Vec<Placed>, Option<ChunkId>), EngineError> {
        let mut reader = self.deliverer.log.read(&self.head.scope, from, end, Direction::OldestFirst);
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
        let deliverer = &self.deliverer;
        let mut ran = Ran::new(&job);
        let mut attempt = job.attempt;
        for (at, event) in job.events {
            let Some(_room) = self.turn().await else {
                ran.end = End::Held { at, attempt, not_before: Millis::ZERO };
                return Ok(ran);
            };
            let sent = deliverer.sender.send(&self.target, &self.head.scope, &event, false).await?;
            let (answer, now) = (sender::answer(&sent), deliverer.ports.now());
            ran.note(&answer);
            let tried = Tried { event, attempt: Some(sent) };
            ran.outcomes.extend(tried.outcome(&self.head.route, attempt, now));
            let (Tried { event, attempt: Some(sent) }, profile) = (tried, deliverer.profile(self.route().retry)) else {
                continue;
            };
            match after_attempt(answer, attempt, profile, deliverer.ports.fraction()) {
                Next::Done => {}
                Next::StopRoute => {
                    ran.gone = true;
                    ran.end = End::Held { at, attempt, not_before: Millis::ZERO };
                    return Ok(ran);
                }
                Next::RetryIn(delay) => {
                    ran.failure = Some((sender::words(&sent), delay));
                    ran.end = End::Held { at, attempt: attempt + 1, not_before: now.plus(delay) };
                    return Ok(ran);
                }
                next @ (Next::Reject | Next::Dead) => {
                    let fate = if next == Next::Dead { UndeliveredKind::DeadLetter } else { UndeliveredKind::Rejected };
                    let kept = letter(&self.head.route, event, &sent, attempt, now);
                    keep(deliverer, &self.head, fate, &kept, now).await?;
                }
            }
            attempt = 1;
        }
        Ok(ran)
    }

    /// Waits for room and, under a rate, for the next turn; `None` where nothing more is to be sent.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        let room = self.requests.acquire().await.ok()?;
        if let Some(rate) = self.route().webhook().and_then(|target| target.max_per_second) {
            let mut next = self.turn.lock().await;
            let at = (*next).max(self.deliverer.ports.now());
            *next = at.plus(Duration::from_secs_f64(1.0 / f64::from(rate)));
            self.deliverer.ports.wait_until(at).await;
        }
        (!self.is_halted()).then_some(room)
    }

    /// Takes in what a job came to.
    async fn absorb(
        &self,
        progress: &mut Progress,
        work: &mut Work,
        done: Result<Result<Ran, EngineError>, JoinError>,
    ) -> Result<(), EngineError> {
        let ran = done.map_err(|_| EngineError::Interrupted)??;
        work.active.remove(&ran.lane);
        progress.ended(&ran.lane, ran.end);
        work.failed = if ran.answered { ran.failed } else { work.failed + ran.failed };
        work.answered |= ran.answered;
        work.outcomes.extend(ran.outcomes);
        if let Some((words, delay)) = ran.failure {
            self.note_retry(&words, delay).await?;
            work.failure = Some(words);
        }
        if ran.gone { self.gone().await } else { Ok(()) }
    }

    /// Suspends the route where its target has failed too often in a row.
    async fn judge(&self, progress: &mut Progress, work: &mut Work) -> Result<(), EngineError> {
        let (failed, answered) = (std::mem::take(&mut work.failed), std::mem::take(&mut work.answered));
        let (routes, Head { scope, route, .. }) = (&self.deliverer.routes, &self.head);
        if answered && routes.snapshot_and_failures(scope).await?.1.of_route(route) > 0 {
            routes.clear_failures(scope, route).await?;
        }
        if failed == 0 || answered || self.is_halted() {
            return Ok(());
        }
        if routes.add_failures(scope, route, failed).await? >= self.deliverer.suspension.after_failures {
            let failure = work.failure.take().unwrap_or_default();
            self.suspend(progress, &failure).await?;
        }
        Ok(())
    }
}

impl Ran {
    fn new(job: &Job) -> Self {
        Self {
            lane: job.lane.clone(),
            end: End::Through { upto: job.upto },
            outcomes: Vec::new(),
            failed: 0,
            answered: false,
            gone: false,
            failure: None,
        }
    }

    fn note(&mut self, answer: &Answer) {
        match answer {
            Answer::Failed { .. } => self.failed += 1,
            _ => (self.failed, self.answered) = (0, true),
        }
    }
}
