//! One message at a time: send, receive, delete, change visibility.

use std::collections::BTreeMap;

use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ACCOUNT;
use crate::attributes::{self, Attributes};
use crate::config::{MAX_DELAY, MAX_VISIBILITY, MAX_WAIT, arn};
use crate::fault::{Code, Fault};
use crate::messages::{NewMessage, Received};
use crate::operations::{Context, Empty, in_range, queue_name};
use crate::receipt::Receipt;
use crate::writer::Durability;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendOne {
    #[serde(default)]
    queue_url: String,
    #[serde(flatten)]
    content: Content,
}

/// The fields of a message, alone or in a batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Content {
    #[serde(default)]
    pub(super) message_body: String,
    #[serde(default)]
    delay_seconds: Option<i64>,
    /// On a standard queue: the group that the message shares its turns with.
    #[serde(default)]
    message_group_id: Option<String>,
    #[serde(default)]
    message_attributes: Option<Attributes>,
}

/// The result of sending a message.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Sent {
    message_id: String,
    #[serde(rename = "MD5OfMessageBody")]
    md5_of_body: String,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_attributes: Option<String>,
}

impl Content {
    /// Checks a message, and answers it with what its sender will be told.
    pub(super) fn check(self) -> Result<(NewMessage, Sent), Fault> {
        if self.message_body.is_empty() {
            return Err(Fault::missing("MessageBody"));
        }
        // Nearly every body is plain text, and that is told many bytes at a time.
        let plain = self.message_body.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !plain && !self.message_body.chars().all(is_allowed) {
            let message = "Invalid characters found. Valid unicode characters are \
                           #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";
            return Err(Fault::new(Code::InvalidMessageContents, message));
        }
        let group = self.message_group_id.map(group).transpose()?;
        let delay = in_range("DelaySeconds", self.delay_seconds, MAX_DELAY)?;
        let mut size = self.message_body.len();
        let (mut attributes, mut md5_of_attributes) = (None, None);
        if let Some(given) = self.message_attributes.filter(|given| !given.is_empty()) {
            let (bytes, digest) = attributes::measure(&given)?;
            size += bytes;
            md5_of_attributes = Some(digest);
            attributes = serde_json::to_string(&given).ok();
        }
        let message_id = Uuid::now_v7().to_string();
        let md5 = hex::encode(Md5::digest(self.message_body.as_bytes()));
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let sent = Sent { message_id: message_id.clone(), md5_of_body: md5.clone(), md5_of_attributes };
        let body = self.message_body;
        Ok((NewMessage { message_id, md5, body, attributes, size, delay, group }, sent))
    }
}

/// 1 to 128 letters, digits and punctuation.
fn group(id: String) -> Result<String, Fault> {
    if (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(id);
    }
    Err(Fault::invalid(
        "MessageGroupId",
        &id,
        "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.",
    ))
}

/// The characters of XML 1.0, which SQS spoke first.
fn is_allowed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        other => other >= ' ',
    }
}

pub(super) async fn send(context: &Context<'_>, request: SendOne) -> Result<Sent, Fault> {
    let name = queue_name(&request.queue_url)?;
    let (message, sent) = request.content.check()?;
    let results = context.store.run(Durability::Disk, move |tables| tables.send(&name, vec![message])).await?;
    results.into_iter().collect::<Result<(), Fault>>()?;
    Ok(sent)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Receive {
    #[serde(default)]
    queue_url: String,
    #[serde(default)]
    max_number_of_messages: Option<i64>,
    #[serde(default)]
    visibility_timeout: Option<i64>,
    #[serde(default)]
    wait_time_seconds: Option<i64>,
    /// The older name of the next field.
    #[serde(default)]
    attribute_names: Option<Vec<String>>,
    #[serde(default)]
    message_system_attribute_names: Option<Vec<String>>,
    #[serde(default)]
    message_attribute_names: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Messages {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<Message>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    message_id: String,
    receipt_handle: String,
    #[serde(rename = "MD5OfBody")]
    md5_of_body: String,
    body: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    message_attributes: Attributes,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_attributes: Option<String>,
}

pub(super) async fn receive(context: &Context<'_>, request: Receive) -> Result<Messages, Fault> {
    let name = queue_name(&request.queue_url)?;
    let most = request.max_number_of_messages.unwrap_or(1);
    let Some(most) = usize::try_from(most).ok().filter(|most| (1..=10).contains(most)) else {
        let reason = "Must be between 1 and 10, if provided.";
        return Err(Fault::invalid("MaxNumberOfMessages", most, reason));
    };
    let visibility = in_range("VisibilityTimeout", request.visibility_timeout, MAX_VISIBILITY)?;
    let wait = in_range("WaitTimeSeconds", request.wait_time_seconds, MAX_WAIT)?;
    let mut system = request.attribute_names.unwrap_or_default();
    system.extend(request.message_system_attribute_names.unwrap_or_default());
    let wanted = request.message_attribute_names.unwrap_or_default();
    let received = context.store.receive(name, most, visibility, wait).await?;
    let messages = received.into_iter().map(|message| shape(message, &system, &wanted)).collect();
    Ok(Messages { messages })
}

fn shape(received: Received, system: &[String], wanted: &[String]) -> Message {
    let mut message_attributes = Attributes::new();
    if !wanted.is_empty()
        && let Some(stored) = &received.attributes
    {
        message_attributes = serde_json::from_str(stored).unwrap_or_default();
        message_attributes.retain(|name, _| attributes::is_wanted(name, wanted));
    }
    let md5_of_attributes = if message_attributes.is_empty() {
        None
    } else {
        attributes::measure(&message_attributes).ok().map(|(_, digest)| digest)
    };
    Message {
        attributes: system_attributes(&received, system),
        message_id: received.message_id,
        receipt_handle: received.receipt.encode(),
        md5_of_body: received.md5,
        body: received.body,
        message_attributes,
        md5_of_attributes,
    }
}

fn system_attributes(received: &Received, wanted: &[String]) -> BTreeMap<&'static str, String> {
    let mut attributes = BTreeMap::new();
    let all = wanted.iter().any(|name| name == "All");
    let mut set = |name: &'static str, value: &dyn Fn() -> String| {
        if all || wanted.iter().any(|wanted| wanted == name) {
            attributes.insert(name, value());
        }
    };
    set("SenderId", &|| ACCOUNT.to_owned());
    set("SentTimestamp", &|| received.sent_at.to_string());
    set("ApproximateReceiveCount", &|| received.receives.to_string());
    set("ApproximateFirstReceiveTimestamp", &|| received.first_received_at.to_string());
    if let Some(source) = &received.source {
        set("DeadLetterQueueSourceArn", &|| arn(source));
    }
    attributes
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Delete {
    #[serde(default)]
    queue_url: String,
    #[serde(default)]
    receipt_handle: String,
}

pub(super) async fn delete(context: &Context<'_>, request: Delete) -> Result<Empty, Fault> {
    let name = queue_name(&request.queue_url)?;
    let receipt = Receipt::decode(&request.receipt_handle)?;
    context.store.run(Durability::Hint, move |tables| tables.delete(&name, receipt)).await?;
    Ok(Empty {})
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChangeVisibility {
    #[serde(default)]
    queue_url: String,
    #[serde(default)]
    receipt_handle: String,
    #[serde(default)]
    visibility_timeout: Option<i64>,
}

pub(super) async fn change_visibility(context: &Context<'_>, request: ChangeVisibility) -> Result<Empty, Fault> {
    let name = queue_name(&request.queue_url)?;
    let receipt = Receipt::decode(&request.receipt_handle)?;
    let visibility = visibility(request.visibility_timeout)?;
    context.store.run(Durability::Hint, move |tables| tables.change_visibility(&name, receipt, visibility)).await?;
    Ok(Empty {})
}

/// The timeout of a change, where it must be there.
pub(super) fn visibility(given: Option<i64>) -> Result<i64, Fault> {
    in_range("VisibilityTimeout", given, MAX_VISIBILITY)?.ok_or_else(|| Fault::missing("VisibilityTimeout"))
}
