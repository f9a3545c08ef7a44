//! Keys and items: how a record stands in a table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use crate::domain::partition::{AnyPartition, GlobalPartition, Partition, SortKey};

/// The version in which records are written, and the highest that is read: see "Upgrades" in `ARCHITECTURE.md`.
pub const VERSION: u32 = 1;
/// The attribute of a record's version.
pub(super) const V: &str = "v";

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

    /// The item of a record: its key and the version.
    pub(super) fn begin(&self) -> Item {
        let mut item = self.attributes();
        item.insert(V.to_owned(), version());
        item
    }

    /// The record with its key and the version.
    pub(super) fn item<T: Serialize>(&self, record: &T) -> Result<Item, StoreError> {
        let mut item: Item = serde_dynamo::to_item(record).map_err(|e| StoreError::Malformed(e.to_string()))?;
        item.extend(self.begin());
        Ok(item)
    }
}

/// The version of what is written now.
pub(super) fn version() -> AttributeValue {
    AttributeValue::N(VERSION.to_string())
}

/// Refuses a record of a later version: its attributes may mean something else. One without a version is of the first.
pub(super) fn check(item: &Item) -> Result<(), StoreError> {
    let known = |v: &AttributeValue| v.as_n().ok().and_then(|v| v.parse().ok()).is_some_and(|v: u32| v <= VERSION);
    match item.get(V) {
        Some(v) if !known(v) => Err(StoreError::Malformed(format!("version {v:?}, where {VERSION} is the last known"))),
        _ => Ok(()),
    }
}

/// Reads a record out of an item; what belongs to the key is passed over.
pub(super) fn read<T: DeserializeOwned>(mut item: Item) -> Result<T, StoreError> {
    check(&item)?;
    item.remove(V);
    serde_dynamo::from_item(item).map_err(|e| StoreError::Malformed(e.to_string()))
}

/// Reads a record of many; one that cannot be read is logged and left out.
pub(super) fn read_or_log<T: DeserializeOwned>(item: Item) -> Option<T> {
    let name = Name::of(&item);
    read(item).inspect_err(|error| name.is_unreadable(error)).ok()
}

/// The key of an item that was read, for the log.
pub(super) struct Name {
    pk: String,
    sk: String,
}

impl Name {
    pub(super) fn of(item: &Item) -> Self {
        let text = |name| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
        Self { pk: text("pk"), sk: text("sk") }
    }

    /// Says that a record is left out. An alarm counts these lines by the field `metric`.
    pub(super) fn is_unreadable(&self, error: &StoreError) {
        let Self { pk, sk } = self;
        tracing::error!(metric = "unreadable_record", pk, sk, %error, "a record cannot be read, and is left out");
    }
}

/// Bytes as an attribute.
pub(super) fn binary(bytes: Vec<u8>) -> AttributeValue {
    AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new(bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[derive(Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        pk: String,
        sk: String,
    }

    fn item(v: Option<&str>) -> Item {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let key = [("pk", text("p")), ("sk", text("s"))];
        let v = v.map(|v| (V, AttributeValue::N(v.to_owned())));
        key.into_iter().chain(v).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    #[test]
    fn a_version_is_written_and_read_and_a_later_one_is_refused() {
        let key = Key { pk: "p".to_owned(), sk: "s".to_owned() };
        let record = Strict { pk: "p".to_owned(), sk: "s".to_owned() };
        assert_eq!(key.item(&record).expect("an item"), item(Some("1")));
        assert_eq!(read::<Strict>(item(Some("1"))).expect("of this version"), record);
        assert_eq!(read::<Strict>(item(None)).expect("of the first version"), record);
        assert!(matches!(read::<Strict>(item(Some("2"))), Err(StoreError::Malformed(_))));
    }

    /// As `infra/template/parts/watch.yaml` filters them.
    #[test]
    fn what_is_left_out_is_a_line_that_an_alarm_counts() {
        let lines = Lines::default();
        let writer = lines.clone();
        let logs = tracing_subscriber::fmt().json().with_target(false).with_writer(move || writer.clone()).finish();
        let left_out = tracing::subscriber::with_default(logs, || read_or_log::<Strict>(item(Some("99"))));
        assert_eq!(left_out, None);
        let line: serde_json::Value = serde_json::from_slice(&lines.0.lock().expect("not poisoned")).expect("one line");
        assert_eq!((&line["fields"]["metric"], &line["fields"]["sk"]), (&"unreadable_record".into(), &"s".into()));
    }
}
