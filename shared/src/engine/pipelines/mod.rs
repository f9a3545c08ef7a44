//! Pipelines: runs are asked for here, and carried out by a worker, a batch at a time.
//!
//! A run's message comes before its record, so what is recorded is carried out. A batch's results are recorded before
//! the next batch counts, so a crash repeats a batch at most.

mod attempt;
mod dead_letters;
mod execute;
mod inbound;
mod ingest;
mod ledger;
mod pace;
mod plan;
mod registry;
mod runner;
mod scheduler;
mod trace;

use std::time::Duration;

use super::EngineError;
use super::messages::SyncMessage;
use crate::domain::pipeline::config::Config;
use crate::domain::pipeline::instance::{EffectiveStatus, Instance};
use crate::domain::pipeline::run::{Run, Status};
use crate::domain::scope::Scope;
use crate::ports::Ports;
use crate::queue::{Outgoing, Queue, Queues};
use crate::store::pipelines::PipelineStores;
use crate::store::{StoreError, was_made};

pub use crate::connectors::TestReport;
pub use dead_letters::{Letter, Letters, Of, category, is_dead, transactions};
pub use inbound::{Inbound, InboundError};
pub(super) use ledger::Ledger;
pub use registry::{Registry, Unacceptable};
pub use runner::Runner;
pub use scheduler::Scheduler;

/// A message comes before its run is recorded.
const HEAD_START: Duration = Duration::from_secs(1);

/// Whether an instance runs.
#[derive(Debug)]
pub struct Standing {
    /// Whether it does, or why not.
    pub status: EffectiveStatus,
    /// Its entity types, if it does.
    pub entity_types: Vec<String>,
}

impl Standing {
    const fn without(status: EffectiveStatus) -> Self {
        Self { status, entity_types: Vec::new() }
    }
}

/// Starts and cancels runs.
#[derive(Clone)]
pub struct Pipelines {
    pub(crate) stores: PipelineStores,
    pub(crate) queues: Queues,
    pub(crate) ports: Ports,
}

impl Pipelines {
    /// A new run's id. Ids sort by time.
    #[must_use]
    pub fn new_id(&self) -> String {
        format!("sync_{:012x}{}", self.ports.now().0, hex::encode(self.ports.bytes::<10>()))
    }

    /// Starts a run; `false` if there is one of that id already.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn start(&self, scope: &Scope, run: &Run) -> Result<bool, EngineError> {
        self.wake(scope, &run.id, HEAD_START).await?;
        Ok(was_made(self.stores.runs.create(scope, run).await)?)
    }

    async fn wake(&self, scope: &Scope, run: &str, delay: Duration) -> Result<(), EngineError> {
        let message = SyncMessage::Run { scope: scope.clone(), run: run.to_owned(), sent_at: self.ports.now() };
        Ok(self.queues.send(Queue::Sync, vec![Outgoing::json(&message, delay)?.of_group(&scope.to_string())]).await?)
    }

    /// Cancels a run that is not over; its worker stops after the batch it is at. `None` if there is no such run.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn cancel(&self, scope: &Scope, id: &str) -> Result<Option<Run>, EngineError> {
        loop {
            let Some(mut run) = self.stores.runs.get(scope, id).await? else { return Ok(None) };
            if run.status.is_over() {
                return Ok(Some(run));
            }
            run.end(Status::Cancelled, None, self.ports.now());
            match self.stores.runs.update(scope, &mut run).await {
                Ok(()) => {
                    self.restore(scope, &run).await?;
                    return Ok(Some(run));
                }
                // Its worker has written its progress.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether an instance runs, and with which entity types.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn standing(&self, scope: &Scope, instance: &Instance) -> Result<Standing, EngineError> {
        if !instance.active {
            return Ok(Standing::without(EffectiveStatus::Inactive));
        }
        for profile in [&instance.source_profile_id, &instance.target_profile_id] {
            let profile = self.stores.profiles.get(scope, profile).await?;
            if !profile.is_some_and(|profile| profile.body.enabled) {
                return Ok(Standing::without(EffectiveStatus::DependencyInactive));
            }
        }
        let types: Option<Vec<String>> = self.mapped(scope, instance).await?.into_iter().collect();
        Ok(match types {
            Some(entity_types) => Standing { status: EffectiveStatus::Active, entity_types },
            None => Standing::without(EffectiveStatus::DependencyInactive),
        })
    }

    /// The entity types of an instance whose mappings exist, whether it runs or not.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn entity_types(&self, scope: &Scope, instance: &Instance) -> Result<Vec<String>, EngineError> {
        Ok(self.mapped(scope, instance).await?.into_iter().flatten().collect())
    }

    /// The entity type of each mapping; none where there is no such mapping.
    async fn mapped(&self, scope: &Scope, instance: &Instance) -> Result<Vec<Option<String>>, EngineError> {
        let mut types = Vec::with_capacity(instance.mappings.len());
        for mapping in &instance.mappings {
            let mapping = self.stores.mappings.get(scope, &mapping.mapping_configuration_id).await?;
            types.push(mapping.map(|mapping| mapping.body.entity_type));
        }
        Ok(types)
    }

    /// Whose an instance is.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn owner(&self, instance: &str) -> Result<Option<Scope>, EngineError> {
        Ok(self.stores.directory.owner(instance).await?)
    }

    /// An instance.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn instance(&self, scope: &Scope, id: &str) -> Result<Option<Config<Instance>>, EngineError> {
        Ok(self.stores.instances.get(scope, id).await?)
    }
}
