//! Routes: filter, way, destination, retry profile and state.
//!
//! A route is made from a [`Draft`]. Its [`State`] changes only through the methods here.

mod state;
#[cfg(test)]
pub(crate) mod tests;

use serde::{Deserialize, Serialize};

use super::destination::Destination;
use super::face::{Face, FaceKind};
use super::filter::FilterConditions;
use super::time::Millis;

pub use state::{MAX_GAP, RouteStatus, Span, State};

/// Which retry profile a route follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryKind {
    /// For integrations and callbacks.
    Stream,
    /// For subscriptions.
    Webhook,
}

/// How a route gets its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Each event as soon as it is dispatched; what was missed comes by replay.
    Live,
    /// By a cursor over the log: events of one key one after the other.
    Ordered,
    /// By a cursor over the log: as files.
    Export,
}

impl Way {
    /// Whether the route reads the log by a cursor of its own; such a route has no backlog.
    #[must_use]
    pub const fn has_cursor(self) -> bool {
        match self {
            Self::Live => false,
            Self::Ordered | Self::Export => true,
        }
    }
}

/// The log times that a route covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The log time of its first event.
    pub starts_at: Millis,
    /// The log time at which it ends, exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Millis>,
}

/// A route as a user asks for it: everything but the engine's own state.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its surface.
    pub face: Face,
    /// The id its user knows; unique within the kind of face.
    pub id: String,
    /// Which events it asks for.
    pub filter: FilterConditions,
    /// Only events that concern this partner.
    pub partner_id: Option<String>,
    /// Where they go.
    pub destination: Destination,
    /// How it gets them.
    pub way: Way,
    /// How it is retried.
    pub retry: RetryKind,
    /// The time in which its events are to arrive, in seconds.
    pub deliver_within_seconds: Option<u32>,
    /// The log time of its first event; from now on if missing.
    pub starts_at: Option<Millis>,
    /// The log time at which it ends, exclusive.
    pub ends_at: Option<Millis>,
}

/// Which route: its face and id, and its uid if no other route of that id is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteKey {
    /// The kind of its face.
    pub face: FaceKind,
    /// The id its user knows.
    pub id: String,
    /// Its uid; `None` for the route that has the id now.
    pub uid: Option<String>,
}

impl RouteKey {
    /// The route that has this id now.
    #[must_use]
    pub fn new(face: FaceKind, id: &str) -> Self {
        Self { face, id: id.to_owned(), uid: None }
    }
}

/// A route.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Route {
    /// Never used twice, unlike the id: what belongs to a deleted route is never taken for a new one's.
    pub uid: String,
    /// Its surface.
    pub face: Face,
    /// The id its user knows.
    pub id: String,
    /// Which events it asks for.
    pub filter: FilterConditions,
    /// Only events that concern this partner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner_id: Option<String>,
    /// Where they go.
    pub destination: Destination,
    /// How it gets them.
    pub way: Way,
    /// How it is retried.
    pub retry: RetryKind,
    /// The time in which its events are to arrive, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_within_seconds: Option<u32>,
    /// The log times it covers.
    pub window: Window,
    /// The engine's state.
    pub state: State,
    /// When it was made.
    pub created_at: Millis,
    /// When its user last changed it.
    pub updated_at: Millis,
    /// Raised by each write; a write names the one it read.
    pub revision: u64,
}

impl Route {
    /// A running route that is live from `live_from`. What it asks for of the log before that, back to `oldest` at
    /// most, is its backlog and comes first.
    #[must_use]
    pub fn new(draft: Draft, uid: String, now: Millis, live_from: Millis, oldest: Millis) -> Self {
        let Draft { face, id, filter, partner_id, destination, way, retry, deliver_within_seconds, starts_at, ends_at } =
            draft;
        let window = Window { starts_at: starts_at.unwrap_or(live_from), ends_at };
        let state = State::new(way, starts_at, ends_at, live_from, oldest);
        let (created_at, updated_at, revision) = (now, now, 1);
        Self {
            uid,
            face,
            id,
            filter,
            partner_id,
            destination,
            way,
            retry,
            deliver_within_seconds,
            window,
            state,
            created_at,
            updated_at,
            revision,
        }
    }

    /// This route and no other.
    #[must_use]
    pub fn key(&self) -> RouteKey {
        RouteKey { face: self.face.kind(), id: self.id.clone(), uid: Some(self.uid.clone()) }
    }

    /// Whether it is running, stopped or suspended.
    #[must_use]
    pub fn status(&self) -> RouteStatus {
        self.state.status()
    }

    /// Whether it is running.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.status() == RouteStatus::Running
    }

    /// Whether an event logged at `at` comes live to this route; if not, it comes by replay or not at all.
    #[must_use]
    pub fn takes_live(&self, at: Millis) -> bool {
        self.state.takes_live(at) && self.window.ends_at.is_none_or(|end| at < end)
    }
}
