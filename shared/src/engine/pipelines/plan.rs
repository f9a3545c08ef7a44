//! What a run needs: its instance, its mapping, its source and its target.

use std::sync::Arc;

use super::EngineError;
use crate::connectors::{ConnectorError, Connectors, Source, SourceSpec, Target, TargetSpec};
use crate::deadline::Deadline;
use crate::domain::mapping::Mapping;
use crate::domain::pipeline::config::Config;
use crate::domain::pipeline::instance::{Entity, Instance, MAX_BATCH};
use crate::domain::pipeline::profile::StoredProfile;
use crate::domain::pipeline::run::{Job, Run};
use crate::domain::pipeline::specification::MappingConfiguration;
use crate::domain::scope::Scope;
use crate::store::pipelines::{Compiled, PipelineStores};

/// Calls that a run makes at once, at most.
const PARALLEL: u32 = 4;

/// What a run needs.
pub(super) struct Plan {
    pub(super) instance: Instance,
    pub(super) mapping: Arc<Mapping>,
    /// Only for runs that read one.
    pub(super) source: Option<Box<dyn Source>>,
    /// Only for runs that write to one.
    pub(super) target: Option<Box<dyn Target>>,
    pub(super) batch_size: usize,
    /// The fewest records that are written before progress is recorded.
    pub(super) least: usize,
    /// When this call ends.
    pub(super) deadline: Deadline,
}

/// The parts of a plan that are stored.
pub(super) struct Parts {
    pub(super) instance: Config<Instance>,
    pub(super) entity: Entity,
    pub(super) mapping: Arc<Compiled<MappingConfiguration>>,
    pub(super) source: Config<StoredProfile>,
    pub(super) target: Config<StoredProfile>,
}

/// Calls that a run would make at once at a profile.
pub(super) struct Wanted {
    pub(super) profile: String,
    pub(super) most: u32,
    pub(super) holder: String,
    pub(super) calls: u32,
}

/// Why a run cannot go on.
pub(super) enum Obstacle {
    /// Something about its configuration.
    Configuration(String),
    /// Our own side.
    Engine(EngineError),
}

impl<E: Into<EngineError>> From<E> for Obstacle {
    fn from(error: E) -> Self {
        Self::Engine(error.into())
    }
}

fn missing(what: &str, id: &str) -> Obstacle {
    Obstacle::Configuration(format!("The {what} {id} does not exist."))
}

impl Parts {
    pub(super) async fn load(stores: &PipelineStores, scope: &Scope, run: &Run) -> Result<Self, Obstacle> {
        let instance = stores.instances.get(scope, &run.instance).await?;
        let instance = instance.ok_or_else(|| missing("instance", &run.instance))?;
        if !instance.body.active {
            return Err(Obstacle::Configuration("The instance is not active.".to_owned()));
        }
        let (entity, mapping) = Self::mapping(stores, scope, &instance.body, &run.entity_type).await?;
        let profile = async |id: &str| {
            let profile = stores.profiles.get(scope, id).await?.ok_or_else(|| missing("connection profile", id))?;
            if profile.body.enabled {
                return Ok(profile);
            }
            Err(Obstacle::Configuration(format!("The connection profile {id} is disabled.")))
        };
        let source = profile(&instance.body.source_profile_id).await?;
        let target = profile(&instance.body.target_profile_id).await?;
        Ok(Self { instance, entity, mapping, source, target })
    }

    async fn mapping(
        stores: &PipelineStores,
        scope: &Scope,
        instance: &Instance,
        entity_type: &str,
    ) -> Result<(Entity, Arc<Compiled<MappingConfiguration>>), Obstacle> {
        for entity in &instance.mappings {
            let mapping = stores.mappings.compiled(scope, &entity.mapping_configuration_id).await?;
            if let Some(mapping) = mapping.filter(|mapping| mapping.config.body.entity_type == entity_type) {
                return Ok((entity.clone(), mapping));
            }
        }
        Err(Obstacle::Configuration(format!("The instance has no mapping of the entity type {entity_type}.")))
    }

    /// The calls that a run may have under way at its source and at its target.
    pub(super) fn wanted(&self, run: &Run) -> Vec<Wanted> {
        let wanted = |profile: &Config<StoredProfile>, what: &str, calls| Wanted {
            profile: profile.id.clone(),
            most: profile.body.max_concurrent,
            holder: format!("{}#{what}", run.id),
            calls,
        };
        let source = matches!(run.job, Job::Sync { .. }).then(|| wanted(&self.source, "source", 1));
        source.into_iter().chain([wanted(&self.target, "target", PARALLEL)]).collect()
    }

    pub(super) fn plan(
        self,
        connectors: &Connectors,
        scope: &Scope,
        run: &Run,
        (parallel, deadline): (u32, Deadline),
    ) -> Result<Plan, Obstacle> {
        let Self { instance: Config { body: instance, .. }, entity, mapping, source, target } = self;
        let Some(mapping) = mapping.compiled.as_ref().clone() else {
            return Err(Obstacle::Configuration("The mapping cannot be compiled any more.".to_owned()));
        };
        let refused = |error: ConnectorError| Obstacle::Configuration(error.to_string());
        let source = match run.job {
            Job::Sync { .. } => {
                let spec = SourceSpec::of(scope, &mapping);
                Some(connectors.source(&source.body.connection, &spec).map_err(refused)?)
            }
            Job::Inbound { .. } | Job::Replay { .. } => None,
        };
        let target = if run.dry_run {
            None
        } else {
            let spec = TargetSpec {
                scope,
                pipeline: &format!("{}/{}", run.instance, run.entity_type),
                run: &run.id,
                columns: &mapping.columns(),
                load: &entity.load,
                concurrency: parallel as usize,
            };
            Some(connectors.target(&target.body.connection, &spec).map_err(refused)?)
        };
        let own = target.as_ref().map_or(0, |target| target.batch_size()).min(MAX_BATCH as usize);
        let batch_size = run.batch_size.map_or(own.max(instance.batch_size as usize), |size| size as usize);
        // A file is written whole.
        let divides = target.as_ref().is_none_or(|target| target.divides());
        let least = if divides { 2 * parallel as usize } else { usize::MAX };
        Ok(Plan { instance, mapping, source, target, batch_size, least, deadline })
    }
}
