//! Runs of automations.

use super::revisions::{Revised, Revisions};
use super::{Db, StoreError};
use crate::domain::automation::Run;
use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;

impl Revised for Run {
    const FAMILY: ScopeFamily<'static> = ScopeFamily::Runs;

    fn id(&self) -> &str {
        &self.id
    }

    fn revision_mut(&mut self) -> &mut u64 {
        &mut self.revision
    }

    fn updated_at_mut(&mut self) -> &mut Millis {
        &mut self.updated_at
    }
}

/// The runs of every scope.
#[derive(Clone, Debug)]
pub struct Runs(Revisions<Run>);

impl Runs {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self(Revisions::new(db))
    }

    /// Adds a run.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create(&self, scope: &Scope, run: &Run) -> Result<(), StoreError> {
        self.0.put(scope, run).await
    }

    /// A run.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, scope: &Scope, id: &str) -> Result<Option<Run>, StoreError> {
        self.0.get(scope, id).await
    }

    /// Writes a run, if it is as it was read.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it was changed in between.
    pub async fn update(&self, scope: &Scope, run: &mut Run) -> Result<(), StoreError> {
        self.0.update(scope, run).await
    }
}
