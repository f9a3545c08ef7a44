//! The one thing the engine matches events against: filter + destination + retry profile + state.
//!
//! Integrations, webhook subscriptions and partner callbacks are faces of it.

#[cfg(test)]
pub(crate) mod tests;

use serde::{Deserialize, Serialize};

use super::destination::Destination;
use super::export::Position;
use super::filter::FilterConditions;
use super::ids::ChunkId;
use super::integration::IntegrationFace;
use super::ordering::Ordering;
use super::time::Millis;

/// Which face a route shows; with its id it is unique within a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// `/v1/integrations`
    Integration,
}

impl RouteKind {
    /// The word that stands for it in keys.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Integration => "integration",
        }
    }
}

/// Whether a route is carrying events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RouteStatus {
    /// Events go to the target.
    Running,
    /// Nothing is emitted; what comes meanwhile waits in the log.
    Stopped,
    /// Its target failed again and again: one probe at a time tests it, and everything else waits in the log.
    Suspended,
}

/// Which retry profile a route follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryKind {
    /// Integrations and callbacks.
    Stream,
    /// Subscriptions.
    Webhook,
}

/// A stretch of the log that a route has still to get, apart from its live events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first chunk not yet sent.
    pub from: ChunkId,
    /// How many of that chunk's events are passed already.
    #[serde(default)]
    pub done: usize,
    /// Where it ends, exclusive.
    pub to: Millis,
    /// Asked for by the route's user, who had it before: marked as a replay.
    #[serde(default)]
    pub again: bool,
}

impl Span {
    /// The stretch `[from, to)`; `None` where it is empty.
    #[must_use]
    pub fn between(from: Millis, to: Millis) -> Option<Self> {
        (from < to).then(|| Self { from: ChunkId::floor(from), done: 0, to, again: false })
    }

    /// Where it begins.
    #[must_use]
    pub fn start(&self) -> Position {
        Position { chunk: self.from, index: self.done }
    }
}

/// A route.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Route {
    /// Never used twice, unlike the id: what belongs to a deleted route is never taken for a new one's.
    pub uid: String,
    /// Its face.
    pub kind: RouteKind,
    /// The id its user knows.
    pub id: String,
    /// What it asks for.
    pub filter: FilterConditions,
    /// Where it goes.
    pub destination: Destination,
    /// How it is retried.
    pub retry: RetryKind,
    /// Whether it keeps an order: then all its events come by its own cursor over the log, none live and none by replay.
    #[serde(default)]
    pub ordering: Ordering,
    /// Whether it runs.
    pub status: RouteStatus,
    /// Events logged before this never come live.
    pub origin: Millis,
    /// Events logged from here on come live, as of its last start.
    pub live_from: Millis,
    /// When it was not running, newest last: what was logged then comes by replay. They are remembered because a
    /// chunk may wait in the queue while the route is stopped and started.
    #[serde(default)]
    pub gaps: Vec<(Millis, Millis)>,
    /// Events logged from here on do not come live; set while the route is not running, or gets its history first.
    pub live_until: Option<Millis>,
    /// It stopped because its window is over: what is still on its way arrives all the same.
    #[serde(default)]
    pub finished: bool,
    /// Since when its target is only probed.
    #[serde(default)]
    pub suspended_at: Option<Millis>,
    /// What replay has still to send, oldest first.
    #[serde(default)]
    pub backlog: Vec<Span>,
    /// How many stretches of its backlog were ever sent: the number of the last one.
    #[serde(default)]
    pub stretches: u64,
    /// What only integrations have.
    pub integration: IntegrationFace,
    /// When it was made.
    pub created_at: Millis,
    /// When it was last changed by its user.
    pub updated_at: Millis,
    /// Goes up with each write; a write names the one it read.
    pub revision: u64,
}

/// How long a stopped route's gap stays on offer.
pub const MAX_GAP: std::time::Duration = std::time::Duration::from_secs(30 * 86_400);

/// The most gaps remembered. A chunk that waited through more of them comes live as well as by replay.
const MAX_GAPS: usize = 50;

impl Route {
    /// Whether an event logged at `at` comes live to this route: it is the only way it comes, or it comes by replay.
    #[must_use]
    pub fn takes_live(&self, at: Millis) -> bool {
        at >= self.origin
            && !self.gaps.iter().any(|(from, to)| *from <= at && at < *to)
            && self.live_until.is_none_or(|until| at < until)
            && self.integration.ends_at.is_none_or(|end| at < end)
    }

    /// Stops it: events logged before `until` are on their way already, what comes later waits in the log. `until`
    /// lies a little ahead, so that no dispatcher can pass it before the stop is written. `false` where it was
    /// stopped already.
    pub fn stop(&mut self, now: Millis, until: Millis) -> bool {
        if self.status == RouteStatus::Stopped {
            return false;
        }
        self.status = RouteStatus::Stopped;
        // Where it was suspended, its gap began then.
        self.live_until.get_or_insert(until.max(self.live_from));
        self.suspended_at = None;
        self.updated_at = now;
        true
    }

    /// Suspends it, with the same `until` as [`Route::stop`]; `false` where it is not running.
    pub fn suspend(&mut self, now: Millis, until: Millis) -> bool {
        if self.status != RouteStatus::Running {
            return false;
        }
        self.status = RouteStatus::Suspended;
        // Where its history was not over, its gap began before.
        self.live_until.get_or_insert(until.max(self.live_from));
        self.suspended_at = Some(now);
        true
    }

    /// Starts it, live from `live_from`; the gap since the stop comes by replay, where it is not too old.
    /// `false` where it was running already.
    pub fn start(&mut self, now: Millis, live_from: Millis) -> bool {
        if self.status == RouteStatus::Running {
            return false;
        }
        let stopped_at = self.live_until.unwrap_or(live_from);
        self.close_gap(stopped_at, live_from);
        if now.since(stopped_at) > MAX_GAP {
            self.backlog.clear();
        }
        self.status = RouteStatus::Running;
        self.finished = false;
        self.suspended_at = None;
        self.updated_at = now;
        true
    }

    /// Has its history come first: nothing comes live until [`Route::go_live`].
    pub fn hold_live(&mut self) {
        self.live_until = Some(self.live_from);
    }

    /// Goes live from `live_from`, its history being over; what was logged meanwhile comes by replay. `false` where it
    /// is live already, or does not run.
    pub fn go_live(&mut self, live_from: Millis) -> bool {
        let Some(held_at) = self.live_until.filter(|_| self.status == RouteStatus::Running) else { return false };
        self.close_gap(held_at, live_from);
        true
    }

    fn close_gap(&mut self, from: Millis, live_from: Millis) {
        self.gaps.push((from, live_from));
        if self.gaps.len() > MAX_GAPS {
            self.gaps.remove(0);
        }
        if !self.has_cursor() {
            let end = self.integration.ends_at.map_or(live_from, |end| end.min(live_from));
            self.backlog.extend(Span::between(from, end));
        }
        (self.live_from, self.live_until) = (live_from, None);
    }

    /// Writes down that a span is passed as far as `upto`, by a stretch that was `sent` or with nothing to send.
    /// `false` where the span does not wait any more as it was: cleared, or gone on with by another worker.
    pub fn pass(&mut self, span: &Span, upto: Position, sent: bool) -> bool {
        let Some(place) = self.backlog.iter().position(|waiting| waiting == span) else { return false };
        if upto >= Position::at(span.to) {
            self.backlog.remove(place);
        } else {
            let start = upto.max(span.start());
            self.backlog[place] = Span { from: start.chunk, done: start.index, ..span.clone() };
        }
        self.stretches += u64::from(sent);
        true
    }

    /// Whether what it gets is read from the log by a cursor of its own.
    #[must_use]
    pub fn has_cursor(&self) -> bool {
        self.writes_files() || !self.ordering.is_none()
    }

    /// Whether it writes files.
    #[must_use]
    pub fn writes_files(&self) -> bool {
        self.destination.kind == "s3"
    }
}
