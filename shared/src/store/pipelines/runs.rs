//! Runs of pipelines.

use serde::{Deserialize, Serialize};

use super::{KEPT, Listed, MAX_LISTED, listed};
use crate::domain::partition::ScopeFamily;
use crate::domain::pipeline::run::{Run, Status};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::store::revisions::{Revised, Revisions};
use crate::store::{Db, Key, StoreError};

impl Revised for Run {
    const FAMILY: ScopeFamily<'static> = ScopeFamily::SyncRuns;

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

/// The run of a webhook that may come again.
#[derive(Serialize, Deserialize)]
struct Claim {
    run: String,
    expires_at: i64,
}

#[derive(Deserialize)]
struct Facts {
    id: String,
    instance: String,
    entity_type: String,
    status: Status,
}

/// Which runs are listed. What is missing sets no limit.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Of this instance.
    pub instance: Option<String>,
    /// Of this entity type.
    pub entity_type: Option<String>,
    /// In this state.
    pub status: Option<Status>,
}

/// The runs of every scope.
#[derive(Clone, Debug)]
pub struct SyncRuns(Revisions<Run>);

impl SyncRuns {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self(Revisions::new(db))
    }

    /// Adds a run.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there is one of that id.
    pub async fn create(&self, scope: &Scope, run: &Run) -> Result<(), StoreError> {
        self.0.create(scope, run).await
    }

    /// Notes which run a webhook has; gives the run of the first that asked.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim(&self, scope: &Scope, webhook: &str, run: &str) -> Result<String, StoreError> {
        let db = &self.0.db;
        let key = Key::new(&scope.partition(ScopeFamily::SyncTimes), format!("webhook#{webhook}"));
        let claim = Claim { run: run.to_owned(), expires_at: db.ports.now().plus(KEPT).as_secs() };
        match db.create(&db.tables.activity, &key, &claim).await {
            Err(StoreError::Conflict) => {}
            other => return other.map(|()| run.to_owned()),
        }
        let known: Option<Claim> = db.get(&db.tables.activity, &key).await?;
        Ok(known.map_or_else(|| run.to_owned(), |known| known.run))
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

    /// A page of the runs that are asked for, the newest first; pages count from 0.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn page(
        &self,
        scope: &Scope,
        filter: &RunFilter,
        (page, size): (usize, usize),
    ) -> Result<Listed<Run>, StoreError> {
        let db = &self.0.db;
        let projection = ("id, instance, entity_type, #status", &[("#status", "status")][..]);
        let asked = |facts: &Facts| {
            filter.instance.as_ref().is_none_or(|instance| *instance == facts.instance)
                && filter.entity_type.as_ref().is_none_or(|entity| *entity == facts.entity_type)
                && filter.status.is_none_or(|status| status == facts.status)
        };
        let found = listed::newest(db, scope, ScopeFamily::SyncRuns, projection, MAX_LISTED, asked).await?;
        let total = found.len();
        let ids = found.into_iter().map(|facts| facts.id).skip(page.saturating_mul(size)).take(size);
        Ok(Listed { items: listed::page(db, scope, ScopeFamily::SyncRuns, ids).await?, total })
    }

    /// Forgets the runs of a scope that is given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        let db = &self.0.db;
        db.clear(&db.tables.activity, &scope.partition(ScopeFamily::SyncRuns)).await
    }
}
