//! SQS: what the workers tell each other. Queues are hints; the log is the truth.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use crate::domain::ids::ChunkId;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;

/// The longest delay SQS knows.
pub const MAX_DELAY: Duration = Duration::from_secs(900);
/// The most that one message may take: SQS's own limit is 1 MiB, but a quarter of it passes everywhere.
pub const MAX_MESSAGE_BYTES: usize = 240 * 1024;
/// The most compressed bytes a message carries; base64 makes four of three.
pub const MAX_INLINE_BYTES: usize = 170 * 1024;
const MAX_BATCH: usize = 10;
const PARALLEL_SENDS: usize = 8;

/// The queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Chunks to be matched against routes.
    Dispatch,
    /// Deliveries to be made.
    Deliver,
    /// Deliveries out of retries, for an operator's eyes.
    DeliverDlq,
    /// Export files to be written.
    Export,
    /// Stretches of the log to be sent.
    Replay,
}

/// Their URLs.
#[derive(Clone, Debug)]
pub struct QueueUrls {
    /// See [`Queue::Dispatch`].
    pub dispatch: String,
    /// See [`Queue::Deliver`].
    pub deliver: String,
    /// See [`Queue::DeliverDlq`].
    pub deliver_dlq: String,
    /// See [`Queue::Export`].
    pub export: String,
    /// See [`Queue::Replay`].
    pub replay: String,
}

impl QueueUrls {
    /// The URL of a queue.
    #[must_use]
    pub fn of(&self, queue: Queue) -> &str {
        match queue {
            Queue::Dispatch => &self.dispatch,
            Queue::Deliver => &self.deliver,
            Queue::DeliverDlq => &self.deliver_dlq,
            Queue::Export => &self.export,
            Queue::Replay => &self.replay,
        }
    }
}

/// Compressed events inside a JSON message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed(pub Vec<u8>);

impl Serialize for Packed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine as _;
        serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::Engine as _;
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text.as_bytes());
        bytes.map(Self).map_err(serde::de::Error::custom)
    }
}

/// A chunk to be matched against its scope's routes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DispatchMessage {
    /// Whose.
    pub scope: Scope,
    /// Which chunk of the log.
    pub chunk: ChunkId,
    /// The chunk itself, where it is small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Packed>,
}

/// Events to be delivered to one route.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeliverMessage {
    /// To whom, and how.
    pub head: Head,
    /// The events.
    pub events: Events,
}

/// What a delivery message says beside its events.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Head {
    /// Whose.
    pub scope: Scope,
    /// The route's uid.
    pub route: String,
    /// Which attempt the next one is, from 1.
    pub attempt: u32,
    /// Not before this time: delays longer than SQS's go in hops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Millis>,
    /// The target is suspended, and this is its probe of that number, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<u32>,
    /// Its turn under the route's rate: reserved, not to be asked for again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Millis>,
    /// The route's user asked for these events again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub again: bool,
    /// A stretch of the log, and its number: its events are sent one after the other, and the next stretch after them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_turn: Option<u64>,
}

impl Head {
    /// A first attempt, as soon as may be.
    #[must_use]
    pub fn first(scope: &Scope, route: &str) -> Self {
        let (scope, route) = (scope.clone(), route.to_owned());
        Self { scope, route, attempt: 1, not_before: None, probe: None, turn: None, again: false, in_turn: None }
    }

    /// The same delivery after `delay`, as attempt number `attempt`. What is tried again has lost its turn.
    #[must_use]
    pub fn later(&self, attempt: u32, now: Millis, delay: Duration) -> Self {
        let not_before = (delay > MAX_DELAY).then(|| now.plus(delay));
        Self { attempt, not_before, probe: None, turn: None, in_turn: None, ..self.clone() }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// The events of a delivery: carried along, named where they are too large for a message, or found by the route's
/// own cursor.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Events {
    /// Carried along.
    Inline(Packed),
    /// What an ordered route has still to get.
    Ordered,
    /// One event, too large to carry.
    Logged {
        /// The event's id.
        id: String,
    },
}

/// A file to be written for one route.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExportMessage {
    /// Whose.
    pub scope: Scope,
    /// The route's uid.
    pub route: String,
}

/// A route whose backlog is to be sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReplayMessage {
    /// Whose.
    pub scope: Scope,
    /// The route's uid.
    pub route: String,
    /// Only if this stretch is the last one sent: else somebody else has gone on with the backlog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

impl ReplayMessage {
    /// Whatever waits for a route.
    #[must_use]
    pub fn of(scope: &Scope, route: &str) -> Self {
        Self { scope: scope.clone(), route: route.to_owned(), after: None }
    }
}

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The text.
    pub body: String,
    /// How long nobody gets it.
    pub delay: Duration,
}

/// A message could not be sent.
#[derive(Debug, thiserror::Error)]
#[error("queue: {0}")]
pub struct QueueError(String);

impl Outgoing {
    /// A message of this content.
    ///
    /// # Errors
    /// [`QueueError`] where it cannot be written as JSON.
    pub fn json(content: &impl Serialize, delay: Duration) -> Result<Self, QueueError> {
        let body = serde_json::to_string(content).map_err(|e| QueueError(e.to_string()))?;
        Ok(Self { body, delay: delay.min(MAX_DELAY) })
    }
}

/// The client and the URLs.
#[derive(Clone, Debug)]
pub struct Queues {
    client: Client,
    urls: Arc<QueueUrls>,
}

impl Queues {
    /// Over a client.
    #[must_use]
    pub fn new(client: Client, urls: QueueUrls) -> Self {
        Self { client, urls: Arc::new(urls) }
    }

    /// Sends the messages, in as few calls as SQS's limits allow; returns once all are durable.
    ///
    /// # Errors
    /// [`QueueError`]; some may have been sent.
    pub async fn send(&self, queue: Queue, messages: Vec<Outgoing>) -> Result<(), QueueError> {
        let url = self.urls.of(queue);
        stream::iter(batches(messages))
            .map(|batch| self.send_batch(url, batch))
            .buffer_unordered(PARALLEL_SENDS)
            .try_collect()
            .await
    }

    async fn send_batch(&self, url: &str, batch: Vec<Outgoing>) -> Result<(), QueueError> {
        if let [message] = &batch[..] {
            let send = self.client.send_message().queue_url(url).message_body(&message.body);
            let sent = send.delay_seconds(seconds(message.delay)).send().await;
            return sent.map(|_| ()).map_err(|e| QueueError(aws_sdk_sqs::error::DisplayErrorContext(&e).to_string()));
        }
        let mut waiting = batch;
        for _ in 0..3 {
            waiting = self.try_batch(url, waiting).await?;
            if waiting.is_empty() {
                return Ok(());
            }
        }
        Err(QueueError(format!("{} messages were not taken", waiting.len())))
    }

    /// Sends a batch; returns those that the queue did not take for a reason of its own.
    async fn try_batch(&self, url: &str, batch: Vec<Outgoing>) -> Result<Vec<Outgoing>, QueueError> {
        let entries: Result<Vec<_>, _> = batch.iter().enumerate().map(|(i, message)| entry(i, message)).collect();
        let entries = entries.map_err(|e| QueueError(e.to_string()))?;
        let send = self.client.send_message_batch().queue_url(url).set_entries(Some(entries)).send();
        let answer = send.await.map_err(|e| QueueError(aws_sdk_sqs::error::DisplayErrorContext(&e).to_string()))?;
        if let Some(refused) = answer.failed().iter().find(|failed| failed.sender_fault()) {
            return Err(QueueError(format!("{}: {}", refused.code(), refused.message().unwrap_or_default())));
        }
        let again: Vec<usize> = answer.failed().iter().filter_map(|failed| failed.id().parse().ok()).collect();
        Ok(batch.into_iter().enumerate().filter(|(i, _)| again.contains(i)).map(|(_, message)| message).collect())
    }
}

fn entry(index: usize, message: &Outgoing) -> Result<SendMessageBatchRequestEntry, aws_sdk_sqs::error::BuildError> {
    SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(&message.body)
        .delay_seconds(seconds(message.delay))
        .build()
}

fn seconds(delay: Duration) -> i32 {
    // Up to the next second: never before its time.
    i32::try_from(delay.as_millis().div_ceil(1_000)).unwrap_or(900).min(900)
}

/// Groups of at most ten messages and one message's most bytes: the limit of a batch is that of a message.
fn batches(messages: Vec<Outgoing>) -> Vec<Vec<Outgoing>> {
    let mut batches: Vec<Vec<Outgoing>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        let open =
            batches.last_mut().filter(|b| b.len() < MAX_BATCH && bytes + message.body.len() <= MAX_MESSAGE_BYTES);
        bytes = if open.is_some() { bytes + message.body.len() } else { message.body.len() };
        match open {
            Some(batch) => batch.push(message),
            None => batches.push(vec![message]),
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn batches_hold_the_limits_and_lose_nothing(sizes in prop::collection::vec(1_usize..MAX_MESSAGE_BYTES, 0..60)) {
            let messages = sizes.iter().map(|n| Outgoing { body: "x".repeat(*n), delay: Duration::ZERO }).collect();
            let batches = batches(messages);
            for batch in &batches {
                prop_assert!((1..=MAX_BATCH).contains(&batch.len()));
                prop_assert!(batch.iter().map(|m| m.body.len()).sum::<usize>() <= MAX_MESSAGE_BYTES);
            }
            let lengths: Vec<usize> = batches.iter().flatten().map(|m| m.body.len()).collect();
            prop_assert_eq!(lengths, sizes);
        }
    }

    #[test]
    fn delays_round_up_and_stop_at_the_limit() {
        assert_eq!(seconds(Duration::from_millis(1)), 1);
        assert_eq!(seconds(Duration::ZERO), 0);
        assert_eq!(seconds(Duration::from_secs(9_000)), 900);
    }
}
