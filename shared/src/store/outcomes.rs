//! The outcomes of deliveries: one compressed record for each worker call, not one for each delivery.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use serde::{Deserialize, Serialize};

use super::{Db, Key, StoreError, binary};
use crate::domain::chunk::{self, Effort};
use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;

const KEPT: Duration = Duration::from_secs(31 * 86_400);

/// One attempt of one delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The route's uid.
    pub route: String,
    /// The event.
    pub event: String,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// The target's status, if it responded.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub millis: u32,
    /// The beginning of the response, or the error; empty on success.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// When it ended.
    pub at: Millis,
}

/// The outcomes of every scope.
#[derive(Clone, Debug)]
pub struct Outcomes {
    db: Db,
}

impl Outcomes {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Records the outcomes of one worker call for one scope.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record(&self, scope: &Scope, outcomes: &[Outcome], now: Millis) -> Result<(), StoreError> {
        let raw = serde_json::to_vec(outcomes).map_err(|e| StoreError::Malformed(e.to_string()))?;
        let body = chunk::compress(&raw, Effort::Log).map_err(|e| StoreError::Malformed(e.to_string()))?;
        if body.len() > chunk::MAX_CHUNK_BYTES && outcomes.len() > 1 {
            let (one, two) = outcomes.split_at(outcomes.len() / 2);
            Box::pin(self.record(scope, one, now)).await?;
            return Box::pin(self.record(scope, two, now)).await;
        }
        let sk = format!("{:013}#{}", now.0, self.db.ports.unique("out"));
        let mut item = Key::new(&scope.partition(ScopeFamily::Outcomes { day: now.day() }), sk).attributes();
        item.insert("body".to_owned(), binary(body));
        item.insert("expires_at".to_owned(), AttributeValue::N(now.plus(KEPT).as_secs().to_string()));
        let put = self.db.client.put_item().table_name(&self.db.tables.activity).set_item(Some(item));
        put.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await?;
        Ok(())
    }
}
