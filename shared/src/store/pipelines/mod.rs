//! Pipelines: their configurations, runs, cursors and dead letters.

mod configs;
mod cursors;
mod directory;
mod due;
mod kept;
mod letters;
mod listed;
mod payloads;
mod runs;
mod slots;
mod times;

use super::revisions::KEPT;
use super::{Db, StoreError};
use crate::domain::pipeline::instance::Instance;
use crate::domain::pipeline::profile::StoredProfile;
use crate::domain::pipeline::schedule::Schedule;
use crate::domain::pipeline::specification::MappingConfiguration;
use crate::domain::scope::Scope;
use crate::secrets::Keyring;

pub use super::catalogue::CreateError;
pub use configs::{Compiled, Configs, Kept};
pub use cursors::Cursors;
pub use directory::Directory;
pub use due::Dues;
pub use letters::{DeadLetters, ReplayError};
pub use listed::{Listed, MAX_LISTED};
pub use payloads::{MAX_PAYLOAD_BYTES, Payloads};
pub use runs::{RunFilter, SyncRuns};
pub use slots::Slots;
pub use times::Times;

/// The records of pipelines.
#[derive(Clone)]
pub struct PipelineStores {
    /// Connection profiles.
    pub profiles: Configs<StoredProfile>,
    /// Mapping configurations.
    pub mappings: Configs<MappingConfiguration>,
    /// Instances.
    pub instances: Configs<Instance>,
    /// Schedules.
    pub schedules: Configs<Schedule>,
    /// Whose instances are.
    pub directory: Directory,
    /// When schedules are due.
    pub dues: Dues,
    /// Runs.
    pub runs: SyncRuns,
    /// Cursors.
    pub cursors: Cursors,
    /// Dead letters.
    pub letters: DeadLetters,
    /// What runs were given, and the records of dead letters.
    pub payloads: Payloads,
    /// Calls that are under way.
    pub slots: Slots,
    /// When what was written happened.
    pub times: Times,
}

impl PipelineStores {
    /// Over the database.
    #[must_use]
    pub fn new(db: &Db, keys: &Keyring) -> Self {
        Self {
            profiles: Configs::new(db.clone(), keys.clone()),
            mappings: Configs::new(db.clone(), keys.clone()),
            instances: Configs::new(db.clone(), keys.clone()),
            schedules: Configs::new(db.clone(), keys.clone()),
            directory: Directory::new(db.clone()),
            dues: Dues::new(db.clone()),
            runs: SyncRuns::new(db.clone()),
            cursors: Cursors::new(db.clone()),
            letters: DeadLetters::new(db.clone()),
            payloads: Payloads::new(db.clone(), keys.clone()),
            slots: Slots::new(db.clone()),
            times: Times::new(db.clone()),
        }
    }

    /// Forgets what a scope has that is given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        for schedule in self.schedules.list(scope).await? {
            self.dues.forget(scope, &schedule.id).await?;
        }
        for instance in self.instances.list(scope).await? {
            self.directory.forget(&instance.id).await?;
        }
        self.schedules.clear(scope).await?;
        self.instances.clear(scope).await?;
        self.mappings.clear(scope).await?;
        self.profiles.clear(scope).await?;
        self.cursors.clear(scope).await?;
        self.runs.clear(scope).await?;
        self.letters.clear(scope).await?;
        self.payloads.clear(scope).await
    }
}
