//! SQS: the client that sends messages, within the limits of messages and batches.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, SendMessageBatchRequestEntry};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::STORAGE_FULL;

/// The version in which messages are written, and the highest that is read: see "Upgrades" in `ARCHITECTURE.md`.
pub const VERSION: u32 = 1;
/// The longest delay SQS knows.
pub const MAX_DELAY: Duration = Duration::from_secs(900);
/// The longest that a failed message waits before it comes again.
const MAX_RETURN: Duration = Duration::from_secs(60);
/// The most that one message may take: SQS's own limit is 1 MiB, but a quarter of it passes everywhere.
pub const MAX_MESSAGE_BYTES: usize = 240 * 1024;
const MAX_BATCH: usize = 10;
const PARALLEL_SENDS: usize = 8;

/// The queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Chunks to be matched against routes.
    Dispatch,
    /// Deliveries to be made.
    Deliver,
    /// Export files to be written.
    Export,
    /// Stretches of the log to be sent.
    Replay,
    /// Runs of automations.
    Automate,
    /// Runs of pipelines.
    Sync,
}

/// Their URLs.
#[derive(Clone, Debug)]
pub struct QueueUrls {
    /// See [`Queue::Dispatch`].
    pub dispatch: String,
    /// See [`Queue::Deliver`].
    pub deliver: String,
    /// See [`Queue::Export`].
    pub export: String,
    /// See [`Queue::Replay`].
    pub replay: String,
    /// See [`Queue::Automate`].
    pub automate: String,
    /// See [`Queue::Sync`].
    pub sync: String,
}

impl QueueUrls {
    /// The URL of a queue.
    #[must_use]
    pub fn of(&self, queue: Queue) -> &str {
        match queue {
            Queue::Dispatch => &self.dispatch,
            Queue::Deliver => &self.deliver,
            Queue::Export => &self.export,
            Queue::Replay => &self.replay,
            Queue::Automate => &self.automate,
            Queue::Sync => &self.sync,
        }
    }
}

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The text.
    pub body: String,
    /// How long it stays invisible to receivers.
    pub delay: Duration,
    /// What it shares its turns with: of a group that has many messages in flight, no more are received while others wait.
    pub group: Option<String>,
}

/// A message that was received.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// What the queue knows this receipt by.
    pub handle: String,
    /// How often the message has been received, this time included.
    pub receives: u32,
}

impl Receipt {
    /// When a message comes again that failed: a fault of our own side costs seconds. It doubles with each receive, so
    /// that a fault of minutes does not use up a message's receives.
    fn delay(&self) -> Duration {
        Duration::from_secs(5).saturating_mul(2_u32.saturating_pow(self.receives.saturating_sub(1))).min(MAX_RETURN)
    }
}

/// A message could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The disk is full.
    #[error("the storage is full")]
    Full,
    /// The queue failed, did not take it or was not reachable.
    #[error("queue: {0}")]
    Failed(String),
}

impl QueueError {
    fn of<E, R>(error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        match error.as_service_error().and_then(ProvideErrorMetadata::code) {
            Some(STORAGE_FULL) => Self::Full,
            _ => Self::Failed(DisplayErrorContext(error).to_string()),
        }
    }
}

/// A message with its version.
#[derive(Serialize)]
struct Versioned<'a, T> {
    v: u32,
    #[serde(flatten)]
    content: &'a T,
}

/// A message and its version; one that has none is of the first.
#[derive(Deserialize)]
struct Read<T> {
    v: Option<u32>,
    #[serde(flatten)]
    content: T,
}

/// Any message, for its version.
#[derive(Deserialize)]
struct Version {
    v: Option<u32>,
}

/// A message that is not what its worker expects. It is not lost: it comes again, and a later release may read it.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Of no version that this program knows.
    #[error("the message has version {0}, where {VERSION} is the last known")]
    Newer(u32),
    /// Of a version that it knows.
    #[error("malformed message: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// Reads what [`Outgoing::json`] has written.
///
/// # Errors
/// [`Unreadable`].
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    let newer = |v: Option<u32>| v.filter(|v| *v > VERSION).map(Unreadable::Newer);
    match serde_json::from_str::<Read<T>>(text) {
        Ok(read) => newer(read.v).map_or(Ok(read.content), Err),
        // What a later version says need not look like anything that is known.
        Err(error) => Err(newer(serde_json::from_str::<Version>(text)?.v).unwrap_or(error.into())),
    }
}

impl Outgoing {
    /// A message of this content, which is an object, and of this version.
    ///
    /// # Errors
    /// [`QueueError`] where it cannot be written as JSON.
    pub fn json(content: &impl Serialize, delay: Duration) -> Result<Self, QueueError> {
        let body =
            serde_json::to_string(&Versioned { v: VERSION, content }).map_err(|e| QueueError::Failed(e.to_string()))?;
        Ok(Self { body, delay: delay.min(MAX_DELAY), group: None })
    }

    /// The same in a group.
    #[must_use]
    pub fn of_group(self, group: &str) -> Self {
        Self { group: Some(group.to_owned()), ..self }
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

    /// Has messages that failed come again soon: a queue's visibility timeout is for calls that were broken off.
    pub async fn release(&self, queue: Queue, receipts: &[Receipt]) {
        let entry = |(place, receipt): (usize, &Receipt)| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(place.to_string());
            entry.receipt_handle(&receipt.handle).visibility_timeout(seconds(receipt.delay())).build().ok()
        };
        for group in receipts.chunks(MAX_BATCH) {
            let entries: Vec<_> = group.iter().enumerate().filter_map(entry).collect();
            let change = self.client.change_message_visibility_batch().queue_url(self.urls.of(queue));
            if let Err(error) = change.set_entries(Some(entries)).send().await {
                let error = aws_sdk_sqs::error::DisplayErrorContext(&error);
                tracing::warn!(?queue, %error, "failed messages come again after their visibility timeout");
            }
        }
    }

    async fn send_batch(&self, url: &str, mut batch: Vec<Outgoing>) -> Result<(), QueueError> {
        if batch.len() == 1
            && let Some(Outgoing { body, delay, group }) = batch.pop()
        {
            let send = self.client.send_message().queue_url(url).message_body(body).set_message_group_id(group);
            let sent = send.delay_seconds(seconds(delay)).send().await;
            return sent.map(|_| ()).map_err(|e| QueueError::of(&e));
        }
        let mut waiting = batch;
        for _ in 0..3 {
            waiting = self.try_batch(url, waiting).await?;
            if waiting.is_empty() {
                return Ok(());
            }
        }
        Err(QueueError::Failed(format!("{} messages were not taken", waiting.len())))
    }

    /// Sends a batch; returns those that the queue did not take for a reason of its own.
    async fn try_batch(&self, url: &str, batch: Vec<Outgoing>) -> Result<Vec<Outgoing>, QueueError> {
        let entries: Result<Vec<_>, _> = batch.iter().enumerate().map(|(i, message)| entry(i, message)).collect();
        let entries = entries.map_err(|e| QueueError::Failed(e.to_string()))?;
        let send = self.client.send_message_batch().queue_url(url).set_entries(Some(entries)).send();
        let answer = send.await.map_err(|e| QueueError::of(&e))?;
        if let Some(refused) = answer.failed().iter().find(|failed| failed.sender_fault()) {
            return Err(QueueError::Failed(format!("{}: {}", refused.code(), refused.message().unwrap_or_default())));
        }
        let again: Vec<usize> = answer.failed().iter().filter_map(|failed| failed.id().parse().ok()).collect();
        Ok(batch.into_iter().enumerate().filter(|(i, _)| again.contains(i)).map(|(_, message)| message).collect())
    }
}

fn entry(index: usize, message: &Outgoing) -> Result<SendMessageBatchRequestEntry, aws_sdk_sqs::error::BuildError> {
    SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(&message.body)
        .set_message_group_id(message.group.clone())
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
            let messages = sizes.iter().map(|n| Outgoing { body: "x".repeat(*n), delay: Duration::ZERO, group: None }).collect();
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
    fn a_failed_message_comes_again_within_a_minute() {
        let delay = |receives| Receipt { handle: String::new(), receives }.delay().as_secs();
        assert_eq!([1, 2, 3, 4, 5, 32].map(delay), [5, 10, 20, 40, 60, 60]);
    }

    #[test]
    fn delays_round_up_and_stop_at_the_limit() {
        assert_eq!(seconds(Duration::from_millis(1)), 1);
        assert_eq!(seconds(Duration::ZERO), 0);
        assert_eq!(seconds(Duration::from_secs(9_000)), 900);
    }
}
