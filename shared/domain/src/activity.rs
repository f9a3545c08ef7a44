//! The activities of a route that the engine records, in neutral terms. A face gives them public names and words.

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// An entry of a route's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Activity {
    /// Its user started it, or made it.
    Started,
    /// It was stopped.
    Stopped {
        /// By what.
        cause: StopCause,
    },
    /// Its user changed it.
    Updated,
    /// Its user asked for a range of the log again.
    ReplayRequested {
        /// From this log time.
        from: Millis,
        /// Up to this log time, exclusive.
        to: Millis,
    },
    /// Its target failed too often in a row: from here on it is only probed.
    Suspended {
        /// The target, without secrets.
        target: String,
        /// Why it failed last.
        reason: String,
    },
    /// Its target responded to a probe.
    Resumed,
    /// Its target did not accept events; they are sent again.
    DeliveryFailed {
        /// The failure.
        failure: Failure,
        /// Until the next attempt.
        next_attempt_ms: u64,
    },
    /// Its target will never accept an event.
    EventRejected {
        /// The failure.
        failure: Failure,
    },
    /// The oldest rejected event was dropped to make room.
    RejectedEventDropped {
        /// The event.
        event: EventRef,
    },
    /// An event is out of retries.
    EventDead {
        /// The last failure.
        failure: Failure,
    },
    /// A file was written.
    FileWritten {
        /// Its key.
        key: String,
        /// How many events it has.
        events: u64,
        /// How many bytes it has.
        bytes: u64,
    },
    /// A file could not be written; it is tried again.
    FileFailed {
        /// Its key.
        key: String,
        /// Why.
        reason: String,
    },
}

/// Why a route stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// Its user asked for it.
    Request,
    /// Its window is over.
    WindowOver,
    /// Its target said that it wants no more events.
    TargetGone,
    /// Its target did not respond for too long.
    TargetUnreachable,
}

/// An event, as a log names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRef {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A failed attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The target, without secrets: a URL without its query.
    pub target: String,
    /// Why it failed.
    pub reason: String,
    /// The first event it failed for.
    pub event: EventRef,
    /// How many events it failed for.
    pub events: usize,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// How many attempts there are at most.
    pub attempts: u32,
}
