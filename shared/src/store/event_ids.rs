//! Claims on the event ids that publishers choose: which publish logged an id first, and whether it was completed.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::db::put_or_find;
use super::{Db, Key, StoreError};
use crate::domain::ids::ChunkId;
use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;

/// How long a repeated id counts as a duplicate.
const WINDOW: Duration = Duration::from_secs(86_400);

/// The result of claiming an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventIdClaim {
    /// It was free.
    Granted,
    /// An earlier publish holds it, which begins with this chunk.
    Held(ChunkId),
}

#[derive(Serialize, Deserialize)]
struct Record {
    chunk: ChunkId,
    /// Seconds since the epoch until which a repetition is a duplicate.
    held_until: i64,
    expires_at: i64,
}

#[derive(Serialize, Deserialize)]
struct Receipt {
    expires_at: i64,
}

/// The claims and receipts of every scope.
#[derive(Clone, Debug)]
pub struct EventIdClaims {
    db: Db,
    retention: Duration,
}

impl EventIdClaims {
    /// Claims are kept as long as the log: they are also how an event is found by its publisher's id.
    #[must_use]
    pub fn new(db: Db, retention: Duration) -> Self {
        Self { db, retention }
    }

    /// Claims `id` for the publish that begins with `chunk`, if it is free or `from` holds it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim(
        &self,
        scope: &Scope,
        id: &str,
        chunk: ChunkId,
        from: Option<ChunkId>,
    ) -> Result<EventIdClaim, StoreError> {
        let now = chunk.at();
        let record = Record {
            chunk,
            held_until: now.plus(WINDOW).as_secs(),
            expires_at: now.plus(self.retention.max(WINDOW)).as_secs(),
        };
        let put = self.db.client.put_item().table_name(&self.db.tables.activity);
        let put = put.set_item(Some(claim_key(scope, id).item(&record)?));
        let condition = "attribute_not_exists(pk) OR held_until < :now OR chunk = :from";
        let put = put
            .condition_expression(condition)
            .expression_attribute_values(":now", AttributeValue::N(now.as_secs().to_string()))
            .expression_attribute_values(":from", AttributeValue::S(from.unwrap_or(chunk).to_string()));
        let found = put_or_find(put, |found: &Record| found.chunk == chunk).await?;
        Ok(found.map_or(EventIdClaim::Granted, |found| EventIdClaim::Held(found.chunk)))
    }

    /// Which publish logged the event with this id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claimed_by(&self, scope: &Scope, id: &str) -> Result<Option<ChunkId>, StoreError> {
        let record: Option<Record> = self.db.get(&self.db.tables.activity, &claim_key(scope, id)).await?;
        Ok(record.map(|record| record.chunk))
    }

    /// Notes that the publish beginning with `chunk` is logged and its messages are sent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn settle(&self, scope: &Scope, chunk: ChunkId) -> Result<(), StoreError> {
        let receipt = Receipt { expires_at: chunk.at().plus(WINDOW * 2).as_secs() };
        self.db.put(&self.db.tables.activity, &receipt_key(scope, chunk), &receipt).await
    }

    /// Whether [`EventIdClaims::settle`] was reached for that publish.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_settled(&self, scope: &Scope, chunk: ChunkId) -> Result<bool, StoreError> {
        let receipt: Option<Receipt> = self.db.get(&self.db.tables.activity, &receipt_key(scope, chunk)).await?;
        Ok(receipt.is_some())
    }

    /// Whether a publish is so old that it counts as dead.
    #[must_use]
    pub fn is_stale(&self, chunk: ChunkId, now: Millis) -> bool {
        let is_of_another_process = self.db.sole_since.is_some_and(|since| chunk.at() < since);
        is_of_another_process || now.since(chunk.at()) > Duration::from_secs(10)
    }
}

fn claim_key(scope: &Scope, id: &str) -> Key {
    Key::new(&scope.partition(ScopeFamily::Claim(id)), "claim")
}

fn receipt_key(scope: &Scope, chunk: ChunkId) -> Key {
    Key::new(&scope.partition(ScopeFamily::Receipt(chunk)), "receipt")
}
