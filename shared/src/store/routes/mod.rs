//! Routes: a catalogue whose cache is checked on every use, so that it is never stale.

mod failures;
mod forget;
mod record;

use std::sync::Arc;
use std::time::Duration;

pub use record::Compiled;

pub use super::catalogue::CreateError;
use super::catalogue::{self, Catalogue};
use super::{Db, StoreError};
use crate::domain::route::{Route, RouteKey};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::secrets::Keyring;

/// The routes of a scope as of one version, ready to match.
pub type Snapshot = catalogue::Snapshot<Route>;

impl Snapshot {
    /// The route of that uid.
    #[must_use]
    pub fn by_uid(&self, uid: &str) -> Option<&Arc<Compiled>> {
        self.entries.iter().find(|compiled| compiled.route.uid == uid)
    }

    /// Whether a route that is not in it is gone: an error if it may be one that cannot be read.
    ///
    /// # Errors
    /// [`StoreError::Malformed`].
    pub fn gone<E: From<StoreError>>(&self) -> Result<(), E> {
        let unknown = || StoreError::Malformed("a route of the scope cannot be read".to_owned()).into();
        if self.is_whole() { Ok(()) } else { Err(unknown()) }
    }
}

/// The routes of every scope.
#[derive(Clone)]
pub struct Routes {
    catalogue: Catalogue<Route>,
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

    /// The routes as they are for an event of that time, if changes take effect `ahead` of the write that says them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn as_of(&self, scope: &Scope, at: Millis, ahead: Duration) -> Result<Arc<Snapshot>, StoreError> {
        self.catalogue.as_of(scope, at, ahead).await
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

    /// Reads a route, applies `change`, and writes it if `change` says that it has changed something; on a conflict
    /// it starts over. Returns the route as it now is; `None` if it is gone.
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

    /// The same for how far a route's backlog has come: who matches events against the routes does not read them anew
    /// for it, and goes on with the route as it was before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn progress(
        &self,
        scope: &Scope,
        key: &RouteKey,
        change: impl FnMut(&mut Route) -> bool,
    ) -> Result<Option<Route>, StoreError> {
        self.catalogue.change_quietly(scope, (key.face.as_str(), &key.id), key.uid.as_deref(), change).await
    }

    /// Writes a route over the revision it was read at, and raises that revision.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it was written in between.
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
