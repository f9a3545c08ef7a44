//! The codec of queue messages.
//!
//! Queues are hints, the log is the truth: a message that is lost or repeated costs time, never an event.

mod dispatch;

use std::borrow::Borrow;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::EngineError;
use crate::domain::chunk::{self, Pack};
use crate::domain::event::Event;
use crate::domain::ids::ChunkId;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::queue::{MAX_DELAY, Outgoing, QueueError};

pub use dispatch::{Contents, DispatchMessage};

/// The most events of one delivery message: what one worker can try within its time.
pub const MAX_PACK_EVENTS: usize = 500;
/// The most compressed bytes a message carries; base64 makes four of three.
pub const MAX_INLINE_BYTES: usize = 170 * 1024;

/// Compressed events inside a JSON message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed(pub Vec<u8>);

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        BASE64.decode(text.as_bytes()).map(Self).map_err(serde::de::Error::custom)
    }
}

/// The route that a message is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Whose.
    pub scope: Scope,
    /// The route's uid.
    pub route: String,
}

impl Recipient {
    /// A route of a scope.
    #[must_use]
    pub fn new(scope: &Scope, route: &str) -> Self {
        Self { scope: scope.clone(), route: route.to_owned() }
    }
}

/// To `deliver`: something to do for one route.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeliverMessage {
    /// For which route.
    pub to: Recipient,
    /// Not before this time: delays longer than SQS's go in hops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Millis>,
    /// The task.
    pub task: Task,
}

/// A task for a route.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Continue with the route's own cursor over the log, or with what is scheduled for it.
    Wake,
    /// Look whether a delivery arrived in the time that was promised.
    CheckPromise {
        /// The transaction's id.
        transaction: String,
    },
    /// Look whether events that wait for a suspended route are late.
    CheckWaiting {
        /// Where to begin in the log.
        from: ChunkId,
    },
    /// Send our receipt for a document that came.
    SendReceipt {
        /// The document's id.
        document: String,
        /// Which attempt this is, from 1.
        attempt: u32,
    },
    /// Send these events.
    Deliver {
        /// How, and how often they were tried.
        delivery: Delivery,
        /// The events.
        events: Events,
    },
}

/// How events are to be delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The kind of message.
    pub step: Step,
    /// Whether the route's user asked for these events again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replay: bool,
    /// When it may be sent under the route's rate limit, if that is reserved already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved_at: Option<Millis>,
}

/// A kind of delivery message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Events as they were published.
    Fresh,
    /// A range of the log: its events are sent in order, and the next stretch follows its end.
    Stretch {
        /// Counts the route's stretches.
        number: u64,
    },
    /// Events that were not accepted before.
    Retry {
        /// Which attempt this is, from 2.
        attempt: u32,
    },
    /// One event that tests a suspended target.
    Probe {
        /// Which probe this is, from 0.
        number: u32,
        /// Which attempt of the event is next; probes are not counted as attempts.
        attempt: u32,
    },
}

impl Delivery {
    /// Events as they were published.
    #[must_use]
    pub fn fresh() -> Self {
        Self { step: Step::Fresh, replay: false, reserved_at: None }
    }

    /// The same kind of delivery as another step: what was reserved for it is used up.
    #[must_use]
    pub fn step(&self, step: Step) -> Self {
        Self { step, reserved_at: None, ..self.clone() }
    }

    /// The same events as attempt number `attempt`.
    #[must_use]
    pub fn retry(&self, attempt: u32) -> Self {
        self.step(if attempt <= 1 { Step::Fresh } else { Step::Retry { attempt } })
    }

    /// Which attempt it is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        match self.step {
            Step::Fresh | Step::Stretch { .. } => 1,
            Step::Retry { attempt } | Step::Probe { attempt, .. } => attempt,
        }
    }

    /// The number of the stretch that it is.
    #[must_use]
    pub fn stretch(&self) -> Option<u64> {
        match self.step {
            Step::Stretch { number } => Some(number),
            _ => None,
        }
    }
}

/// The events of a delivery.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Events {
    /// Carried along.
    Inline(Packed),
    /// All of a chunk of the log that the worker has at hand.
    Chunk {
        /// The chunk's id.
        id: ChunkId,
    },
    /// One event that is too large to carry.
    Logged {
        /// The event's id.
        id: String,
    },
}

/// When a message is to be worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    now: Millis,
    delay: Duration,
}

impl Due {
    /// After `delay`.
    #[must_use]
    pub fn after(now: Millis, delay: Duration) -> Self {
        Self { now, delay }
    }

    /// At once.
    #[must_use]
    pub fn now() -> Self {
        Self { now: Millis::ZERO, delay: Duration::ZERO }
    }

    /// SQS delays a message by 15 minutes at most; a later one is sent on when it arrives.
    fn not_before(self) -> Option<Millis> {
        (self.delay > MAX_DELAY).then(|| self.now.plus(self.delay))
    }
}

impl DeliverMessage {
    /// The message as it is sent.
    ///
    /// # Errors
    /// [`QueueError`] if it cannot be written as JSON.
    pub fn outgoing(&self, delay: Duration) -> Result<Outgoing, QueueError> {
        Ok(Outgoing::json(self, delay)?.of_group(&self.to.route))
    }

    /// A message that has a route continue with its own cursor.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn wake(to: Recipient, due: Due) -> Result<Outgoing, QueueError> {
        Self { to, not_before: due.not_before(), task: Task::Wake }.outgoing(due.delay)
    }

    /// Messages that carry these events, in order.
    ///
    /// # Errors
    /// [`EngineError`] if they cannot be encoded.
    pub fn deliveries<E: Borrow<Event> + Serialize>(
        to: &Recipient,
        delivery: &Delivery,
        events: Vec<E>,
        due: Due,
    ) -> Result<Vec<Outgoing>, EngineError> {
        let packs = chunk::pack(events, (MAX_PACK_EVENTS, MAX_INLINE_BYTES))?;
        packs.into_iter().map(|pack| Ok(Self::packed(to, delivery, pack, due)?)).collect()
    }

    /// A message with a whole chunk, of at most [`MAX_PACK_EVENTS`].
    ///
    /// # Errors
    /// [`QueueError`] if it cannot be written as JSON.
    pub fn whole(to: &Recipient, delivery: &Delivery, chunk: Events) -> Result<Outgoing, QueueError> {
        Self::carrying(to, delivery, chunk, Due::now())
    }

    /// One message that carries the first of these events, as many as it holds, and how many those are.
    ///
    /// # Errors
    /// [`EngineError`] if they cannot be encoded.
    pub fn first_delivery(
        to: &Recipient,
        delivery: &Delivery,
        mut events: Vec<Event>,
    ) -> Result<Option<(Outgoing, usize)>, EngineError> {
        events.truncate(MAX_PACK_EVENTS);
        let packs = chunk::pack(events, (MAX_PACK_EVENTS, MAX_INLINE_BYTES))?;
        let Some(pack) = packs.into_iter().next() else { return Ok(None) };
        let count = pack.0.len();
        Ok(Some((Self::packed(to, delivery, pack, Due::now())?, count)))
    }

    fn packed<E: Borrow<Event>>(
        to: &Recipient,
        delivery: &Delivery,
        (events, body): Pack<E>,
        due: Due,
    ) -> Result<Outgoing, QueueError> {
        let events = match &events[..] {
            [event] if body.len() > MAX_INLINE_BYTES => Events::Logged { id: event.borrow().id.clone() },
            _ => Events::Inline(Packed(body)),
        };
        Self::carrying(to, delivery, events, due)
    }

    fn carrying(to: &Recipient, delivery: &Delivery, events: Events, due: Due) -> Result<Outgoing, QueueError> {
        let task = Task::Deliver { delivery: delivery.clone(), events };
        Self { to: to.clone(), not_before: due.not_before(), task }.outgoing(due.delay)
    }
}

/// To `export`: a route whose next file may be due.
pub type ExportMessage = Recipient;

/// To `replay`: a route whose backlog is to be sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReplayMessage {
    /// Which route.
    #[serde(flatten)]
    pub to: Recipient,
    /// Only if this stretch is the last one sent: otherwise another worker continues with the backlog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// To `automate`: a run that is to begin or to go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunMessage {
    /// Whose.
    pub scope: Scope,
    /// The run's id.
    pub run: String,
    /// When it was sent.
    pub sent_at: Millis,
}

/// To `sync`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncMessage {
    /// A run that is to begin or to go on.
    Run {
        /// Whose.
        scope: Scope,
        /// The run's id.
        run: String,
        /// When it was sent.
        sent_at: Millis,
    },
    /// A schedule that is due.
    Due {
        /// Whose.
        scope: Scope,
        /// The schedule's id.
        schedule: String,
        /// When.
        at: Millis,
    },
    /// A partner's server that is to be looked at.
    Pickup {
        /// Whose.
        scope: Scope,
        /// The partner's uid.
        uid: String,
        /// When.
        at: Millis,
    },
}

#[cfg(test)]
mod tests;
