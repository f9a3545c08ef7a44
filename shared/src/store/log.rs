//! The event log: append-only chunks, partitioned by scope, day and shard.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnConsumedCapacity, TransactWriteItem};

use super::db::put_if;
use super::key::{Name, check};
use super::recent::Recent;
use super::{Db, Item, Key, StoreError, binary, was_made};
use crate::domain::chunk::{self, Chunk};
use crate::domain::event::Event;
use crate::domain::ids::ChunkId;
use crate::domain::partition::{Partition, ScopeFamily};
use crate::domain::scope::Scope;

/// The most one transaction may hold, with room for keys.
const MAX_TRANSACTION_BYTES: usize = 3_900_000;
/// A chunk is written once: neither over another nor where [`EventLog::fence`] was.
const FREE: &str = "attribute_not_exists(pk)";
/// The most items one transaction may hold.
const MAX_TRANSACTION_ITEMS: usize = 100;

/// The event log.
#[derive(Clone, Debug)]
pub struct EventLog {
    db: Db,
    retention: Duration,
    /// Where those who read chunks by their ids are in this process.
    recent: Option<Recent>,
}

pub(super) fn partition(scope: &Scope, day: i64, shard: u8) -> Partition {
    scope.partition(ScopeFamily::Log { day, shard })
}

impl EventLog {
    /// The log, kept for `retention`.
    #[must_use]
    pub fn new(db: Db, retention: Duration) -> Self {
        Self { db, retention, recent: None }
    }

    /// One whose newest chunks are kept at hand as well, up to so many bytes.
    #[must_use]
    pub fn keeping(self, most_bytes: usize) -> Self {
        Self { recent: Some(Recent::new(most_bytes)), ..self }
    }

    /// How long events stay.
    #[must_use]
    pub fn retention(&self) -> Duration {
        self.retention
    }

    /// Makes the chunks durable: one by a plain write, several by a transaction, so that a publish is logged
    /// completely or not at all.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; then they may or may not be in the log. [`StoreError::Conflict`]: a fence is there.
    pub async fn append(&self, scope: &Scope, chunks: &[Chunk]) -> Result<(), StoreError> {
        if let [chunk] = chunks {
            let put = self.db.client.put_item().table_name(&self.db.tables.events);
            return put_if(put.condition_expression(FREE), self.item(scope, chunk)).await;
        }
        let mut rest = chunks;
        while !rest.is_empty() {
            let (group, tail) = rest.split_at(transaction_len(rest));
            self.append_group(scope, group).await?;
            rest = tail;
        }
        Ok(())
    }

    async fn append_group(&self, scope: &Scope, group: &[Chunk]) -> Result<(), StoreError> {
        let mut items = Vec::with_capacity(group.len());
        for chunk in group {
            let put = Put::builder().table_name(&self.db.tables.events).set_item(Some(self.item(scope, chunk)));
            let put = put.condition_expression(FREE).build().map_err(|e| StoreError::Malformed(e.to_string()))?;
            items.push(TransactWriteItem::builder().put(put).build());
        }
        let write = self.db.client.transact_write_items().set_transact_items(Some(items));
        write.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await?;
        Ok(())
    }

    /// Puts an empty chunk at a place, unless there is one: a write that is still on its way there comes too late.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn fence(&self, scope: &Scope, id: ChunkId) -> Result<(), StoreError> {
        let body = chunk::encode::<Event>(&[]).map_err(|e| StoreError::Malformed(e.to_string()))?;
        let put = self.db.client.put_item().table_name(&self.db.tables.events).condition_expression(FREE);
        was_made(put_if(put, self.item(scope, &Chunk { id, body })).await).map(drop)
    }

    fn item(&self, scope: &Scope, chunk: &Chunk) -> Item {
        let at = chunk.id.at();
        let mut item = Key::new(&partition(scope, at.day(), chunk.id.shard()), chunk.id.to_string()).begin();
        item.insert("body".to_owned(), binary(chunk.body.clone()));
        item.insert("expires_at".to_owned(), AttributeValue::N(at.plus(self.retention).as_secs().to_string()));
        item
    }

    /// Keeps a chunk that was logged at hand for its readers; gives its body back if they must be sent it.
    pub fn keep(&self, scope: &Scope, Chunk { id, body }: Chunk) -> (ChunkId, Option<Vec<u8>>) {
        match &self.recent {
            Some(recent) => {
                recent.add(scope, id, body);
                (id, None)
            }
            None => (id, Some(body)),
        }
    }

    /// The events of one chunk; `None` if it is not in the log.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chunk(&self, scope: &Scope, id: ChunkId) -> Result<Option<Vec<Event>>, StoreError> {
        if let Some(body) = self.recent.as_ref().and_then(|recent| recent.get(scope, id)) {
            return decoded(&body).map(Some);
        }
        let key = Key::new(&partition(scope, id.at().day(), id.shard()), id.to_string());
        let get = self.db.client.get_item().table_name(&self.db.tables.events).set_key(Some(key.attributes()));
        let answer = get.consistent_read(true).return_consumed_capacity(ReturnConsumedCapacity::Total).send().await?;
        answer.item.as_ref().map(events_of).transpose()
    }

    /// The chunks of the publish whose first chunk is `first`; empty if it was not logged.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn publish_of(&self, scope: &Scope, first: ChunkId) -> Result<Vec<(ChunkId, Vec<Event>)>, StoreError> {
        let pk = partition(scope, first.at().day(), first.shard());
        let query = self.range(&pk, first, first.last_of_publish()).consistent_read(true);
        let mut pages = query.into_paginator().items().send();
        let mut chunks = Vec::new();
        while let Some(item) = pages.try_next().await? {
            chunks.push((chunk_id_of(&item)?, events_of(&item)?));
        }
        Ok(chunks)
    }

    /// One event of the publish that begins with `first`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn event(&self, scope: &Scope, first: ChunkId, id: &str) -> Result<Option<Event>, StoreError> {
        let chunks = self.publish_of(scope, first).await?;
        Ok(chunks.into_iter().flat_map(|(_, events)| events).find(|event| event.id == id))
    }

    pub(super) fn range(
        &self,
        partition: &Partition,
        low: ChunkId,
        high: ChunkId,
    ) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        let query = self.db.query(&self.db.tables.events, partition);
        query
            .key_condition_expression("pk = :pk AND sk BETWEEN :low AND :high")
            .expression_attribute_values(":low", AttributeValue::S(low.to_string()))
            .expression_attribute_values(":high", AttributeValue::S(high.to_string()))
    }
}

/// How many of the first chunks fit one transaction: at least one.
fn transaction_len(chunks: &[Chunk]) -> usize {
    let mut bytes = 0;
    let fits = |chunk: &&Chunk| {
        bytes += chunk.body.len() + 256;
        bytes <= MAX_TRANSACTION_BYTES
    };
    chunks.iter().take(MAX_TRANSACTION_ITEMS).take_while(fits).count().max(1)
}

pub(super) fn chunk_id_of(item: &Item) -> Result<ChunkId, StoreError> {
    let text = item.get("sk").and_then(|v| v.as_s().ok());
    text.and_then(|t| t.parse().ok()).ok_or_else(|| StoreError::Malformed("chunk id".to_owned()))
}

pub(super) fn events_of(item: &Item) -> Result<Vec<Event>, StoreError> {
    check(item)?;
    let body = item.get("body").and_then(|v| v.as_b().ok());
    let body = body.ok_or_else(|| StoreError::Malformed("chunk without a body".to_owned()))?;
    decoded(body.as_ref())
}

fn decoded(body: &[u8]) -> Result<Vec<Event>, StoreError> {
    chunk::decode(body).map_err(|e| StoreError::Malformed(e.to_string()))
}

/// The events of a chunk of many; of one that cannot be read, none.
pub(super) fn events_or_log(item: &Item) -> Vec<Event> {
    events_of(item).inspect_err(|error| Name::of(item).is_unreadable(error)).unwrap_or_default()
}
