//! Batches: up to ten entries, each with a result of its own.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::config::MAX_MESSAGE_BYTES;
use crate::fault::{Code, Fault};
use crate::operations::messages::{Content, Sent, visibility};
use crate::operations::{Context, queue_name};
use crate::receipt::Receipt;
use crate::waiters::settle;
use crate::writer::Durability;

const MAX_ENTRIES: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch<T> {
    #[serde(default)]
    queue_url: String,
    #[serde(default = "Vec::new")]
    entries: Vec<Entry<T>>,
}

#[derive(Deserialize)]
struct Entry<T> {
    #[serde(rename = "Id", default)]
    id: String,
    #[serde(flatten)]
    content: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Delete {
    #[serde(default)]
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChangeVisibility {
    #[serde(default)]
    receipt_handle: String,
    #[serde(default)]
    visibility_timeout: Option<i64>,
}

/// The answer: in both lists, in the order of the request.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Results<T> {
    successful: Vec<Successful<T>>,
    failed: Vec<Failed>,
}

#[derive(Serialize)]
struct Successful<T> {
    #[serde(rename = "Id")]
    id: String,
    #[serde(flatten)]
    content: T,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    id: String,
    code: &'static str,
    message: String,
    sender_fault: bool,
}

/// A success of which there is nothing to tell but the id.
#[derive(Serialize)]
pub(super) struct Done {}

impl<T> Batch<T> {
    /// The checks that AWS makes before it looks into an entry: each refuses the batch as a whole.
    fn check(&self) -> Result<String, Fault> {
        let name = queue_name(&self.queue_url)?;
        let refuse = |code, message: &'static str| Err(Fault::new(code, message));
        if self.entries.is_empty() {
            let message = "There should be at least one entry in the request.";
            return refuse(Code::EmptyBatchRequest, message);
        }
        if self.entries.len() > MAX_ENTRIES {
            let message = "Maximum number of entries per request are 10.";
            return refuse(Code::TooManyEntriesInBatchRequest, message);
        }
        let mut seen = HashSet::new();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        for Entry { id, .. } in &self.entries {
            if id.is_empty() || id.len() > 80 || !id.bytes().all(allowed) {
                let message = "A batch entry id can only contain alphanumeric characters, hyphens \
                               and underscores. It can be at most 80 letters long.";
                return refuse(Code::InvalidBatchEntryId, message);
            }
            if !seen.insert(id) {
                let message = format!("Id {id} repeated.");
                return Err(Fault::new(Code::BatchEntryIdsNotDistinct, message));
            }
        }
        Ok(name)
    }
}

impl<T> FromIterator<(String, Result<T, Fault>)> for Results<T> {
    fn from_iter<I: IntoIterator<Item = (String, Result<T, Fault>)>>(results: I) -> Self {
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (id, result) in results {
            match result {
                Ok(content) => successful.push(Successful { id, content }),
                Err(fault) => failed.push(Failed {
                    id,
                    code: fault.code.name(),
                    message: fault.message.into_owned(),
                    sender_fault: true,
                }),
            }
        }
        Self { successful, failed }
    }
}

pub(super) async fn send(context: &Context<'_>, batch: Batch<Content>) -> Result<Results<Sent>, Fault> {
    let name = batch.check()?;
    let (mut ids, mut checked, mut messages) = (Vec::new(), Vec::new(), Vec::new());
    let mut total = 0;
    for entry in batch.entries {
        let body = i64::try_from(entry.content.message_body.len()).unwrap_or(i64::MAX);
        ids.push(entry.id);
        match entry.content.check() {
            Ok((message, sent)) => {
                total += message.size;
                messages.push(message);
                checked.push(Ok(sent));
            }
            Err(fault) => {
                total += body;
                checked.push(Err(fault));
            }
        }
    }
    if total > MAX_MESSAGE_BYTES {
        let message =
            format!("Batch requests cannot be longer than {MAX_MESSAGE_BYTES} bytes. You have sent {total} bytes.");
        return Err(Fault::new(Code::BatchRequestTooLong, message));
    }
    // One result for each message that passed the check, in order.
    let mut stored = context.store.run(Durability::Disk, move |tables| tables.send(&name, messages)).await?.into_iter();
    let merged = checked.into_iter().map(|entry| {
        let sent = entry?;
        stored.next().unwrap_or_else(|| Err(Fault::internal()))?;
        Ok(sent)
    });
    Ok(ids.into_iter().zip(merged).collect())
}

pub(super) async fn delete(context: &Context<'_>, batch: Batch<Delete>) -> Result<Results<Done>, Fault> {
    let name = batch.check()?;
    context
        .store
        .run(Durability::Hint, move |tables| {
            tables.queue(&name)?;
            let mut results = Vec::with_capacity(batch.entries.len());
            for Entry { id, content } in batch.entries {
                let result = match Receipt::decode(&content.receipt_handle) {
                    Ok(receipt) => settle(tables.delete(&name, receipt))?,
                    Err(fault) => Err(fault),
                };
                results.push((id, result.map(|()| Done {})));
            }
            Ok(results.into_iter().collect())
        })
        .await
}

pub(super) async fn change_visibility(
    context: &Context<'_>,
    batch: Batch<ChangeVisibility>,
) -> Result<Results<Done>, Fault> {
    let name = batch.check()?;
    context
        .store
        .run(Durability::Hint, move |tables| {
            tables.queue(&name)?;
            let mut results = Vec::with_capacity(batch.entries.len());
            for Entry { id, content } in batch.entries {
                let checked = Receipt::decode(&content.receipt_handle)
                    .and_then(|receipt| Ok((receipt, visibility(content.visibility_timeout)?)));
                let result = match checked {
                    Ok((receipt, seconds)) => settle(tables.change_visibility(&name, receipt, seconds))?,
                    Err(fault) => Err(fault),
                };
                results.push((id, result.map(|()| Done {})));
            }
            Ok(results.into_iter().collect())
        })
        .await
}
