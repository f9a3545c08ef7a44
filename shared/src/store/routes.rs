//! Routes: a catalogue whose cache is checked on every use, so that it is never stale.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, ReturnValue};

pub use super::catalogue::CreateError;
use super::catalogue::{self, Catalogue, Record, Sealer};
use super::{Db, Item, StoreError};
use crate::domain::destination::Destination;
use crate::domain::filter::Filter;
use crate::domain::partition::ScopeFamily;
use crate::domain::route::{Route, RouteKey};
use crate::domain::scope::Scope;
use crate::secrets::Keyring;

/// The routes of a scope as of one version, ready to match.
pub type Snapshot = catalogue::Snapshot<Route>;

impl Snapshot {
    /// The route of that uid.
    #[must_use]
    pub fn by_uid(&self, uid: &str) -> Option<&Arc<Compiled>> {
        self.entries.iter().find(|compiled| compiled.route.uid == uid)
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

const DESTINATION: &str = "destination";

impl Record for Route {
    type Compiled = Compiled;

    const FAMILY: ScopeFamily<'static> = ScopeFamily::Routes;

    fn kind(&self) -> &'static str {
        self.face.kind().as_str()
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn uid(&self) -> Option<&str> {
        Some(&self.uid)
    }

    fn revision_mut(&mut self) -> &mut u64 {
        &mut self.revision
    }

    /// Most writes leave the filter as it was, and compiling one takes a millisecond.
    fn compile(self, known: Option<&Compiled>) -> Option<Compiled> {
        if let Some(known) = known.filter(|known| known.route.filter == self.filter) {
            return Some(Compiled { filter: Arc::clone(&known.filter), route: self });
        }
        let filter = self.filter.compile();
        if let Some(error) = filter.refusal() {
            tracing::error!(route = self.uid, %error, "a stored payload filter does not compile: it matches nothing");
        }
        Some(Compiled { filter: Arc::new(filter), route: self })
    }

    /// The destination is sealed whole: URLs and headers hold secrets of their own.
    fn seal(&self, item: &mut Item, sealer: &Sealer<'_>) -> Result<(), StoreError> {
        sealer.seal(item, DESTINATION, &self.destination)
    }

    fn unseal(item: &mut Item, sealer: &Sealer<'_>) -> Result<(), StoreError> {
        sealer.unseal::<Destination>(item, DESTINATION)
    }
}

/// How many attempts in a row have failed, by route. The counts stand in the version record: it is read for each
/// message anyway, and is written only when something fails.
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

/// The routes of every scope.
#[derive(Clone)]
pub struct Routes {
    pub(super) catalogue: Catalogue<Route>,
}

impl Routes {
    /// Over the configuration table.
    #[must_use]
    pub fn new(db: Db, keys: Keyring) -> Self {
        Self { catalogue: Catalogue::new(db, keys) }
    }

    /// The routes as they are now: one small read if nothing has changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn snapshot(&self, scope: &Scope) -> Result<Arc<Snapshot>, StoreError> {
        self.catalogue.snapshot(scope).await
    }

    /// The routes as they were at most `age` ago.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recent(&self, scope: &Scope, age: Duration) -> Result<Arc<Snapshot>, StoreError> {
        self.catalogue.recent(scope, age).await
    }

    /// The routes as they are now, and how many attempts of each have failed in a row: both by the same small read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn snapshot_and_failures(&self, scope: &Scope) -> Result<(Arc<Snapshot>, Failures), StoreError> {
        let (snapshot, item) = self.catalogue.snapshot_and_version_record(scope).await?;
        Ok((snapshot, Failures::of(&item)))
    }

    /// Counts failures of a route's target; gives how many there are now in a row.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_failures(&self, scope: &Scope, uid: &str, failed: u32) -> Result<u32, StoreError> {
        let attribute = Failures::attribute(uid);
        let update = self.change_failures(scope, "ADD #failures :failed", &attribute);
        let update = update.expression_attribute_values(":failed", AttributeValue::N(failed.to_string()));
        let answer = update.return_values(ReturnValue::UpdatedNew).send().await?;
        Ok(answer.attributes.as_ref().map_or(0, |item| number(item.get(&attribute))))
    }

    /// Forgets the failures of a route whose target has answered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear_failures(&self, scope: &Scope, uid: &str) -> Result<(), StoreError> {
        self.change_failures(scope, "REMOVE #failures", &Failures::attribute(uid)).send().await?;
        Ok(())
    }

    fn change_failures(&self, scope: &Scope, change: &str, attribute: &str) -> UpdateItemFluentBuilder {
        let (db, key) = (&self.catalogue.db, Catalogue::<Route>::version_key(scope).attributes());
        let update = db.client.update_item().table_name(&db.tables.config).set_key(Some(key));
        update
            .update_expression(change)
            .expression_attribute_names("#failures", attribute)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }

    /// Every route of the scope, by kind and id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, scope: &Scope) -> Result<Vec<Route>, StoreError> {
        self.catalogue.list(scope).await
    }

    /// One route.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, scope: &Scope, key: &RouteKey) -> Result<Option<Route>, StoreError> {
        let found = self.catalogue.get(scope, key.face.as_str(), &key.id).await?;
        Ok(found.filter(|route: &Route| key.uid.as_ref().is_none_or(|uid| route.uid == *uid)))
    }

    /// Creates a route, if the scope has fewer than `limit` of its kind.
    ///
    /// # Errors
    /// [`CreateError`].
    pub async fn create(&self, scope: &Scope, route: &Route, limit: usize) -> Result<(), CreateError> {
        self.catalogue.create(scope, route, limit).await
    }

    /// Reads a route, applies `change`, and writes it if `change` says that it has changed something; again, on what
    /// the route has become, if somebody else wrote it in between. Gives the route as it now is. `None`: it is gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn change(
        &self,
        scope: &Scope,
        key: &RouteKey,
        change: impl FnMut(&mut Route) -> bool,
    ) -> Result<Option<Route>, StoreError> {
        self.catalogue.change(scope, (key.face.as_str(), &key.id), key.uid.as_deref(), change).await
    }

    /// Writes a route over the revision it was read at, and raises that revision.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if somebody else wrote it in between.
    pub async fn update(&self, scope: &Scope, route: &mut Route) -> Result<(), StoreError> {
        self.catalogue.update(scope, route).await
    }

    /// Deletes the route of that id, whatever it has become; gives it as it was. `None`: there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove(&self, scope: &Scope, key: &RouteKey) -> Result<Option<Route>, StoreError> {
        self.catalogue.remove(scope, key.face.as_str(), &key.id).await
    }
}
