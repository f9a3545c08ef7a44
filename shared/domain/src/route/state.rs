//! The engine's state of a route: whether it runs, when it was live, and its backlog.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Route, Way};
use crate::export::Position;
use crate::ids::ChunkId;
use crate::time::Millis;

/// The status of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RouteStatus {
    /// Events go to the target.
    Running,
    /// Nothing is emitted; new events wait in the log.
    Stopped,
    /// The target failed again and again: one probe at a time tests it, and everything else waits in the log.
    Suspended,
}

/// A range of the log that a route still has to get, apart from its live events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first chunk not yet sent.
    pub from: ChunkId,
    /// How many of that chunk's events have been passed.
    #[serde(default)]
    pub done: usize,
    /// Where it ends, exclusive.
    pub to: Millis,
    /// The user asked for it again: sent events are marked as a replay.
    #[serde(default)]
    pub replay: bool,
}

impl Span {
    /// The range `[from, to)`; `None` if it is empty.
    #[must_use]
    pub fn between(from: Millis, to: Millis) -> Option<Self> {
        (from < to).then(|| Self { from: ChunkId::floor(from), done: 0, to, replay: false })
    }

    /// Where it begins.
    #[must_use]
    pub fn start(&self) -> Position {
        Position { chunk: self.from, index: self.done }
    }
}

/// The engine's own part of a route.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    pub(super) status: RouteStatus,
    /// Events logged before this never come live.
    pub(super) origin: Millis,
    /// Events logged from here on come live, as of the last start.
    pub(super) live_from: Millis,
    /// When it was not live, newest last: what was logged then comes by replay. Remembered because a chunk may wait in
    /// the queue while the route is stopped and started.
    #[serde(default)]
    pub(super) gaps: Vec<(Millis, Millis)>,
    /// Events logged from here on do not come live; set while the route is not running or gets its history first.
    pub(super) live_until: Option<Millis>,
    /// It stopped because its window is over: what is still on its way arrives all the same.
    #[serde(default)]
    pub(super) finished: bool,
    /// Since when its target is only probed.
    #[serde(default)]
    pub(super) suspended_at: Option<Millis>,
    /// Whether it is suspended, and its first probe is not known to be on its way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) lacks_probe: bool,
    /// The ranges of the log that replay has still to send, oldest first.
    #[serde(default)]
    pub(super) backlog: Vec<Span>,
    /// The number of the last stretch of the backlog that was sent.
    #[serde(default)]
    pub(super) stretches: u64,
}

/// How long the gap of a stopped route can still be caught up.
pub const MAX_GAP: Duration = Duration::from_secs(30 * 86_400);

/// The most gaps remembered. A chunk that waited through more of them comes live as well as by replay.
const MAX_GAPS: usize = 50;

impl State {
    pub(super) fn new(
        way: Way,
        starts_at: Option<Millis>,
        ends_at: Option<Millis>,
        live_from: Millis,
        oldest: Millis,
    ) -> Self {
        let live_from = starts_at.filter(|_| way != Way::Export).map_or(live_from, |start| live_from.max(start));
        let mut state = Self {
            status: RouteStatus::Running,
            origin: live_from,
            live_from,
            gaps: Vec::new(),
            live_until: None,
            finished: false,
            suspended_at: None,
            lacks_probe: false,
            backlog: Vec::new(),
            stretches: 0,
        };
        if let Some(start) = starts_at.filter(|_| !way.has_cursor()) {
            let end = ends_at.map_or(live_from, |end| end.min(live_from));
            state.backlog.extend(Span::between(start.max(oldest), end));
            // History comes before anything live.
            state.live_until = (!state.backlog.is_empty()).then_some(live_from);
        }
        state
    }

    pub(super) fn status(&self) -> RouteStatus {
        self.status
    }

    fn not_suspended(&mut self) {
        (self.suspended_at, self.lacks_probe) = (None, false);
    }

    pub(super) fn takes_live(&self, at: Millis) -> bool {
        at >= self.origin
            && !self.gaps.iter().any(|(from, to)| *from <= at && at < *to)
            && self.live_until.is_none_or(|until| at < until)
    }

    /// From when it is live, as of its last start.
    #[must_use]
    pub fn live_from(&self) -> Millis {
        self.live_from
    }

    /// Since when it is not live: stopped, suspended, or still getting its history.
    #[must_use]
    pub fn not_live_since(&self) -> Option<Millis> {
        self.live_until
    }

    /// Whether it stopped because its window is over.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Since when its target is only probed.
    #[must_use]
    pub fn suspended_at(&self) -> Option<Millis> {
        self.suspended_at
    }

    /// Since when it is suspended, if its first probe is not known to be on its way.
    #[must_use]
    pub fn lacks_probe_since(&self) -> Option<Millis> {
        self.suspended_at.filter(|_| self.lacks_probe)
    }

    /// The ranges of the log that replay has still to send, oldest first.
    #[must_use]
    pub fn backlog(&self) -> &[Span] {
        &self.backlog
    }

    /// The number of the last stretch of its backlog that was sent.
    #[must_use]
    pub fn stretches(&self) -> u64 {
        self.stretches
    }
}

impl Route {
    /// Stops it. Events logged before `until` are on their way already, later ones wait in the log. `until` lies a
    /// little ahead, so that no dispatcher can pass it before the stop is written. `false` if it was stopped already.
    pub fn stop(&mut self, now: Millis, until: Millis) -> bool {
        if self.state.status == RouteStatus::Stopped {
            return false;
        }
        self.state.status = RouteStatus::Stopped;
        // If it was suspended, its gap began then.
        self.state.live_until.get_or_insert(until.max(self.state.live_from));
        self.state.not_suspended();
        self.updated_at = now;
        true
    }

    /// Stops it because its window is over: what is on its way still arrives.
    pub fn finish(&mut self, now: Millis, until: Millis) -> bool {
        let stopped = self.stop(now, until);
        self.state.finished |= stopped;
        stopped
    }

    /// Suspends it, with the same `until` as [`Route::stop`]; `false` if it is not running.
    pub fn suspend(&mut self, now: Millis, until: Millis) -> bool {
        if self.state.status != RouteStatus::Running {
            return false;
        }
        self.state.status = RouteStatus::Suspended;
        // If its history was not over, its gap began before.
        self.state.live_until.get_or_insert(until.max(self.state.live_from));
        self.state.suspended_at = Some(now);
        self.state.lacks_probe = self.way == Way::Live;
        true
    }

    /// Notes that its first probe is on its way; `false` if that is known.
    pub fn probed(&mut self) -> bool {
        std::mem::take(&mut self.state.lacks_probe)
    }

    /// Starts it, live from `live_from`; the gap since the stop comes by replay unless it is too old. `false` if it was
    /// running already.
    pub fn start(&mut self, now: Millis, live_from: Millis) -> bool {
        if self.state.status == RouteStatus::Running {
            return false;
        }
        let stopped_at = self.state.live_until.unwrap_or(live_from);
        self.close_gap(stopped_at, live_from);
        if now.since(stopped_at) > MAX_GAP {
            self.state.backlog.clear();
        }
        self.state.status = RouteStatus::Running;
        self.state.finished = false;
        self.state.not_suspended();
        self.updated_at = now;
        true
    }

    /// Makes a route live whose history is over; what was logged meanwhile comes by replay. `false` if it is live
    /// already, or does not run.
    pub fn go_live(&mut self, live_from: Millis) -> bool {
        let Some(held_at) = self.state.live_until.filter(|_| self.is_running()) else { return false };
        self.close_gap(held_at, live_from);
        true
    }

    /// Its live time begins later than was written, `edge`: what is logged between the two comes by replay, and some of it
    /// also live. `false` if it is not live from `from` on any more.
    pub fn move_edge(&mut self, from: Millis, edge: Millis) -> bool {
        let is_live = self.is_running() && self.state.live_until.is_none() && self.state.live_from == from;
        if is_live {
            self.close_gap(from, edge);
        }
        is_live
    }

    fn close_gap(&mut self, from: Millis, live_from: Millis) {
        self.state.gaps.push((from, live_from));
        if self.state.gaps.len() > MAX_GAPS {
            self.state.gaps.remove(0);
        }
        if !self.way.has_cursor() {
            let end = self.window.ends_at.map_or(live_from, |end| end.min(live_from));
            self.state.backlog.extend(Span::between(from, end));
        }
        (self.state.live_from, self.state.live_until) = (live_from, None);
    }

    /// Adds a range that its user wants once more; `false` if it is empty.
    pub fn replay(&mut self, from: Millis, to: Millis) -> bool {
        let span = Span::between(from, to).map(|span| Span { replay: true, ..span });
        let any = span.is_some();
        self.state.backlog.extend(span);
        any
    }

    /// Records that a span is passed as far as `upto`, by a stretch that was `sent` or with nothing to send. `false` if
    /// the span is no longer as it was: cleared, or continued by another worker.
    pub fn pass(&mut self, span: &Span, upto: Position, sent: bool) -> bool {
        let Some(place) = self.state.backlog.iter().position(|waiting| waiting == span) else { return false };
        if upto >= Position::at(span.to) {
            self.state.backlog.remove(place);
        } else {
            let start = upto.max(span.start());
            self.state.backlog[place] = Span { from: start.chunk, done: start.index, ..span.clone() };
        }
        self.state.stretches += u64::from(sent);
        true
    }
}
