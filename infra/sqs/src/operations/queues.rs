//! Queues: create, find, list, configure, empty, delete.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::config::arn;
use crate::fault::{Code, Fault};
use crate::operations::{Context, Empty, queue_name};
use crate::tables::{Counts, Queue};
use crate::writer::Durability;

/// The most queues on one page of a list.
const PAGE: usize = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Create {
    #[serde(default)]
    queue_name: String,
    #[serde(default)]
    attributes: Option<HashMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ByName {
    #[serde(default)]
    queue_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ByUrl {
    #[serde(default)]
    queue_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetAttributes {
    #[serde(default)]
    queue_url: String,
    #[serde(default)]
    attribute_names: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SetAttributes {
    #[serde(default)]
    queue_url: String,
    #[serde(default)]
    attributes: HashMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    #[serde(default)]
    queue_name_prefix: Option<String>,
    #[serde(default)]
    max_results: Option<i64>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Url {
    queue_url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Attributes {
    attributes: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    queue_urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn create(context: &Context<'_>, request: Create) -> Result<Url, Fault> {
    let name = request.queue_name;
    if name.is_empty() {
        return Err(Fault::missing("QueueName"));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.len() > 80 || !name.bytes().all(allowed) {
        let reason = "Can only include alphanumeric characters, hyphens, or underscores. \
                      1 to 80 in length. FIFO queues are not supported.";
        return Err(Fault::invalid("QueueName", name, reason));
    }
    let queue_url = context.queue_url(&name);
    let attributes = request.attributes.unwrap_or_default();
    context.store.run(Durability::Disk, move |tables| tables.create(&name, &attributes)).await?;
    Ok(Url { queue_url })
}

pub(super) async fn get_url(context: &Context<'_>, request: ByName) -> Result<Url, Fault> {
    let name = request.queue_name;
    if name.is_empty() {
        return Err(Fault::missing("QueueName"));
    }
    let queue_url = context.queue_url(&name);
    context.store.run(Durability::Hint, move |tables| Ok(tables.queue(&name)?)).await?;
    Ok(Url { queue_url })
}

pub(super) async fn list(context: &Context<'_>, request: List) -> Result<Listed, Fault> {
    let page = match request.max_results {
        None => PAGE,
        Some(most) => usize::try_from(most)
            .ok()
            .filter(|most| (1..=PAGE).contains(most))
            .ok_or_else(|| Fault::invalid("MaxResults", most, "Must be between 1 and 1000."))?,
    };
    let prefix = request.queue_name_prefix.unwrap_or_default();
    // The token is the last name of the page before.
    let after = request.next_token.unwrap_or_default();
    let mut names: Vec<String> = context
        .store
        .run(Durability::Disk, move |tables| {
            let names = tables.cache.queues.keys();
            let listed = names.filter(|name| name.starts_with(&prefix) && ***name > *after);
            Ok(listed.map(ToString::to_string).collect())
        })
        .await?;
    names.sort_unstable();
    let more = names.len() > page && request.max_results.is_some();
    names.truncate(page);
    let next_token = names.last().filter(|_| more).cloned();
    let queue_urls = names.iter().map(|name| context.queue_url(name)).collect();
    Ok(Listed { queue_urls, next_token })
}

pub(super) async fn get_attributes(context: &Context<'_>, request: GetAttributes) -> Result<Attributes, Fault> {
    let name = queue_name(&request.queue_url)?;
    let wanted = request.attribute_names.unwrap_or_default();
    let (queue, counts) =
        context.store.run(Durability::Hint, move |tables| Ok((tables.queue(&name)?, tables.counts(&name)?))).await?;
    let mut attributes = attributes_of(&queue, counts);
    let all = wanted.iter().any(|name| name == "All");
    // Without a policy there is no such attribute, but it may be asked for.
    let known = |name: &String| attributes.contains_key(name.as_str()) || name == "RedrivePolicy";
    if let Some(unknown) = wanted.iter().find(|name| !known(name) && *name != "All") {
        let message = format!("Unknown Attribute {unknown}.");
        return Err(Fault::new(Code::InvalidAttributeName, message));
    }
    attributes.retain(|name, _| all || wanted.iter().any(|wanted| wanted == name));
    Ok(Attributes { attributes })
}

fn attributes_of(queue: &Queue, counts: Counts) -> BTreeMap<&'static str, String> {
    let config = &queue.config;
    let mut attributes = BTreeMap::from([
        ("QueueArn", arn(&queue.name)),
        ("ApproximateNumberOfMessages", counts.visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
        ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
        ("CreatedTimestamp", (queue.created_at / 1000).to_string()),
        ("LastModifiedTimestamp", (queue.modified_at / 1000).to_string()),
        ("VisibilityTimeout", config.visibility.to_string()),
        ("MaximumMessageSize", config.max_bytes.to_string()),
        ("MessageRetentionPeriod", config.retention.to_string()),
        ("DelaySeconds", config.delay.to_string()),
        ("ReceiveMessageWaitTimeSeconds", config.wait.to_string()),
    ]);
    if let Some(redrive) = &config.redrive {
        attributes.insert("RedrivePolicy", redrive.to_json());
    }
    attributes
}

pub(super) async fn set_attributes(context: &Context<'_>, request: SetAttributes) -> Result<Empty, Fault> {
    let name = queue_name(&request.queue_url)?;
    context.store.run(Durability::Disk, move |tables| tables.set_attributes(&name, &request.attributes)).await?;
    Ok(Empty {})
}

pub(super) async fn delete(context: &Context<'_>, request: ByUrl) -> Result<Empty, Fault> {
    let name = queue_name(&request.queue_url)?;
    context.store.run(Durability::Disk, move |tables| tables.delete_queue(&name)).await?;
    Ok(Empty {})
}

pub(super) async fn purge(context: &Context<'_>, request: ByUrl) -> Result<Empty, Fault> {
    let name = queue_name(&request.queue_url)?;
    context.store.run(Durability::Disk, move |tables| tables.purge(&name)).await?;
    Ok(Empty {})
}
