//! The operations: each parses its request, asks the writer, and shapes the answer.

mod batches;
mod messages;
mod queues;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ACCOUNT;
use crate::fault::{Code, Fault};
use crate::writer::Store;

/// The context of an operation.
pub(crate) struct Context<'a> {
    pub(crate) store: &'a Store,
    /// How the caller reached us: queue URLs name this host.
    pub(crate) host: &'a str,
}

impl Context<'_> {
    fn queue_url(&self, name: &str) -> String {
        format!("http://{}/{ACCOUNT}/{name}", self.host)
    }
}

/// An answer without content.
#[derive(Serialize)]
struct Empty {}

/// Runs the operation of that name.
pub(crate) async fn run(operation: &str, body: &[u8], context: &Context<'_>) -> Result<Vec<u8>, Fault> {
    match operation {
        "SendMessage" => encode(&messages::send(context, decode(body)?).await?),
        "SendMessageBatch" => encode(&batches::send(context, decode(body)?).await?),
        "ReceiveMessage" => encode(&messages::receive(context, decode(body)?).await?),
        "DeleteMessage" => encode(&messages::delete(context, decode(body)?).await?),
        "DeleteMessageBatch" => encode(&batches::delete(context, decode(body)?).await?),
        "ChangeMessageVisibility" => encode(&messages::change_visibility(context, decode(body)?).await?),
        "ChangeMessageVisibilityBatch" => encode(&batches::change_visibility(context, decode(body)?).await?),
        "CreateQueue" => encode(&queues::create(context, decode(body)?).await?),
        "GetQueueUrl" => encode(&queues::get_url(context, decode(body)?).await?),
        "GetQueueAttributes" => encode(&queues::get_attributes(context, decode(body)?).await?),
        "SetQueueAttributes" => encode(&queues::set_attributes(context, decode(body)?).await?),
        "ListQueues" => encode(&queues::list(context, decode(body)?).await?),
        "DeleteQueue" => encode(&queues::delete(context, decode(body)?).await?),
        "PurgeQueue" => encode(&queues::purge(context, decode(body)?).await?),
        _ => {
            let message = format!("The action {operation} is not valid for this endpoint.");
            Err(Fault::new(Code::InvalidAction, message))
        }
    }
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        let message = format!("The request cannot be read: {error}.");
        Fault::new(Code::SerializationException, message)
    })
}

fn encode<T: Serialize>(answer: &T) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(answer).map_err(|error| {
        tracing::error!(%error, "an answer could not be written");
        Fault::internal()
    })
}

/// The name in a queue URL. Any host will do, for callers reach one server under several names.
fn queue_name(url: &str) -> Result<String, Fault> {
    if url.is_empty() {
        return Err(Fault::missing("QueueUrl"));
    }
    let mut segments = url.rsplit('/');
    match (segments.next(), segments.next()) {
        (Some(name), Some(ACCOUNT)) => Ok(name.to_owned()),
        _ => Err(Fault::no_queue()),
    }
}

/// Checks an optional number that has a range.
fn in_range(parameter: &str, value: Option<i64>, most: i64) -> Result<Option<i64>, Fault> {
    match value {
        Some(number) if !(0..=most).contains(&number) => {
            let reason = format!("{parameter} must be >= 0 and <= {most}.");
            Err(Fault::invalid(parameter, number, &reason))
        }
        other => Ok(other),
    }
}
