//! Keys and items: how a record stands in a table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use crate::domain::partition::{AnyPartition, GlobalPartition, Partition, SortKey};

/// An item as the SDK has it.
pub type Item = HashMap<String, AttributeValue>;

/// The two parts of a record's key.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pk: String,
    sk: String,
}

impl Key {
    /// A record of one scope or tenant.
    pub(super) fn new(partition: &Partition, sk: impl Into<String>) -> Self {
        Self { pk: partition.as_str().to_owned(), sk: sk.into() }
    }

    /// A record in a partition that all tenants share.
    pub(super) fn global(partition: GlobalPartition, sk: &SortKey) -> Self {
        Self { pk: partition.as_str().to_owned(), sk: sk.as_str().to_owned() }
    }

    pub(super) fn attributes(&self) -> Item {
        let text = |value: &String| AttributeValue::S(value.clone());
        HashMap::from([("pk".to_owned(), text(&self.pk)), ("sk".to_owned(), text(&self.sk))])
    }

    /// The record with its key.
    pub(super) fn item<T: Serialize>(&self, record: &T) -> Result<Item, StoreError> {
        let mut item: Item = serde_dynamo::to_item(record).map_err(|e| StoreError::Malformed(e.to_string()))?;
        item.extend(self.attributes());
        Ok(item)
    }
}

/// Reads a record out of an item; what belongs to the key is passed over.
pub(super) fn read<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    serde_dynamo::from_item(item).map_err(|e| StoreError::Malformed(e.to_string()))
}

/// Reads a record of many; one that cannot be read is logged and left out.
pub(super) fn read_or_log<T: DeserializeOwned>(item: Item) -> Option<T> {
    let text = |name| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
    let (pk, sk) = (text("pk"), text("sk"));
    read(item).inspect_err(|error| tracing::error!(pk, sk, %error, "a record cannot be read")).ok()
}

/// Bytes as an attribute.
pub(super) fn binary(bytes: Vec<u8>) -> AttributeValue {
    AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new(bytes))
}
