//! First answers to requests with an idempotency key: claimed, kept for a day, given again.

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

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(86_400);
/// How long a request may take before another may doubt that it goes on; longer than any function's timeout and any
/// target's time to answer.
pub const HELD: Duration = Duration::from_secs(90);
/// The largest sealed answer that fits into an item, with room for the rest of it.
const MAX_SEALED_BYTES: usize = 390_000;

/// What a request was, but for its body: a digest of method and path.
pub type Fingerprint = String;

/// A body as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyPrint {
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// How many bytes it had.
    pub length: u64,
}

/// A first answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// The body it answers; `None` where the endpoint looked at none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<BodyPrint>,
    /// It may hold a secret that is shown once; `None` where it was too large to keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Sealed>,
}

/// What a claim on a key comes to.
#[derive(Clone, Debug)]
pub enum Claim {
    /// The request is the first: whoever holds this carries it out.
    Granted(Holder),
    /// The first still runs.
    Running,
    /// The key was used for another request.
    Reused,
    /// The first was answered.
    Answered(Kept),
}

/// The right to answer first.
#[derive(Clone, Debug)]
pub struct Holder {
    key: Key,
    record: Record,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    holder: String,
    fingerprint: Fingerprint,
    /// Until when nobody takes the claim over.
    held_until: Millis,
    expires_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept: Option<Kept>,
}

/// The answers of every scope.
#[derive(Clone, Debug)]
pub struct Answers {
    db: Db,
}

impl Answers {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Claims a key, if nobody has, or if whoever did has gone without an answer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim(
        &self,
        scope: &Scope,
        key: &str,
        fingerprint: Fingerprint,
        now: Millis,
    ) -> Result<Claim, StoreError> {
        let key = Key::new(&scope.partition(ScopeFamily::Answer(key)), "answer");
        let record = Record {
            holder: self.db.ports.unique("once"),
            fingerprint,
            held_until: now.plus(HELD),
            expires_at: now.plus(KEPT).as_secs(),
            kept: None,
        };
        // Times are written so that they compare as text does.
        let free = "attribute_not_exists(pk) OR expires_at < :seconds OR \
                    (attribute_not_exists(kept) AND held_until < :now AND fingerprint = :fingerprint)";
        let put = self
            .put(&key, &record)?
            .condition_expression(free)
            .expression_attribute_values(":seconds", AttributeValue::N(now.as_secs().to_string()))
            .expression_attribute_values(":now", AttributeValue::S(now.to_string()))
            .expression_attribute_values(":fingerprint", AttributeValue::S(record.fingerprint.clone()));
        let found = put_or_find(put, |found: &Record| found.holder == record.holder).await?;
        let Some(found) = found else { return Ok(Claim::Granted(Holder { key, record })) };
        Ok(match found.kept {
            _ if found.fingerprint != record.fingerprint => Claim::Reused,
            Some(kept) => Claim::Answered(kept),
            None => Claim::Running,
        })
    }

    /// Keeps the answer for a day. One that is too large is noted, and not kept.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the claim was taken over meanwhile.
    pub async fn keep(&self, holder: Holder, kept: Kept, now: Millis) -> Result<(), StoreError> {
        let answer = kept.answer.filter(|sealed| sealed.text().len() <= MAX_SEALED_BYTES);
        let mut record = holder.record;
        record.expires_at = now.plus(KEPT).as_secs();
        record.kept = Some(Kept { answer, ..kept });
        let put = self.put(&holder.key, &record)?.condition_expression("holder = :holder");
        put.expression_attribute_values(":holder", AttributeValue::S(record.holder)).send().await?;
        Ok(())
    }

    /// Gives the key free again: nothing was done under it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the claim was taken over meanwhile.
    pub async fn release(&self, holder: Holder) -> Result<(), StoreError> {
        let delete = self.db.client.delete_item().table_name(&self.db.tables.activity);
        let delete = delete.set_key(Some(holder.key.attributes())).condition_expression("holder = :holder");
        delete
            .expression_attribute_values(":holder", AttributeValue::S(holder.record.holder))
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
