//! Routes: one partition a scope, with a version that goes up with each write, so that a cache is never stale.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnConsumedCapacity, ReturnValue, TransactWriteItem, Update,
};
use serde::{Deserialize, Serialize};

use super::{Db, Item, Key, StoreError, read};
use crate::deep;
use crate::domain::destination::Destination;
use crate::domain::filter::Filter;
use crate::domain::route::{Route, RouteKind};
use crate::domain::scope::Scope;
use crate::domain::sealed::Sealed;
use crate::ports::Ports;
use crate::secrets::Keyring;

/// The routes of a scope as of one version, ready to match.
#[derive(Debug, Default)]
pub struct Snapshot {
    version: u64,
    /// The routes with their compiled filters.
    pub routes: Vec<Arc<Compiled>>,
}

impl Snapshot {
    /// The route of that uid.
    #[must_use]
    pub fn by_uid(&self, uid: &str) -> Option<&Arc<Compiled>> {
        self.routes.iter().find(|compiled| compiled.route.uid == uid)
    }
}

/// A route and its compiled filter.
#[derive(Debug)]
pub struct Compiled {
    /// The route.
    pub route: Route,
    /// Its filter, compiled.
    pub filter: Arc<Filter>,
}

/// The most scopes kept in memory; past that the cache starts anew.
const MAX_CACHED_SCOPES: usize = 10_000;

/// The routes of every scope.
#[derive(Clone)]
pub struct Routes {
    db: Db,
    keys: Keyring,
    ports: Ports,
    cache: Arc<Mutex<HashMap<Scope, Known>>>,
}

/// The routes of a scope, and when it was looked last whether they are the newest.
type Known = (Arc<Snapshot>, Instant);

#[derive(Deserialize)]
struct Version {
    version: u64,
}

const VERSION: &str = "version";
const DESTINATION: &str = "destination";
/// No route's id is longer.
const MAX_ID_BYTES: usize = 256;

/// How many attempts each route of a scope has failed in a row. They stand in the version record: it is read for
/// each message anyway, and is written only where something fails.
#[derive(Clone, Debug, Default)]
pub struct Failures(HashMap<String, u32>);

impl Failures {
    fn attribute(uid: &str) -> String {
        format!("failures#{uid}")
    }

    fn of(item: &Item) -> Self {
        let count =
            |(name, value): (&String, _)| Some((name.strip_prefix("failures#")?.to_owned(), number(Some(value))));
        Self(item.iter().filter_map(count).collect())
    }

    /// Those of one route.
    #[must_use]
    pub fn of_route(&self, uid: &str) -> u32 {
        self.0.get(uid).copied().unwrap_or_default()
    }
}

fn number(value: Option<&AttributeValue>) -> u32 {
    value.and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or_default()
}

fn attribute(value: &impl Serialize) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(value).map_err(|e| StoreError::Malformed(e.to_string()))
}

fn key(scope: &Scope, kind: RouteKind, id: &str) -> Key {
    Key::new(scope.partition("routes"), format!("{}#{id}", kind.as_str()))
}

impl Routes {
    /// Over the configuration table.
    #[must_use]
    pub fn new(db: Db, keys: Keyring, ports: Ports) -> Self {
        Self { db, keys, ports, cache: Arc::default() }
    }

    /// The record of a route. Its destination is sealed whole: URLs and headers hold secrets of their own.
    fn record(&self, scope: &Scope, route: &Route) -> Result<Item, StoreError> {
        let mut item = key(scope, route.kind, &route.id).item(route)?;
        let plain = serde_json::to_vec(&route.destination).map_err(|e| StoreError::Malformed(e.to_string()))?;
        let sealed = self.keys.seal(scope, plain, &self.ports).map_err(|e| StoreError::Malformed(e.to_string()))?;
        item.insert(DESTINATION.to_owned(), attribute(&sealed)?);
        Ok(item)
    }

    /// The route of a record.
    fn open(&self, scope: &Scope, mut item: Item) -> Result<Route, StoreError> {
        let sealed = item.remove(DESTINATION).ok_or_else(|| StoreError::Malformed("no destination".to_owned()))?;
        let sealed: Sealed =
            serde_dynamo::from_attribute_value(sealed).map_err(|e| StoreError::Malformed(e.to_string()))?;
        let plain = self.keys.open_bytes(scope, &sealed).map_err(|e| StoreError::Malformed(e.to_string()))?;
        let destination: Destination =
            serde_json::from_slice(&plain).map_err(|e| StoreError::Malformed(e.to_string()))?;
        item.insert(DESTINATION.to_owned(), attribute(&destination)?);
        read(item)
    }

    /// The routes as they are now: one small read where nothing has changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn snapshot(&self, scope: &Scope) -> Result<Arc<Snapshot>, StoreError> {
        self.snapshot_and_failures(scope).await.map(|(snapshot, _)| snapshot)
    }

    /// The routes as they were no longer ago than `age`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recent(&self, scope: &Scope, age: Duration) -> Result<Arc<Snapshot>, StoreError> {
        match self.cached(scope).filter(|(_, looked_at)| looked_at.elapsed() < age) {
            Some((snapshot, _)) => Ok(snapshot),
            None => self.snapshot(scope).await,
        }
    }

    /// The routes as they are now, and how many attempts each has failed in a row: both by the same small read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn snapshot_and_failures(&self, scope: &Scope) -> Result<(Arc<Snapshot>, Failures), StoreError> {
        let (version_key, looked_at) = (Key::new(scope.partition("routes"), VERSION), Instant::now());
        let item = self.db.item(&self.db.tables.config, &version_key).await?;
        let Some(item) = item else { return Ok(Default::default()) };
        let failures = Failures::of(&item);
        let Version { version } = read(item)?;
        let cached = self.cached(scope).map(|(snapshot, _)| snapshot).unwrap_or_default();
        if cached.version == version {
            self.remember(scope, (Arc::clone(&cached), looked_at));
            return Ok((cached, failures));
        }
        // The version was read first: what is read after it is at least as new.
        let routes = self.list(scope).await?;
        let compile = move || routes.into_iter().map(|route| Arc::new(compile(route, &cached))).collect();
        let routes = deep::run(compile).await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let snapshot = Arc::new(Snapshot { version, routes });
        self.remember(scope, (Arc::clone(&snapshot), looked_at));
        Ok((snapshot, failures))
    }

    fn remember(&self, scope: &Scope, known: Known) {
        let mut cache = self.cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(place) = cache.get_mut(scope) {
            *place = known;
            return;
        }
        if cache.len() >= MAX_CACHED_SCOPES {
            cache.clear();
        }
        cache.insert(scope.clone(), known);
    }

    /// Counts failures of a route's target; gives how many there are now in a row.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_failures(&self, scope: &Scope, uid: &str, failed: u32) -> Result<u32, StoreError> {
        let attribute = Failures::attribute(uid);
        let update = self.change_version_record(scope, "ADD #failures :failed", &attribute);
        let update = update.expression_attribute_values(":failed", AttributeValue::N(failed.to_string()));
        let answer = update.return_values(ReturnValue::UpdatedNew).send().await?;
        Ok(answer.attributes.as_ref().map_or(0, |item| number(item.get(&attribute))))
    }

    /// Forgets the failures of a route whose target has answered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear_failures(&self, scope: &Scope, uid: &str) -> Result<(), StoreError> {
        let attribute = Failures::attribute(uid);
        self.change_version_record(scope, "REMOVE #failures", &attribute).send().await?;
        Ok(())
    }

    fn change_version_record(&self, scope: &Scope, change: &str, attribute: &str) -> UpdateItemFluentBuilder {
        let key = Key::new(scope.partition("routes"), VERSION).attributes();
        let update = self.db.client.update_item().table_name(&self.db.tables.config).set_key(Some(key));
        update
            .update_expression(change)
            .expression_attribute_names("#failures", attribute)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }

    fn cached(&self, scope: &Scope) -> Option<Known> {
        self.cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(scope).cloned()
    }

    /// Every route of the scope, by kind and id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, scope: &Scope) -> Result<Vec<Route>, StoreError> {
        let query = self.db.query(&self.db.tables.config, &scope.partition("routes")).consistent_read(true);
        let mut items = query.into_paginator().items().send();
        let mut routes = Vec::new();
        while let Some(item) = items.try_next().await? {
            let is_version = item.get("sk").is_some_and(|sk| sk.as_s().is_ok_and(|s| s == VERSION));
            if !is_version {
                routes.push(self.open(scope, item)?);
            }
        }
        Ok(routes)
    }

    /// One route.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, scope: &Scope, kind: RouteKind, id: &str) -> Result<Option<Route>, StoreError> {
        // The id comes from a path: the database refuses keys that are too long.
        if id.len() > MAX_ID_BYTES {
            return Ok(None);
        }
        let item = self.db.item(&self.db.tables.config, &key(scope, kind, id)).await?;
        item.map(|item| self.open(scope, item)).transpose()
    }

    /// Makes a route; with `limit`, only where the scope has fewer of its kind.
    ///
    /// # Errors
    /// [`CreateError`].
    pub async fn create(&self, scope: &Scope, route: &Route, limit: usize) -> Result<(), CreateError> {
        let put = Put::builder().table_name(&self.db.tables.config).set_item(Some(self.record(scope, route)?));
        let put = put.condition_expression("attribute_not_exists(pk)").build().map_err(malformed)?;
        let count = self
            .bump(scope)
            .update_expression("ADD version :one, #count :one")
            .expression_attribute_names("#count", count_attribute(route.kind))
            .condition_expression("attribute_not_exists(#count) OR #count < :limit")
            .expression_attribute_values(":limit", AttributeValue::N(limit.to_string()))
            .build()
            .map_err(malformed)?;
        match self.transact(TransactWriteItem::builder().put(put).build(), count).await {
            Err(StoreError::Conflict) if self.get(scope, route.kind, &route.id).await?.is_some() => {
                Err(CreateError::Exists)
            }
            Err(StoreError::Conflict) => Err(CreateError::LimitReached),
            other => Ok(other?),
        }
    }

    /// Writes a route over the revision it was read at, and raises that revision.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where somebody else wrote it in between.
    pub async fn update(&self, scope: &Scope, route: &mut Route) -> Result<(), StoreError> {
        let read = route.revision;
        route.revision += 1;
        let item = self.record(scope, route)?;
        let put = Put::builder().table_name(&self.db.tables.config).set_item(Some(item));
        let put = put
            .condition_expression("revision = :read AND uid = :uid")
            .expression_attribute_values(":read", AttributeValue::N(read.to_string()))
            .expression_attribute_values(":uid", AttributeValue::S(route.uid.clone()))
            .build()
            .map_err(malformed)?;
        let bump = self.bump(scope).update_expression("ADD version :one").build().map_err(malformed)?;
        self.transact(TransactWriteItem::builder().put(put).build(), bump).await
    }

    /// Deletes a route as it was read.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where somebody else wrote it in between.
    pub async fn delete(&self, scope: &Scope, route: &Route) -> Result<(), StoreError> {
        let delete = Delete::builder().table_name(&self.db.tables.config);
        let delete = delete
            .set_key(Some(key(scope, route.kind, &route.id).attributes()))
            .condition_expression("revision = :read AND uid = :uid")
            .expression_attribute_values(":read", AttributeValue::N(route.revision.to_string()))
            .expression_attribute_values(":uid", AttributeValue::S(route.uid.clone()))
            .build()
            .map_err(malformed)?;
        let bump = self
            .bump(scope)
            .update_expression("ADD version :one, #count :less")
            .expression_attribute_names("#count", count_attribute(route.kind))
            .expression_attribute_values(":less", AttributeValue::N("-1".to_owned()))
            .build()
            .map_err(malformed)?;
        self.transact(TransactWriteItem::builder().delete(delete).build(), bump).await
    }

    fn bump(&self, scope: &Scope) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        let key: Item = Key::new(scope.partition("routes"), VERSION).attributes();
        let one = AttributeValue::N("1".to_owned());
        Update::builder().table_name(&self.db.tables.config).set_key(Some(key)).expression_attribute_values(":one", one)
    }

    async fn transact(&self, write: TransactWriteItem, bump: Update) -> Result<(), StoreError> {
        let bump = TransactWriteItem::builder().update(bump).build();
        let call = self.db.client.transact_write_items().transact_items(write).transact_items(bump);
        call.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await?;
        Ok(())
    }
}

/// Most writes leave most filters as they were, and to compile an expression takes a millisecond.
fn compile(route: Route, cached: &Snapshot) -> Compiled {
    if let Some(known) = cached.by_uid(&route.uid).filter(|known| known.route.filter == route.filter) {
        return Compiled { filter: Arc::clone(&known.filter), route };
    }
    let filter = route.filter.compile();
    if let Some(error) = filter.refusal() {
        tracing::error!(route = route.uid, %error, "a stored payload filter does not compile: its route gets nothing");
    }
    Compiled { filter: Arc::new(filter), route }
}

/// The attribute of the version record that counts the routes of a kind.
fn count_attribute(kind: RouteKind) -> String {
    format!("{}_count", kind.as_str())
}

fn malformed(error: aws_sdk_dynamodb::error::BuildError) -> StoreError {
    StoreError::Malformed(error.to_string())
}

/// Why a route could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The id is taken.
    #[error("a route of that id exists already")]
    Exists,
    /// The scope has as many as it may.
    #[error("the scope has as many routes of the kind as it may")]
    LimitReached,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
