//! DynamoDB: one file a family of records; every key begins with a [`crate::domain::scope::Scope`].

pub mod answers;
pub mod audit;
pub mod claims;
pub mod counters;
pub mod credentials;
pub mod endings;
pub mod event_types;
pub mod exports;
pub mod journal;
pub mod letters;
pub mod log;
pub mod ordered;
pub mod outcomes;
pub mod pace;
pub mod parked;
pub mod reader;
pub mod routes;
pub mod tenants;

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, ReturnConsumedCapacity, WriteRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ports::Ports;

/// An item as the SDK has it.
pub type Item = HashMap<String, AttributeValue>;

/// The names of the tables.
#[derive(Clone, Debug)]
pub struct Tables {
    /// The event log.
    pub events: String,
    /// Routes, credentials, export cursors.
    pub config: String,
    /// Outcomes, integration logs, rejected events, dead letters, id claims, what is used of limits.
    pub activity: String,
}

impl Tables {
    /// The names behind a prefix: `{prefix}events` and so on.
    #[must_use]
    pub fn with_prefix(prefix: &str) -> Self {
        let name = |table: &str| format!("{prefix}{table}");
        Self { events: name("events"), config: name("config"), activity: name("activity") }
    }
}

/// What went wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A condition did not hold: somebody else wrote in between, or it exists already.
    #[error("the record was changed by somebody else")]
    Conflict,
    /// A record that cannot be read.
    #[error("malformed record: {0}")]
    Malformed(String),
    /// The database did not answer as it should.
    #[error("database: {0}")]
    Unavailable(String),
}

impl<E, R> From<SdkError<E, R>> for StoreError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    fn from(error: SdkError<E, R>) -> Self {
        if let Some(service) = error.as_service_error() {
            let code = service.code().unwrap_or_default();
            let message = service.message().unwrap_or_default();
            let failed_in_transaction =
                code == "TransactionCanceledException" && message.contains("ConditionalCheckFailed");
            if code == "ConditionalCheckFailedException" || failed_in_transaction {
                return Self::Conflict;
            }
            return Self::Unavailable(format!("{code}: {message}"));
        }
        Self::Unavailable(aws_sdk_dynamodb::error::DisplayErrorContext(&error).to_string())
    }
}

/// The client and the names: what every family of records is made of.
#[derive(Clone, Debug)]
pub struct Db {
    client: Client,
    tables: Arc<Tables>,
    ports: Ports,
}

impl Db {
    /// Over a client.
    #[must_use]
    pub fn new(client: Client, tables: Tables, ports: Ports) -> Self {
        Self { client, tables: Arc::new(tables), ports }
    }

    /// Puts a record where none was.
    async fn create<T: Serialize + Sync>(&self, table: &str, key: &Key, record: &T) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(table).set_item(Some(key.item(record)?));
        put.condition_expression("attribute_not_exists(pk)")
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        Ok(())
    }

    /// Puts a record, whatever was there.
    async fn put<T: Serialize + Sync>(&self, table: &str, key: &Key, record: &T) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(table).set_item(Some(key.item(record)?));
        put.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await?;
        Ok(())
    }

    /// Puts a record over the revision it was read at.
    async fn replace<T: Serialize + Sync>(
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
    async fn get<T: DeserializeOwned>(&self, table: &str, key: &Key) -> Result<Option<T>, StoreError> {
        self.item(table, key).await?.map(read).transpose()
    }

    /// Reads an item, as of now.
    async fn item(&self, table: &str, key: &Key) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(table).set_key(Some(key.attributes())).consistent_read(true);
        let answer = get.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await?;
        Ok(answer.item)
    }

    /// Deletes a record; `false` where there was none.
    async fn delete(&self, table: &str, key: &Key) -> Result<bool, StoreError> {
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
    fn query(&self, table: &str, pk: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }

    /// The newest `limit` records of a partition whose sort keys begin with time.
    async fn newest<T: DeserializeOwned>(&self, table: &str, pk: &str, limit: i32) -> Result<Vec<T>, StoreError> {
        let answer = self.query(table, pk).scan_index_forward(false).limit(limit).consistent_read(true).send().await?;
        answer.items.unwrap_or_default().into_iter().map(read).collect()
    }

    /// Every record of a partition.
    async fn all<T: DeserializeOwned>(&self, table: &str, pk: &str) -> Result<Vec<T>, StoreError> {
        let mut pages = self.query(table, pk).consistent_read(true).into_paginator().items().send();
        let mut records = Vec::new();
        while let Some(item) = pages.try_next().await? {
            records.push(read(item)?);
        }
        Ok(records)
    }
}

impl Db {
    /// Deletes every record of a partition, 25 at a time.
    async fn clear(&self, table: &str, pk: &str) -> Result<(), StoreError> {
        let keys = self.query(table, pk).projection_expression("pk, sk").consistent_read(true);
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

/// The two parts of a record's key.
#[derive(Clone, Debug)]
struct Key {
    pk: String,
    sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }

    fn attributes(&self) -> Item {
        let text = |value: &String| AttributeValue::S(value.clone());
        HashMap::from([("pk".to_owned(), text(&self.pk)), ("sk".to_owned(), text(&self.sk))])
    }

    /// The record with its key.
    fn item<T: Serialize>(&self, record: &T) -> Result<Item, StoreError> {
        let mut item: Item = serde_dynamo::to_item(record).map_err(|e| StoreError::Malformed(e.to_string()))?;
        item.extend(self.attributes());
        Ok(item)
    }
}

/// Reads a record out of an item; what belongs to the key is passed over.
fn read<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    serde_dynamo::from_item(item).map_err(|e| StoreError::Malformed(e.to_string()))
}

/// Bytes as an attribute.
fn binary(bytes: Vec<u8>) -> AttributeValue {
    AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new(bytes))
}
