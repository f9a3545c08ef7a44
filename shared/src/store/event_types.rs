//! Event types: a catalogue that every publish needs, and whose cache is trusted for some seconds.
//!
//! So a scope without schemas costs one small read in that time, however much it publishes.

use std::sync::Arc;
use std::time::Duration;

pub use super::catalogue::Placed;
use super::catalogue::{self, Catalogue, Page, Record};
use super::{Db, StoreError};
use crate::domain::event_type::{EventType, MAX_EVENT_TYPES};
use crate::domain::partition::ScopeFamily;
use crate::domain::schema::Schema;
use crate::domain::scope::Scope;
use crate::secrets::Keyring;

/// How long the cache is trusted without a look at the version; after a change in the same process, not at all.
const TRUSTED: Duration = Duration::from_secs(5);

const KIND: &str = "type";

/// The schemas of a scope as of one version, compiled.
pub type Schemas = catalogue::Snapshot<EventType>;

impl Schemas {
    /// The schema of events of that name, if it has one.
    #[must_use]
    pub fn schema(&self, name: &str) -> Option<&Arc<Schema>> {
        self.entry(KIND, name).map(|compiled| &compiled.schema)
    }
}

/// A schema and its text.
#[derive(Debug)]
pub struct Compiled {
    text: String,
    schema: Arc<Schema>,
}

impl Record for EventType {
    type Compiled = Compiled;

    const FAMILY: ScopeFamily<'static> = ScopeFamily::EventTypes;

    fn kind(&self) -> &'static str {
        KIND
    }

    fn id(&self) -> &str {
        &self.name
    }

    fn revision_mut(&mut self) -> &mut u64 {
        &mut self.revision
    }

    /// A schema was checked before it was stored; if it no longer compiles, its events are accepted unchecked.
    fn compile(self, known: Option<&Compiled>) -> Option<Compiled> {
        let text = self.schema?;
        if let Some(known) = known.filter(|known| known.text == text) {
            return Some(Compiled { text, schema: Arc::clone(&known.schema) });
        }
        let compiled = serde_json::from_str(&text).map_err(|_| Vec::new()).and_then(|schema| Schema::compile(&schema));
        compiled
            .inspect_err(|faults| tracing::error!(name = self.name, ?faults, "a stored schema does not compile"))
            .map(|schema| Compiled { text, schema: Arc::new(schema) })
            .ok()
    }
}

/// The event types of every scope.
#[derive(Clone)]
pub struct EventTypes {
    catalogue: Catalogue<EventType>,
}

impl EventTypes {
    /// Over the configuration table.
    #[must_use]
    pub fn new(db: Db, keys: Keyring) -> Self {
        Self { catalogue: Catalogue::new(db, keys) }
    }

    /// One event type.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, scope: &Scope, name: &str) -> Result<Option<EventType>, StoreError> {
        self.catalogue.get(scope, KIND, name).await
    }

    /// Some event types, by name; the database may give fewer than `limit` although there are more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn page(&self, scope: &Scope, after: Option<&str>, limit: usize) -> Result<Page<EventType>, StoreError> {
        self.catalogue.page(scope, KIND, after, limit).await
    }

    /// Creates or replaces an event type; `created_at` stays as it was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put(&self, scope: &Scope, event_type: &mut EventType) -> Result<Placed, StoreError> {
        let inherit = |new: &mut EventType, old: &EventType| new.created_at = old.created_at;
        self.catalogue.put(scope, event_type, MAX_EVENT_TYPES, inherit).await
    }

    /// Deletes an event type; `false` if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete(&self, scope: &Scope, name: &str) -> Result<bool, StoreError> {
        Ok(self.catalogue.remove(scope, KIND, name).await?.is_some())
    }

    /// Deletes the catalogue of a scope that is given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        self.catalogue.clear(scope).await
    }

    /// The schemas of a scope, at most [`TRUSTED`] old.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn schemas(&self, scope: &Scope) -> Result<Arc<Schemas>, StoreError> {
        self.catalogue.recent(scope, TRUSTED).await
    }
}
