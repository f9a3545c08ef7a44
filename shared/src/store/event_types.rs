//! The catalogue of event types: one partition a scope, with a version that goes up with each write.
//!
//! Publishing asks for it each time, so it is believed for some seconds: a scope without schemas then costs one small
//! read in that time, however much it publishes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnConsumedCapacity, TransactWriteItem, Update};
use serde::Deserialize;

use super::{Db, Key, StoreError, read};
use crate::deep;
use crate::domain::event_type::{EventType, MAX_EVENT_TYPES};
use crate::domain::partition::{AnyPartition as _, ScopeFamily};
use crate::domain::schema::Schema;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::ports::Ports;

/// How long a catalogue is believed without a look; the process that changed it looks at once.
const BELIEVED: Duration = Duration::from_secs(5);
/// The most scopes kept in memory; past that the cache starts anew.
const MAX_CACHED_SCOPES: usize = 10_000;
/// How often a write is tried again after somebody else's.
const TRIES: usize = 5;

const VERSION: &str = "version";
const TYPE: &str = "type#";

/// The schemas of a scope as of one version, compiled.
#[derive(Debug, Default)]
pub struct Catalogue {
    version: u64,
    schemas: HashMap<String, Compiled>,
}

#[derive(Clone, Debug)]
struct Compiled {
    text: String,
    schema: Arc<Schema>,
}

impl Catalogue {
    /// The schema of events of that name, if it has one.
    #[must_use]
    pub fn schema(&self, name: &str) -> Option<&Arc<Schema>> {
        // Most scopes have none at all.
        if self.schemas.is_empty() { None } else { self.schemas.get(name).map(|compiled| &compiled.schema) }
    }
}

/// A page of event types, and the name that the next one begins after.
pub type Page = (Vec<EventType>, Option<String>);

/// A catalogue in memory.
#[derive(Clone, Default)]
struct Cached {
    /// When it was looked whether it is the newest.
    looked_at: Millis,
    /// When this process last changed it: what was looked at before does not count.
    changed_at: Millis,
    catalogue: Arc<Catalogue>,
}

/// The event types of every scope.
#[derive(Clone)]
pub struct EventTypes {
    db: Db,
    ports: Ports,
    cache: Arc<Mutex<HashMap<Scope, Cached>>>,
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

/// What became of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// There was none of that name.
    Created,
    /// There was one.
    Replaced,
    /// There was none, and the scope has as many as it may.
    LimitReached,
}

fn key(scope: &Scope, sk: impl Into<String>) -> Key {
    Key::new(&scope.partition(ScopeFamily::EventTypes), sk)
}

fn type_key(scope: &Scope, name: &str) -> Key {
    key(scope, format!("{TYPE}{name}"))
}

fn malformed(error: aws_sdk_dynamodb::error::BuildError) -> StoreError {
    StoreError::Malformed(error.to_string())
}

impl EventTypes {
    /// Over the configuration table.
    #[must_use]
    pub fn new(db: Db, ports: Ports) -> Self {
        Self { db, ports, cache: Arc::default() }
    }

    /// One event type.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, scope: &Scope, name: &str) -> Result<Option<EventType>, StoreError> {
        self.db.get(&self.db.tables.config, &type_key(scope, name)).await
    }

    /// Some event types, by name; the database may give fewer than `limit` although there are more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn page(&self, scope: &Scope, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        let pk = scope.partition(ScopeFamily::EventTypes);
        let query = self.db.client.query().table_name(&self.db.tables.config).consistent_read(true);
        let answer = query
            .key_condition_expression("pk = :pk AND begins_with(sk, :type)")
            .expression_attribute_values(":pk", AttributeValue::S(pk.as_str().to_owned()))
            .expression_attribute_values(":type", AttributeValue::S(TYPE.to_owned()))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(after.map(|name| type_key(scope, name).attributes()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        let types = answer.items.unwrap_or_default().into_iter().map(read).collect::<Result<Vec<EventType>, _>>()?;
        let next = answer.last_evaluated_key.and_then(|_| types.last().map(|last| last.name.clone()));
        Ok((types, next))
    }

    /// Puts an event type, made or replaced; of one that is replaced `created_at` stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put(&self, scope: &Scope, event_type: &mut EventType) -> Result<Placed, StoreError> {
        for _ in 0..TRIES {
            let known = self.get(scope, &event_type.name).await?;
            if let Some(known) = &known {
                event_type.created_at = known.created_at;
            }
            match self.write(scope, event_type, known.is_none()).await {
                Ok(()) => {
                    self.changed(scope);
                    return Ok(if known.is_some() { Placed::Replaced } else { Placed::Created });
                }
                Err(StoreError::Conflict) => {
                    if known.is_none() && self.get(scope, &event_type.name).await?.is_none() {
                        return Ok(Placed::LimitReached);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    async fn write(&self, scope: &Scope, event_type: &EventType, new: bool) -> Result<(), StoreError> {
        let item = type_key(scope, &event_type.name).item(event_type)?;
        let condition = if new { "attribute_not_exists(pk)" } else { "attribute_exists(pk)" };
        let put = Put::builder().table_name(&self.db.tables.config).set_item(Some(item));
        let put = put.condition_expression(condition).build().map_err(malformed)?;
        let bump = self.bump(scope, i32::from(new));
        let bump = if new {
            let limit = AttributeValue::N(MAX_EVENT_TYPES.to_string());
            let fewer = "attribute_not_exists(#count) OR #count < :limit";
            bump.condition_expression(fewer).expression_attribute_values(":limit", limit)
        } else {
            bump
        };
        self.transact(TransactWriteItem::builder().put(put).build(), bump.build().map_err(malformed)?).await
    }

    /// Deletes an event type; `false` where there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete(&self, scope: &Scope, name: &str) -> Result<bool, StoreError> {
        let delete = Delete::builder().table_name(&self.db.tables.config);
        let delete = delete.set_key(Some(type_key(scope, name).attributes()));
        let delete = delete.condition_expression("attribute_exists(pk)").build().map_err(malformed)?;
        let bump = self.bump(scope, -1).build().map_err(malformed)?;
        match self.transact(TransactWriteItem::builder().delete(delete).build(), bump).await {
            Err(StoreError::Conflict) if self.get(scope, name).await?.is_none() => Ok(false),
            other => {
                other?;
                self.changed(scope);
                Ok(true)
            }
        }
    }

    /// Deletes the catalogue of a scope that is given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        self.db.clear(&self.db.tables.config, &scope.partition(ScopeFamily::EventTypes)).await
    }

    /// A write of the version record: a new version, and so many types more.
    fn bump(&self, scope: &Scope, more: i32) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        Update::builder()
            .table_name(&self.db.tables.config)
            .set_key(Some(key(scope, VERSION).attributes()))
            .update_expression("ADD version :one, #count :more")
            .expression_attribute_names("#count", "count")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":more", AttributeValue::N(more.to_string()))
    }

    async fn transact(&self, write: TransactWriteItem, bump: Update) -> Result<(), StoreError> {
        let bump = TransactWriteItem::builder().update(bump).build();
        let call = self.db.client.transact_write_items().transact_items(write).transact_items(bump);
        call.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await?;
        Ok(())
    }

    /// The schemas of a scope, at most [`BELIEVED`] old.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn catalogue(&self, scope: &Scope) -> Result<Arc<Catalogue>, StoreError> {
        let cached = self.cache().get(scope).cloned().unwrap_or_default();
        if cached.looked_at > cached.changed_at && self.ports.now().since(cached.looked_at) < BELIEVED {
            return Ok(cached.catalogue);
        }
        self.refresh(scope, cached.catalogue).await
    }

    fn changed(&self, scope: &Scope) {
        let changed_at = self.ports.now();
        self.cache().entry(scope.clone()).or_default().changed_at = changed_at;
    }

    /// The schemas as they are now: one small read where nothing has changed.
    async fn refresh(&self, scope: &Scope, known: Arc<Catalogue>) -> Result<Arc<Catalogue>, StoreError> {
        let looked_at = self.ports.now();
        let found: Option<Version> = self.db.get(&self.db.tables.config, &key(scope, VERSION)).await?;
        let version = found.map_or(0, |found| found.version);
        let catalogue = if known.version == version {
            known
        } else {
            // The version was read first: what is read after it is at least as new.
            let types = self.types_with_schema(scope).await?;
            Arc::new(Catalogue { version, schemas: compile(types, known).await? })
        };
        let mut cache = self.cache();
        if cache.len() >= MAX_CACHED_SCOPES {
            cache.clear();
        }
        let cached = cache.entry(scope.clone()).or_default();
        *cached = Cached { looked_at, catalogue: Arc::clone(&catalogue), ..*cached };
        Ok(catalogue)
    }

    async fn types_with_schema(&self, scope: &Scope) -> Result<Vec<(String, String)>, StoreError> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let (types, next) = self.page(scope, after.as_deref(), MAX_EVENT_TYPES).await?;
            found.extend(types.into_iter().filter_map(|one| Some((one.name, one.schema?))));
            after = next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<Scope, Cached>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Compiles what was not compiled before.
async fn compile(types: Vec<(String, String)>, known: Arc<Catalogue>) -> Result<HashMap<String, Compiled>, StoreError> {
    let compile = move || {
        let mut schemas = HashMap::new();
        for (name, text) in types {
            let compiled = match known.schemas.get(&name).filter(|known| known.text == text) {
                Some(known) => Some(known.clone()),
                None => compile_one(&name, text),
            };
            schemas.extend(compiled.map(|compiled| (name, compiled)));
        }
        schemas
    };
    deep::run(compile).await.map_err(|error| StoreError::Unavailable(error.to_string()))
}

/// A schema was checked before it was stored; if it no longer compiles, its events are taken unchecked.
fn compile_one(name: &str, text: String) -> Option<Compiled> {
    let compiled = serde_json::from_str(&text).map_err(|_| Vec::new()).and_then(|schema| Schema::compile(&schema));
    match compiled {
        Ok(schema) => Some(Compiled { text, schema: Arc::new(schema) }),
        Err(faults) => {
            tracing::error!(name, ?faults, "a stored schema does not compile");
            None
        }
    }
}
