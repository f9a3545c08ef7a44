//! Records what became of deliveries.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::{BODY, KEYS, MOVED, OLDEST, SPAN, Transactions, body_key, entry_key, header_key};
use crate::domain::chunk;
use crate::domain::partition::{AnyPartition as _, ScopeFamily};
use crate::domain::scope::Scope;
use crate::domain::transaction::{Fact, Outcome, TransactionId, TransactionStatus, header_keys};
use crate::store::{Item, Key, StoreError, binary, was_made};

/// A body up to this size stands in its header: one write instead of two.
const SMALL: usize = 2 * 1024;
/// The raw size of a body: outcomes can have 4 KiB of a response each.
const MAX_RAW: usize = 4 * 1024 * 1024;
/// Writes of one call under way at once.
const PARALLEL: usize = 8;

impl Transactions {
    /// Records attempts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record(&self, scope: &Scope, outcomes: Vec<Outcome>) -> Result<(), StoreError> {
        let (mut plain, others): (Vec<Outcome>, Vec<Outcome>) = outcomes.into_iter().partition(Outcome::is_plain);
        plain.sort_by_key(|outcome| std::cmp::Reverse(outcome.logged_at));
        for group in spans(&plain) {
            self.write_group(scope, group).await?;
        }
        let writes = others.into_iter().map(|outcome| async move { self.write_attempt(scope, &outcome).await });
        stream::iter(writes).buffer_unordered(PARALLEL).try_collect().await
    }

    /// Writes a body and its header; the newest outcome comes first.
    async fn write_group(&self, scope: &Scope, group: &[Outcome]) -> Result<(), StoreError> {
        let [newest, ..] = group else { return Ok(()) };
        let raw = serde_json::to_vec(group).map_err(|e| StoreError::Malformed(e.to_string()))?;
        let body = chunk::compress(&raw).map_err(|e| StoreError::Malformed(e.to_string()))?;
        if (body.len() > chunk::MAX_CHUNK_BYTES || raw.len() > MAX_RAW) && group.len() > 1 {
            let (one, two) = group.split_at(group.len() / 2);
            Box::pin(self.write_group(scope, one)).await?;
            return Box::pin(self.write_group(scope, two)).await;
        }
        let place = format!("{:013}#{}", newest.logged_at.0, self.db.ports.unique("out"));
        let expires_at = self.expires_at(newest.at);
        let mut header = header_key(scope, &place).begin();
        header.insert(KEYS.to_owned(), binary(bytes(&header_keys(group))));
        let oldest = group.last().map_or(newest.logged_at, |last| last.logged_at);
        header.insert(OLDEST.to_owned(), AttributeValue::N(oldest.0.to_string()));
        header.insert("expires_at".to_owned(), expires_at.clone());
        if body.len() <= SMALL {
            header.insert(BODY.to_owned(), binary(body));
        } else {
            // The body first: a header that can be read leads to one.
            let mut item = body_key(scope, &place).begin();
            item.insert(BODY.to_owned(), binary(body));
            item.insert("expires_at".to_owned(), expires_at);
            self.put(item).await?;
        }
        self.put(header).await
    }

    async fn put(&self, item: Item) -> Result<(), StoreError> {
        let put = self.db.client.put_item().table_name(self.table()).set_item(Some(item));
        put.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await?;
        Ok(())
    }

    /// Writes the record of an attempt, and the transaction's entry.
    async fn write_attempt(&self, scope: &Scope, outcome: &Outcome) -> Result<(), StoreError> {
        let id = outcome.id();
        let place = format!("{:05}#{:013}", outcome.attempt, outcome.at.0);
        let attempts = scope.partition(ScopeFamily::Attempts(&id.to_string()));
        let mut attempt = Key::new(&attempts, place).item(outcome)?;
        attempt.insert("expires_at".to_owned(), self.expires_at(outcome.at));
        self.put(attempt).await?;
        self.write_entry(scope, outcome).await
    }

    /// Writes a transaction's entry, unless it has a later attempt already.
    async fn write_entry(&self, scope: &Scope, outcome: &Outcome) -> Result<(), StoreError> {
        // Its attempts have the responses.
        let outcome = Outcome { response: String::new(), ..outcome.clone() };
        let mut entry = entry_key(scope, &outcome.id()).item(&outcome)?;
        for (fact, value) in Fact::ALL.into_iter().filter_map(|fact| Some((fact, fact.of(&outcome)?))) {
            let partition = scope.partition(ScopeFamily::FailuresBy(fact, outcome.status, value));
            entry.insert(fact.index().to_owned(), AttributeValue::S(partition.as_str().to_owned()));
        }
        entry.insert("expires_at".to_owned(), self.expires_at(outcome.at));
        let put = self.db.client.put_item().table_name(self.table()).set_item(Some(entry));
        let put = put
            .condition_expression("attribute_not_exists(pk) OR attempt <= :attempt")
            .expression_attribute_values(":attempt", AttributeValue::N(outcome.attempt.to_string()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match put.send().await.map_err(StoreError::from) {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Notes a transaction that waits for its first attempt, unless it had one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin(&self, scope: &Scope, waiting: &Outcome) -> Result<(), StoreError> {
        self.write_entry(scope, waiting).await
    }

    /// Marks a transaction as one that is to be sent again. If it has no entry yet, it gets one, and `header` is where
    /// it stood until now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reopen(&self, scope: &Scope, last: &Outcome, header: Option<&str>) -> Result<(), StoreError> {
        let queued =
            Outcome { status: TransactionStatus::Queued, error: String::new(), discarded: false, ..last.clone() };
        let Some(header) = header else { return self.write_entry(scope, &queued).await };
        self.write_attempt(scope, last).await?;
        self.write_entry(scope, &queued).await?;
        let update = self.db.client.update_item().table_name(self.table());
        update
            .set_key(Some(header_key(scope, header).attributes()))
            .update_expression("ADD #moved :id")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#moved", MOVED)
            .expression_attribute_values(":id", AttributeValue::Ss(vec![last.id().to_string()]))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        Ok(())
    }
}

impl Transactions {
    /// Marks a transaction that is dead or rejected as given up; `false` if it is in another state by now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn discard(&self, scope: &Scope, id: &TransactionId) -> Result<bool, StoreError> {
        let update = self.db.client.update_item().table_name(self.table());
        let status = |status: TransactionStatus| AttributeValue::S(status.as_str().to_owned());
        let written = update
            .set_key(Some(entry_key(scope, id).attributes()))
            .update_expression("SET discarded = :yes")
            .condition_expression("#status IN (:dead, :rejected)")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":dead", status(TransactionStatus::Dead))
            .expression_attribute_values(":rejected", status(TransactionStatus::Rejected))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        was_made(written)
    }
}

/// Groups of outcomes, newest first, each logged within [`SPAN`].
fn spans(newest_first: &[Outcome]) -> impl Iterator<Item = &[Outcome]> {
    let mut rest = newest_first;
    std::iter::from_fn(move || {
        let first = rest.first()?;
        let length = rest.partition_point(|outcome| first.logged_at.since(outcome.logged_at) < SPAN);
        let (group, tail) = rest.split_at(length);
        rest = tail;
        Some(group)
    })
}

fn bytes(keys: &BTreeSet<u32>) -> Vec<u8> {
    keys.iter().flat_map(|key| key.to_be_bytes()).collect()
}
