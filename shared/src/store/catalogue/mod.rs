//! A catalogue: all records of one family in a scope, versioned, counted and cached.
//!
//! The records share a partition with a version record, which every write raises in the same transaction. A cache
//! compares its version with that record: one small read shows whether it is up to date.

mod cache;
mod record;
mod write;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

pub(in crate::store) use record::unopenable;
pub use record::{Record, Sealer};
pub use write::{CreateError, Placed};

use super::key::{Name, check};
use super::{Db, Item, Key, StoreError};
use crate::deep;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::ports::Ports;
use crate::secrets::Keyring;
use cache::Cache;

/// The sort key of the version record. Those of other records have a `#`.
const VERSION: &str = "version";
/// No id is longer; the database refuses keys that are too long.
const MAX_ID_BYTES: usize = 256;

/// A page of records, and the id after which the next page begins.
pub type Page<R> = (Vec<R>, Option<String>);

/// The records of a scope as of one version, compiled.
pub struct Snapshot<R: Record> {
    version: u64,
    /// In the order of kind and id.
    pub entries: Vec<Arc<R::Compiled>>,
    /// Whether it has every record: one that cannot be read is left out.
    whole: bool,
    places: HashMap<String, usize>,
}

impl<R: Record> Default for Snapshot<R> {
    fn default() -> Self {
        Self { version: 0, entries: Vec::new(), whole: true, places: HashMap::new() }
    }
}

impl<R: Record> Snapshot<R> {
    /// The entry of that kind and id.
    #[must_use]
    pub fn entry(&self, kind: &str, id: &str) -> Option<&Arc<R::Compiled>> {
        // Many catalogues are empty.
        if self.entries.is_empty() { None } else { self.at(&sort_key(kind, id)) }
    }

    /// Whether a record that is not in it may be one that this program cannot read.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    fn at(&self, sk: &str) -> Option<&Arc<R::Compiled>> {
        self.places.get(sk).and_then(|place| self.entries.get(*place))
    }

    /// Compiles the records; those that are as they were in `known` are taken from there.
    fn compile(version: u64, (records, whole): (Vec<R>, bool), known: &Self) -> Self {
        let mut snapshot = Self { version, whole, ..Self::default() };
        for record in records {
            let sk = sort_key(record.kind(), record.id());
            let before = known.at(&sk).map(AsRef::as_ref);
            if let Some(compiled) = record.compile(before) {
                snapshot.places.insert(sk, snapshot.entries.len());
                snapshot.entries.push(Arc::new(compiled));
            }
        }
        snapshot
    }
}

/// The records of one family in every scope.
pub struct Catalogue<R: Record> {
    pub(super) db: Db,
    keys: Keyring,
    cache: Cache<R>,
}

impl<R: Record> Clone for Catalogue<R> {
    fn clone(&self) -> Self {
        Self { db: self.db.clone(), keys: self.keys.clone(), cache: self.cache.clone() }
    }
}

/// Who takes what is this old takes what a cheaper read gives, too: it is behind by less than that.
pub(crate) const SLACK: Duration = Duration::from_secs(1);

fn sort_key(kind: &str, id: &str) -> String {
    format!("{kind}#{id}")
}

impl<R: Record> Catalogue<R> {
    /// Over the configuration table. Clones share a cache.
    #[must_use]
    pub fn new(db: Db, keys: Keyring) -> Self {
        Self { db, keys, cache: Cache::default() }
    }

    fn ports(&self) -> &Ports {
        &self.db.ports
    }

    fn table(&self) -> &str {
        &self.db.tables.config
    }

    pub(super) fn key(scope: &Scope, kind: &str, id: &str) -> Key {
        Key::new(&scope.partition(R::FAMILY), sort_key(kind, id))
    }

    pub(super) fn version_key(scope: &Scope) -> Key {
        Key::new(&scope.partition(R::FAMILY), VERSION)
    }

    /// The records as they are now: one small read if nothing has changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn snapshot(&self, scope: &Scope) -> Result<Arc<Snapshot<R>>, StoreError> {
        self.look(scope, true).await
    }

    async fn look(&self, scope: &Scope, consistent: bool) -> Result<Arc<Snapshot<R>>, StoreError> {
        let looked_at = self.ports().now();
        // The version is read first: what is read after it is at least as new.
        let item = self.db.item_as(self.table(), &Self::version_key(scope), consistent).await?.unwrap_or_default();
        let version = item.get(VERSION).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or_default();
        let mut snapshot = self.cache.snapshot(scope);
        if snapshot.version != version {
            let records = self.read_all(scope).await?;
            let compile = move || Snapshot::compile(version, records, &snapshot);
            let compiled = deep::run(compile).await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
            snapshot = Arc::new(compiled);
        }
        self.cache.remember(scope, &snapshot, looked_at);
        Ok(snapshot)
    }

    /// The records as they were at most `age` ago. Writes of this process are always in it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recent(&self, scope: &Scope, age: Duration) -> Result<Arc<Snapshot<R>>, StoreError> {
        match self.cache.recent(scope, age, self.ports().now()) {
            Some(snapshot) => Ok(snapshot),
            None => self.look(scope, age < SLACK).await,
        }
    }

    /// The records as they are for what happened at a time, if changes take effect `ahead` of the write that says them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn as_of(&self, scope: &Scope, at: Millis, ahead: Duration) -> Result<Arc<Snapshot<R>>, StoreError> {
        match self.cache.as_of(scope, at, ahead) {
            Some(snapshot) => Ok(snapshot),
            None => self.snapshot(scope).await,
        }
    }

    /// Every record of the scope, by kind and id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, scope: &Scope) -> Result<Vec<R>, StoreError> {
        Ok(self.read_all(scope).await?.0)
    }

    /// Every record that can be read, and whether these are all.
    async fn read_all(&self, scope: &Scope) -> Result<(Vec<R>, bool), StoreError> {
        let query = self.db.query(self.table(), &scope.partition(R::FAMILY)).consistent_read(true);
        let mut items = query.into_paginator().items().send();
        let (mut records, mut whole) = (Vec::new(), true);
        while let Some(item) = items.try_next().await? {
            if text(&item, "sk") != VERSION {
                let record = self.open_or_log(scope, item)?;
                whole &= record.is_some();
                records.extend(record);
            }
        }
        Ok((records, whole))
    }

    /// Some records of a kind, by id; the database may give fewer than `limit` although there are more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn page(
        &self,
        scope: &Scope,
        kind: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<R>, StoreError> {
        let prefix = sort_key(kind, "");
        let query = self.db.query(self.table(), &scope.partition(R::FAMILY)).consistent_read(true);
        let answer = query
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.clone()))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(after.map(|id| Self::key(scope, kind, id).attributes()))
            .send()
            .await?;
        let next = answer.last_evaluated_key.and_then(|key| Some(text(&key, "sk").strip_prefix(&prefix)?.to_owned()));
        let mut records = Vec::new();
        for item in answer.items.unwrap_or_default() {
            records.extend(self.open_or_log(scope, item)?);
        }
        Ok((records, next))
    }

    /// One record.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, scope: &Scope, kind: &str, id: &str) -> Result<Option<R>, StoreError> {
        // The id may come from a path.
        if id.len() > MAX_ID_BYTES {
            return Ok(None);
        }
        let item = self.db.item(self.table(), &Self::key(scope, kind, id)).await?;
        item.map(|item| self.open(scope, item)).transpose()
    }

    fn sealer<'a>(&'a self, scope: &'a Scope) -> Sealer<'a> {
        Sealer { keys: &self.keys, ports: self.ports(), scope }
    }

    /// The record of an item.
    fn open(&self, scope: &Scope, mut item: Item) -> Result<R, StoreError> {
        check(&item)?;
        R::unseal(&mut item, &self.sealer(scope))?;
        super::read(item)
    }

    /// The record of one item of many: a malformed one is left out, and does not take the others with it.
    fn open_or_log(&self, scope: &Scope, item: Item) -> Result<Option<R>, StoreError> {
        let name = Name::of(&item);
        match self.open(scope, item) {
            Ok(record) => Ok(Some(record)),
            Err(error @ StoreError::Malformed(_)) => {
                name.is_unreadable(&error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}
