//! Records of runs: looked up by id, written over the revision they were read at, kept for a while after.

use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Db, Key, StoreError};
use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;

/// How long a run is kept after it changed last.
pub(super) const KEPT: Duration = Duration::from_secs(31 * 86_400);
/// The longest id that is looked up.
const MAX_ID_BYTES: usize = 100;

/// A run of any kind.
pub(super) trait Revised: Serialize + DeserializeOwned + Sync {
    /// The family of its records.
    const FAMILY: ScopeFamily<'static>;

    /// Its id.
    fn id(&self) -> &str;

    /// How often it was written.
    fn revision_mut(&mut self) -> &mut u64;

    /// When it was last written.
    fn updated_at_mut(&mut self) -> &mut Millis;
}

#[derive(Serialize)]
struct Record<'a, R> {
    #[serde(flatten)]
    run: &'a R,
    expires_at: i64,
}

/// The runs of one kind in every scope.
#[derive(Debug)]
pub(super) struct Revisions<R> {
    pub(super) db: Db,
    kind: PhantomData<R>,
}

impl<R> Clone for Revisions<R> {
    fn clone(&self) -> Self {
        Self { db: self.db.clone(), kind: PhantomData }
    }
}

impl<R: Revised> Revisions<R> {
    /// Over the activity table.
    pub(super) fn new(db: Db) -> Self {
        Self { db, kind: PhantomData }
    }

    fn key(scope: &Scope, id: &str) -> Key {
        Key::new(&scope.partition(R::FAMILY), id)
    }

    fn record<'a>(&self, run: &'a R) -> Record<'a, R> {
        Record { run, expires_at: self.db.ports.now().plus(KEPT).as_secs() }
    }

    /// Adds a run, over any that is there.
    pub(super) async fn put(&self, scope: &Scope, run: &R) -> Result<(), StoreError> {
        self.db.put(&self.db.tables.activity, &Self::key(scope, run.id()), &self.record(run)).await
    }

    /// Adds a run, if there is none of its id.
    pub(super) async fn create(&self, scope: &Scope, run: &R) -> Result<(), StoreError> {
        self.db.create(&self.db.tables.activity, &Self::key(scope, run.id()), &self.record(run)).await
    }

    /// A run. The id may come from a path.
    pub(super) async fn get(&self, scope: &Scope, id: &str) -> Result<Option<R>, StoreError> {
        if !(1..=MAX_ID_BYTES).contains(&id.len()) {
            return Ok(None);
        }
        self.db.get(&self.db.tables.activity, &Self::key(scope, id)).await
    }

    /// Writes a run, if it is as it was read.
    pub(super) async fn update(&self, scope: &Scope, run: &mut R) -> Result<(), StoreError> {
        let read = *run.revision_mut();
        *run.revision_mut() = read + 1;
        *run.updated_at_mut() = self.db.ports.now();
        let key = Self::key(scope, run.id());
        let written = self.db.replace(&self.db.tables.activity, &key, &self.record(run), read).await;
        if written.is_err() {
            *run.revision_mut() = read;
        }
        written
    }
}
