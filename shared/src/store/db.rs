//! Database operations of every family of records: single records, queries, batches.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, DeleteRequest, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, WriteRequest,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::key::read_or_log;
use super::{Item, Key, StoreError, Tables, read};
use crate::domain::partition::AnyPartition;
use crate::ports::Ports;

/// The client and the names of the tables.
#[derive(Clone, Debug)]
pub struct Db {
    pub(super) client: Client,
    pub(super) tables: Arc<Tables>,
    pub(super) ports: Ports,
}

impl Db {
    /// Over a client.
    #[must_use]
    pub fn new(client: Client, tables: Tables, ports: Ports) -> Self {
        Self { client, tables: Arc::new(tables), ports }
    }

    /// Puts a record if there is none.
    pub(super) async fn create<T: Serialize + Sync>(
        &self,
        table: &str,
        key: &Key,
        record: &T,
    ) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(table).set_item(Some(key.item(record)?));
        put.condition_expression("attribute_not_exists(pk)")
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        Ok(())
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
        let put = self.client.put_item().table_name(table).set_item(Some(key.item(record)?));
        put.condition_expression("revision = :read")
            .expression_attribute_values(":read", AttributeValue::N(read.to_string()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        Ok(())
    }

    /// Reads a record, as of now.
    pub(super) async fn get<T: DeserializeOwned>(&self, table: &str, key: &Key) -> Result<Option<T>, StoreError> {
        self.item(table, key).await?.map(read).transpose()
    }

    /// Reads an item, as of now.
    pub(super) async fn item(&self, table: &str, key: &Key) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(table).set_key(Some(key.attributes())).consistent_read(true);
        let answer = get.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await?;
        Ok(answer.item)
    }

    /// Deletes a record; `false` if there was none.
    pub(super) async fn delete(&self, table: &str, key: &Key) -> Result<bool, StoreError> {
        let delete = self.client.delete_item().table_name(table).set_key(Some(key.attributes()));
        let answer = delete
            .condition_expression("attribute_exists(pk)")
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match answer.map_err(StoreError::from) {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
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
        while !waiting.is_empty() {
            let write = self.client.batch_write_item().set_request_items(Some(waiting));
            let answer = write.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await?;
            waiting = answer.unprocessed_items.unwrap_or_default();
        }
        Ok(())
    }
}
