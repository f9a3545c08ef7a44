//! The first response to each idempotency key, kept for a day.

use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use serde::{Deserialize, Serialize};

use super::db::put_or_find;
use super::{Db, Key, StoreError};
use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;
use crate::domain::sealed::Sealed;
use crate::domain::time::Millis;

/// How long a response is kept.
const KEPT: Duration = Duration::from_secs(86_400);
/// How long a key stays reserved without a response: longer than any function's timeout and any target's.
pub const HELD: Duration = Duration::from_secs(90);
/// The largest sealed response that fits into an item, with room for the other attributes.
const MAX_SEALED_BYTES: usize = 390_000;

/// A digest of a request's method and path.
pub type Fingerprint = String;

/// A digest of a request's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyPrint {
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// How many bytes it had.
    pub length: u64,
}

/// The response to the first request of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptResponse {
    /// The body of the request; `None` if the endpoint takes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<BodyPrint>,
    /// Sealed, for it may hold a secret that is shown once; `None` if it was too large to keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Sealed>,
}

/// The state of a key when a request comes with it.
#[derive(Clone, Debug)]
pub enum Entry {
    /// It was free, and is reserved for this request now.
    Reserved(Reservation),
    /// The first request still runs.
    Running,
    /// The key was used for another request.
    Reused,
    /// The first request has its response.
    Answered(KeptResponse),
}

/// A key reserved for a request under way.
#[derive(Clone, Debug)]
pub struct Reservation {
    key: Key,
    record: Record,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    holder: String,
    fingerprint: Fingerprint,
    /// From then on another request may take the reservation over.
    held_until: Millis,
    expires_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept: Option<KeptResponse>,
}

/// The idempotency keys of every scope.
#[derive(Clone, Debug)]
pub struct IdempotencyRecords {
    db: Db,
}

impl IdempotencyRecords {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Reserves a key, if it is free or its reservation has expired without a response.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reserve(
        &self,
        scope: &Scope,
        key: &str,
        fingerprint: Fingerprint,
        now: Millis,
    ) -> Result<Entry, StoreError> {
        let key = Key::new(&scope.partition(ScopeFamily::Answer(key)), "answer");
        let record = Record {
            holder: self.db.ports.unique("once"),
            fingerprint,
            held_until: now.plus(HELD),
            expires_at: now.plus(KEPT).as_secs(),
            kept: None,
        };
        let over = self.db.run_out(HELD, now);
        // Times are written so that they compare as text does.
        let free = "attribute_not_exists(pk) OR expires_at < :seconds OR \
                    (attribute_not_exists(kept) AND held_until < :over AND fingerprint = :fingerprint)";
        let put = self
            .put(&key, &record)?
            .condition_expression(free)
            .expression_attribute_values(":seconds", AttributeValue::N(now.as_secs().to_string()))
            .expression_attribute_values(":over", AttributeValue::S(over.to_string()))
            .expression_attribute_values(":fingerprint", AttributeValue::S(record.fingerprint.clone()));
        let found = put_or_find(put, |found: &Record| found.holder == record.holder).await?;
        let Some(found) = found else { return Ok(Entry::Reserved(Reservation { key, record })) };
        Ok(match found.kept {
            _ if found.fingerprint != record.fingerprint => Entry::Reused,
            Some(kept) => Entry::Answered(kept),
            None => Entry::Running,
        })
    }

    /// Keeps the response for a day. Of one that is too large, only the fact is kept.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the reservation was taken over meanwhile.
    pub async fn keep(&self, reservation: Reservation, kept: KeptResponse, now: Millis) -> Result<(), StoreError> {
        let answer = kept.answer.filter(|sealed| sealed.text().len() <= MAX_SEALED_BYTES);
        let mut record = reservation.record;
        record.expires_at = now.plus(KEPT).as_secs();
        record.kept = Some(KeptResponse { answer, ..kept });
        let put = self.put(&reservation.key, &record)?.condition_expression("holder = :holder");
        put.expression_attribute_values(":holder", AttributeValue::S(record.holder)).send().await?;
        Ok(())
    }

    /// Frees the key: nothing was done under it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the reservation was taken over meanwhile.
    pub async fn release(&self, reservation: Reservation) -> Result<(), StoreError> {
        let delete = self.db.client.delete_item().table_name(&self.db.tables.activity);
        let delete = delete.set_key(Some(reservation.key.attributes())).condition_expression("holder = :holder");
        delete
            .expression_attribute_values(":holder", AttributeValue::S(reservation.record.holder))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        Ok(())
    }

    fn put(&self, key: &Key, record: &Record) -> Result<PutItemFluentBuilder, StoreError> {
        let put = self.db.client.put_item().table_name(&self.db.tables.activity).set_item(Some(key.item(record)?));
        Ok(put.return_consumed_capacity(ReturnConsumedCapacity::Total))
    }
}
