//! Transactions: what became of deliveries.
//!
//! A delivery that succeeds at once has no record of its own: a worker call writes all of them as one compressed body,
//! and a header that lists the routes, partners and document types in it. Whoever looks for some of them reads headers,
//! and only the bodies that can have one. Every other delivery has an entry with its last attempt, and a record of each
//! attempt, and is indexed by each [`Fact`](crate::domain::transaction::Fact). Headers and entries are sorted by the time
//! at which the event was logged, so a page is a merge of a few queries.

mod headers;
mod page;
mod query;
mod read;
mod write;

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::value::RawValue;

use super::key::{Name, check};
use super::{Db, Item, Key, StoreError};
use crate::domain::chunk::{MAX_RAW_BYTES, decompress};
use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;
use crate::domain::time::{DAY_MILLIS, Millis};
use crate::domain::transaction::{Outcome, OutcomeFacts, TransactionFilter, TransactionId};

pub use page::Place;
pub use read::Found;

/// The events of one body were logged within this time, so that a reader of a range knows where to look.
const SPAN: Duration = Duration::from_millis(DAY_MILLIS.unsigned_abs());

const BODY: &str = "body";
const KEYS: &str = "keys";
const OLDEST: &str = "oldest";
const MOVED: &str = "moved";

/// The transactions of every scope.
#[derive(Clone, Debug)]
pub struct Transactions {
    db: Db,
    retention: Duration,
}

impl Transactions {
    /// Over the activity table; they are kept for that long.
    #[must_use]
    pub fn new(db: Db, retention: Duration) -> Self {
        Self { db, retention }
    }

    fn table(&self) -> &str {
        &self.db.tables.activity
    }

    fn expires_at(&self, now: Millis) -> AttributeValue {
        AttributeValue::N(now.plus(self.retention).as_secs().to_string())
    }
}

/// The place of a transaction's entry among all.
fn place(id: &TransactionId) -> String {
    format!("{:013}#{id}", id.logged_at.0)
}

fn entry_key(scope: &Scope, id: &TransactionId) -> Key {
    Key::new(&scope.partition(ScopeFamily::Failures), place(id))
}

fn header_key(scope: &Scope, place: &str) -> Key {
    Key::new(&scope.partition(ScopeFamily::Deliveries), place)
}

fn body_key(scope: &Scope, place: &str) -> Key {
    Key::new(&scope.partition(ScopeFamily::Outcomes), place)
}

/// Outcomes with their places in a body.
type Placed = Vec<(usize, Outcome)>;

/// The outcomes of a body that a filter asks for. Only these are read whole: a body has hundreds.
fn outcomes_of(item: &Item, filter: &TransactionFilter) -> Result<Placed, StoreError> {
    let malformed = |error: &dyn std::fmt::Display| StoreError::Malformed(error.to_string());
    check(item)?;
    let body = item.get(BODY).and_then(|body| body.as_b().ok()).ok_or_else(|| malformed(&"no outcomes"))?;
    // Bodies are cut by their compressed size.
    let raw = decompress(body.as_ref(), 64 * MAX_RAW_BYTES).map_err(|error| malformed(&error))?;
    let texts: Vec<&RawValue> = serde_json::from_slice(&raw).map_err(|error| malformed(&error))?;
    let mut outcomes = Vec::new();
    for (place, text) in texts.into_iter().enumerate() {
        match outcome_of(text, filter) {
            Ok(outcome) => outcomes.extend(outcome.map(|outcome| (place, outcome))),
            Err(error) => Name::of(item).is_unreadable(&malformed(&error)),
        }
    }
    Ok(outcomes)
}

fn outcome_of(text: &RawValue, filter: &TransactionFilter) -> serde_json::Result<Option<Outcome>> {
    let facts: OutcomeFacts<'_> = serde_json::from_str(text.get())?;
    if filter.asks_for(&facts) { serde_json::from_str(text.get()).map(Some) } else { Ok(None) }
}
