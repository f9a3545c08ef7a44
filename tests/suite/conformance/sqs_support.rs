//! What the SQS cases share: queues of their own, receives, and error codes.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry};

use super::Subject;

/// The size limit of a message, and of a batch.
pub(crate) const MEBIBYTE: usize = 1_048_576;

/// A name that no other test, and no earlier run, has used.
pub(crate) fn unique(stem: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
    format!("{stem}-{nanos}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A fresh queue; answers its URL.
pub(crate) async fn queue(subject: &Subject, attributes: &[(QueueAttributeName, &str)]) -> String {
    let mut create = subject.client.create_queue().queue_name(unique("case"));
    for (name, value) in attributes {
        create = create.attributes(name.clone(), *value);
    }
    create.send().await.expect("a queue").queue_url.expect("a queue URL")
}

pub(crate) async fn send(client: &Client, url: &str, body: &str) -> String {
    let sent = client.send_message().queue_url(url).message_body(body).send().await;
    sent.expect("sent").message_id.expect("a message id")
}

/// Receives up to ten messages with all their attributes, waiting up to `wait` seconds.
pub(crate) async fn receive(client: &Client, url: &str, visibility: i32, wait: i32) -> Vec<Message> {
    let received = client
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(10)
        .visibility_timeout(visibility)
        .wait_time_seconds(wait)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All")
        .send()
        .await;
    received.expect("received").messages.unwrap_or_default()
}

/// The one message that a receive must bring.
pub(crate) async fn receive_one(client: &Client, url: &str, visibility: i32, wait: i32) -> Message {
    let mut messages = receive(client, url, visibility, wait).await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages.remove(0)
}

/// The same, with the time it took.
pub(crate) async fn timed_receive_one(client: &Client, url: &str, visibility: i32, wait: i32) -> (Message, Duration) {
    let start = Instant::now();
    let message = receive_one(client, url, visibility, wait).await;
    (message, start.elapsed())
}

pub(crate) fn handle(message: &Message) -> &str {
    message.receipt_handle().expect("a receipt handle")
}

pub(crate) fn system(message: &Message, name: MessageSystemAttributeName) -> String {
    let attributes = message.attributes().expect("system attributes");
    attributes.get(&name).unwrap_or_else(|| panic!("no {name} in {attributes:?}")).clone()
}

pub(crate) fn receives(message: &Message) -> String {
    system(message, MessageSystemAttributeName::ApproximateReceiveCount)
}

/// The code of the error that a call must end with, in the names of the old protocol, as the SDK
/// reports them.
pub(crate) fn code<T, E>(result: Result<T, E>) -> String
where
    T: std::fmt::Debug,
    E: ProvideErrorMetadata,
{
    result.expect_err("an error").code().expect("an error code").to_owned()
}

/// Messages that are visible, in flight, delayed.
pub(crate) async fn counts(client: &Client, url: &str) -> [u32; 3] {
    let names = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ];
    let all = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .expect("attributes")
        .attributes
        .expect("attributes");
    names.map(|name| all[&name].parse().expect("a number"))
}

/// An entry of a batch of sends.
pub(crate) fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    let builder = SendMessageBatchRequestEntry::builder().id(id).message_body(body);
    builder.build().expect("an entry")
}
