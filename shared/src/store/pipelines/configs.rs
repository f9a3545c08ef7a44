//! Configurations: a catalogue for each kind.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::domain::partition::ScopeFamily;
use crate::domain::pipeline::config::{Config, Kind};
use crate::domain::scope::Scope;
use crate::secrets::Keyring;
use crate::store::catalogue::{Catalogue, CreateError, Record, Sealer};
use crate::store::{Db, Item, StoreError};

const BODY: &str = "body";

/// What is kept of a configuration beside its record.
pub trait Kept: Kind {
    /// What was compiled from it.
    type Compiled: Send + Sync + 'static;

    /// Compiles it. It runs on a deep stack.
    fn compile(&self) -> Self::Compiled;
}

/// A configuration, with what was compiled from it.
pub struct Compiled<T: Kept> {
    /// The configuration.
    pub config: Config<T>,
    /// What was compiled.
    pub compiled: Arc<T::Compiled>,
}

impl<T: Kept> Record for Config<T> {
    type Compiled = Compiled<T>;

    const FAMILY: ScopeFamily<'static> = ScopeFamily::Pipelines(T::NAME);

    fn kind(&self) -> &'static str {
        T::NAME
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn revision_mut(&mut self) -> &mut u64 {
        &mut self.revision
    }

    fn compile(self, known: Option<&Compiled<T>>) -> Option<Compiled<T>> {
        let known = known.filter(|known| known.config.revision == self.revision);
        let compiled = known.map_or_else(|| Arc::new(self.body.compile()), |known| Arc::clone(&known.compiled));
        Some(Compiled { config: self, compiled })
    }

    fn seal(&self, item: &mut Item, sealer: &Sealer<'_>) -> Result<(), StoreError> {
        if T::SECRET { sealer.seal(item, BODY, &self.body) } else { Ok(()) }
    }

    fn unseal(item: &mut Item, sealer: &Sealer<'_>) -> Result<(), StoreError> {
        if T::SECRET { sealer.unseal::<T>(item, BODY) } else { Ok(()) }
    }
}

/// The configurations of one kind in every scope.
pub struct Configs<T: Kept> {
    catalogue: Catalogue<Config<T>>,
    db: Db,
    kind: PhantomData<T>,
}

impl<T: Kept> Clone for Configs<T> {
    fn clone(&self) -> Self {
        Self { catalogue: self.catalogue.clone(), db: self.db.clone(), kind: PhantomData }
    }
}

impl<T: Kept> Configs<T> {
    /// Over the configuration table.
    #[must_use]
    pub fn new(db: Db, keys: Keyring) -> Self {
        Self { catalogue: Catalogue::new(db.clone(), keys), db, kind: PhantomData }
    }

    /// One of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, scope: &Scope, id: &str) -> Result<Option<Config<T>>, StoreError> {
        self.catalogue.get(scope, T::NAME, id).await
    }

    /// All of a scope, in the order in which they were made.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, scope: &Scope) -> Result<Vec<Config<T>>, StoreError> {
        let mut all = self.catalogue.list(scope).await?;
        all.sort_by(|one, two| (one.created_at, &one.id).cmp(&(two.created_at, &two.id)));
        Ok(all)
    }

    /// One of them as it is now, compiled.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn compiled(&self, scope: &Scope, id: &str) -> Result<Option<Arc<Compiled<T>>>, StoreError> {
        Ok(self.catalogue.snapshot(scope).await?.entry(T::NAME, id).cloned())
    }

    /// A new one, which is not written yet.
    #[must_use]
    pub fn draft(&self, body: T) -> Config<T> {
        Config::new(self.db.ports.unique(T::PREFIX), body, self.db.ports.now())
    }

    /// Writes a draft.
    ///
    /// # Errors
    /// [`CreateError`].
    pub async fn create(&self, scope: &Scope, draft: Config<T>) -> Result<Config<T>, CreateError> {
        self.catalogue.create(scope, &draft, T::MAX).await?;
        Ok(draft)
    }

    /// Writes one over the revision it was read at.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it was written in between.
    pub async fn update(&self, scope: &Scope, config: &mut Config<T>) -> Result<(), StoreError> {
        config.updated_at = self.db.ports.now();
        self.catalogue.update(scope, config).await
    }

    /// Changes the content of one, whatever else happens to it; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn change(
        &self,
        scope: &Scope,
        id: &str,
        mut change: impl FnMut(&mut T) -> bool,
    ) -> Result<Option<Config<T>>, StoreError> {
        let now = self.db.ports.now();
        let changed = |config: &mut Config<T>| {
            let changed = change(&mut config.body);
            if changed {
                config.updated_at = now;
            }
            changed
        };
        self.catalogue.change(scope, (T::NAME, id), None, changed).await
    }

    /// Deletes one as it was read.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it was written in between.
    pub async fn delete(&self, scope: &Scope, config: &Config<T>) -> Result<(), StoreError> {
        self.catalogue.delete(scope, config).await
    }

    /// Deletes those of a scope that is given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        self.catalogue.clear(scope).await
    }
}
