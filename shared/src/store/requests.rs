//! Claims on publishers' idempotency keys: where in the log the events of a request were to stand.
//!
//! One record a request, however many events it has: their ids follow from the place of the first.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::db::put_or_find;
use super::idempotency::BodyPrint;
use super::{Db, Key, StoreError};
use crate::domain::ids::{ChunkId, event_id};
use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;

/// How long a key stands for its first request.
const WINDOW: Duration = Duration::from_secs(86_400);

/// A request that may come again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// A digest of the key and of the credentials it belongs to.
    pub key: String,
    /// Its body.
    pub body: BodyPrint,
}

/// Where the events of a request begin: a publish may be of several requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The first chunk of the publish.
    pub chunk: ChunkId,
    /// How many events of other requests stand before.
    pub before: usize,
}

impl Place {
    /// The id of the request's `n`th event, if its publisher gave none.
    #[must_use]
    pub fn event_id(self, n: usize) -> String {
        event_id(self.chunk, self.before + n)
    }
}

/// The result of claiming a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestClaim {
    /// It was free.
    Granted,
    /// An earlier attempt of the request holds it.
    Held(Place),
    /// Another request holds it.
    Reused,
}

#[derive(Serialize, Deserialize)]
struct Record {
    chunk: ChunkId,
    before: usize,
    body: BodyPrint,
    expires_at: i64,
}

impl Record {
    fn place(&self) -> Place {
        Place { chunk: self.chunk, before: self.before }
    }
}

/// The claims of every scope.
#[derive(Clone, Debug)]
pub struct RequestClaims {
    db: Db,
}

impl RequestClaims {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Claims a request's key for events at `place`, if it is free, or an attempt holds it whose events began with `from`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim(
        &self,
        scope: &Scope,
        request: &RequestKey,
        place: Place,
        from: Option<ChunkId>,
    ) -> Result<RequestClaim, StoreError> {
        let now = place.chunk.at();
        let (Place { chunk, before }, body) = (place, request.body.clone());
        let record = Record { chunk, before, body, expires_at: now.plus(WINDOW).as_secs() };
        // Beside the response that is kept for the key.
        let key = Key::new(&scope.partition(ScopeFamily::Answer(&request.key)), "publish");
        let put = self.db.client.put_item().table_name(&self.db.tables.activity).set_item(Some(key.item(&record)?));
        let from = from.map_or_else(|| "none".to_owned(), |chunk| chunk.to_string());
        let put = put
            .condition_expression("attribute_not_exists(pk) OR expires_at < :now OR chunk = :from")
            .expression_attribute_values(":now", AttributeValue::N(now.as_secs().to_string()))
            .expression_attribute_values(":from", AttributeValue::S(from));
        let found = put_or_find(put, |found: &Record| found.place() == place).await?;
        Ok(match found {
            None => RequestClaim::Granted,
            Some(found) if found.body != request.body => RequestClaim::Reused,
            Some(found) => RequestClaim::Held(found.place()),
        })
    }
}
