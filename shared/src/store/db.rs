//! Database operations of every family of records: single records, queries, batches.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, DeleteRequest, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, WriteRequest,
};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::key::read_or_log;
use super::{Item, Key, StoreError, Tables, read};
use crate::domain::partition::AnyPartition;
use crate::domain::time::Millis;
use crate::ports::Ports;

/// What a batch did not get done is asked for again after this time; each further wait is twice as long.
const UNPROCESSED_PAUSE: Duration = Duration::from_millis(100);
const MAX_UNPROCESSED_PAUSE: Duration = Duration::from_secs(2);

/// The client and the names of the tables.
#[derive(Clone, Debug)]
pub struct Db {
    pub(super) client: Client,
    pub(super) tables: Arc<Tables>,
    pub(super) ports: Ports,
    /// From when on this process has been the only one over the records: what was begun before is over.
    pub(super) sole_since: Option<Millis>,
}

impl Db {
    /// Over a client.
    #[must_use]
    pub fn new(client: Client, tables: Tables, ports: Ports) -> Self {
        Self { client, tables: Arc::new(tables), ports, sole_since: None }
    }

    /// The same for a process that has been the only one over the records since then, if it is.
    #[must_use]
    pub fn sole_since(self, time: Option<Millis>) -> Self {
        Self { sole_since: time, ..self }
    }

    /// Until when leases of that length have run out: those of the processes before this one too, if it is the only one.
    pub(super) fn run_out(&self, lease: Duration, now: Millis) -> Millis {
        self.sole_since.map_or(now, |since| now.max(since.plus(lease)))
    }

    /// Puts a record if there is none.
    pub(super) async fn create<T: Serialize + Sync>(
        &self,
        table: &str,
        key: &Key,
        record: &T,
    ) -> Result<(), StoreError> {
        let item = key.item(record)?;
        let put = self.client.put_item().table_name(table).condition_expression("attribute_not_exists(pk)");
        put_if(put, item).await
    }

    /// Puts a record, over any that is there.
    pub(super) async fn put<T: Serialize + Sync>(&self, table: &str, key: &Key, record: &T) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(table).set_item(Some(key.item(record)?));
        put.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await?;
        Ok(())
    }

    /// Puts a record over the revision it was read at.
    pub(super) async fn replace<T: Serialize + Sync>(
        &self,
        table: &str,
        key: &Key,
        record: &T,
        read: u64,
    ) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(table).condition_expression("revision = :read");
        put_if(put.expression_attribute_values(":read", AttributeValue::N(read.to_string())), key.item(record)?).await
    }

    /// Reads a record, as of now.
    pub(super) async fn get<T: DeserializeOwned>(&self, table: &str, key: &Key) -> Result<Option<T>, StoreError> {
        self.item(table, key).await?.map(read).transpose()
    }

    /// Reads an item, as of now.
    pub(super) async fn item(&self, table: &str, key: &Key) -> Result<Option<Item>, StoreError> {
        self.item_as(table, key, true).await
    }

    /// Reads an item, as of now or as of a moment ago, for half the price.
    pub(super) async fn item_as(&self, table: &str, key: &Key, consistent: bool) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(table).set_key(Some(key.attributes())).consistent_read(consistent);
        let answer = get.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await?;
        Ok(answer.item)
    }

    /// Deletes a record; `false` if there was none.
    pub(super) async fn delete(&self, table: &str, key: &Key) -> Result<bool, StoreError> {
        let (delete, attempts) = (self.client.delete_item().table_name(table), Attempts::default());
        let answer = delete
            .set_key(Some(key.attributes()))
            .condition_expression("attribute_exists(pk)")
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .customize()
            .interceptor(attempts.clone())
            .send()
            .await;
        match answer.map_err(StoreError::from) {
            Ok(_) => Ok(true),
            // Where there were several attempts, an earlier one did it, and its answer was lost.
            Err(StoreError::Conflict) => Ok(attempts.count() > 1),
            Err(error) => Err(error),
        }
    }

    /// A query over one partition; the caller adds order and limits.
    pub(super) fn query(&self, table: &str, partition: &impl AnyPartition) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(partition.as_str().to_owned()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }

    /// The newest `limit` records of a partition whose sort keys begin with time.
    pub(super) async fn newest<T: DeserializeOwned>(
        &self,
        table: &str,
        partition: &impl AnyPartition,
        limit: usize,
    ) -> Result<Vec<T>, StoreError> {
        let query = self.query(table, partition).scan_index_forward(false).consistent_read(true);
        first(query, limit).await
    }

    /// Every record of a partition. One that cannot be read is left out: it must not take the others with it.
    pub(super) async fn all<T: DeserializeOwned>(
        &self,
        table: &str,
        partition: &impl AnyPartition,
    ) -> Result<Vec<T>, StoreError> {
        first(self.query(table, partition).consistent_read(true), usize::MAX).await
    }
}

/// Puts an item if the condition of `put` holds. If it does not because the very item is there, an earlier attempt of the
/// call put it, and its answer was lost.
pub(super) async fn put_if(put: PutItemFluentBuilder, item: Item) -> Result<(), StoreError> {
    let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let put = put.return_consumed_capacity(ReturnConsumedCapacity::Total).set_item(Some(item.clone()));
    let Err(error) = put.send().await else { return Ok(()) };
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(failed)) if failed.item() == Some(&item) => Ok(()),
        _ => Err(error.into()),
    }
}

/// Counts the attempts of a call.
#[derive(Clone, Debug, Default)]
struct Attempts(Arc<AtomicU32>);

impl Attempts {
    fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Attempts {
    fn name(&self) -> &'static str {
        "attempts"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Puts a record if the condition of `put` holds; otherwise gives the record that is there. `None`: it was put, now or
/// by an earlier attempt of the same call, whose response was lost: then `is_ours` knows the record.
pub(super) async fn put_or_find<T: DeserializeOwned>(
    put: PutItemFluentBuilder,
    is_ours: impl FnOnce(&T) -> bool,
) -> Result<Option<T>, StoreError> {
    let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let Err(error) = put.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await else {
        return Ok(None);
    };
    let found = match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(failed)) => failed.item().cloned(),
        _ => None,
    };
    let Some(found) = found else { return Err(error.into()) };
    Ok(Some(read(found)?).filter(|found| !is_ours(found)))
}

/// The first `limit` records of a query, over as many pages as it takes: a page ends at 1 MB.
pub(super) async fn first<T: DeserializeOwned>(query: QueryFluentBuilder, limit: usize) -> Result<Vec<T>, StoreError> {
    let page = i32::try_from(limit).ok();
    let mut items = query.set_limit(page).into_paginator().items().send();
    let mut records = Vec::new();
    while records.len() < limit {
        let Some(item) = items.try_next().await? else { break };
        records.extend(read_or_log(item));
    }
    Ok(records)
}

impl Db {
    /// Deletes every record of a partition, 25 at a time.
    pub(super) async fn clear(&self, table: &str, partition: &impl AnyPartition) -> Result<(), StoreError> {
        let keys = self.query(table, partition).projection_expression("pk, sk").consistent_read(true);
        let mut pages = keys.into_paginator().send();
        while let Some(page) = pages.try_next().await? {
            for group in page.items().chunks(25) {
                self.delete_batch(table, group).await?;
            }
        }
        Ok(())
    }

    async fn delete_batch(&self, table: &str, keys: &[Item]) -> Result<(), StoreError> {
        let delete = |key: &Item| {
            let request = DeleteRequest::builder().set_key(Some(key.clone())).build();
            request.map(|request| WriteRequest::builder().delete_request(request).build())
        };
        let requests: Result<Vec<WriteRequest>, _> = keys.iter().map(delete).collect();
        let requests = requests.map_err(|e| StoreError::Malformed(e.to_string()))?;
        let mut waiting = HashMap::from([(table.to_owned(), requests)]);
        let mut pause = UNPROCESSED_PAUSE;
        loop {
            let write = self.client.batch_write_item().set_request_items(Some(waiting));
            let answer = write.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await?;
            waiting = answer.unprocessed_items.unwrap_or_default();
            if waiting.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(pause.mul_f64(self.ports.fraction())).await;
            pause = (2 * pause).min(MAX_UNPROCESSED_PAUSE);
        }
    }
}
