//! Runs of automations.

use std::time::Duration;

use serde::Serialize;

use super::{Db, Key, StoreError};
use crate::domain::automation::Run;
use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;

/// How long a run is kept after it changed last.
const KEPT: Duration = Duration::from_secs(31 * 86_400);
/// The longest id that is looked up.
const MAX_ID_BYTES: usize = 100;

#[derive(Serialize)]
struct Record<'a> {
    #[serde(flatten)]
    run: &'a Run,
    expires_at: i64,
}

/// The runs of every scope.
#[derive(Clone, Debug)]
pub struct Runs {
    db: Db,
}

fn key(scope: &Scope, id: &str) -> Key {
    Key::new(&scope.partition(ScopeFamily::Runs), id)
}

impl Runs {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Adds a run.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create(&self, scope: &Scope, run: &Run) -> Result<(), StoreError> {
        self.db.put(&self.db.tables.activity, &key(scope, &run.id), &record(run)).await
    }

    /// A run.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, scope: &Scope, id: &str) -> Result<Option<Run>, StoreError> {
        if !(1..=MAX_ID_BYTES).contains(&id.len()) {
            return Ok(None);
        }
        self.db.get(&self.db.tables.activity, &key(scope, id)).await
    }

    /// Writes a run, if it is as it was read.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it was changed in between.
    pub async fn update(&self, scope: &Scope, run: &mut Run) -> Result<(), StoreError> {
        let read = run.revision;
        run.revision += 1;
        run.updated_at = self.db.ports.now();
        let written = self.db.replace(&self.db.tables.activity, &key(scope, &run.id), &record(run), read).await;
        if written.is_err() {
            run.revision = read;
        }
        written
    }
}

fn record(run: &Run) -> Record<'_> {
    Record { run, expires_at: run.updated_at.plus(KEPT).as_secs() }
}
