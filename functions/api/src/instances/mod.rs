//! Instances: a source, a target, and the mappings between them.

pub(crate) mod activate;
pub(crate) mod create;
pub(crate) mod deactivate;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod update;

use serde::Serialize;
use sluice::domain::pipeline::config::Config;
use sluice::domain::pipeline::instance::{EffectiveStatus, Instance};
use sluice::domain::scope::Scope;
use sluice::domain::time::Millis;
use sluice::engine::pipelines::Pipelines;

use crate::http::problem::Problem;
use crate::pipelines::Tagged;

/// An instance, and whether it runs.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PipelineInstance)]
pub(crate) struct InstanceView {
    #[schema(pattern = "^ins_[0-9a-f]{32}$")]
    id: String,
    #[serde(flatten)]
    instance: Instance,
    effective_status: EffectiveStatus,
    created_at: Millis,
    updated_at: Millis,
}

impl From<Config<Instance>> for InstanceView {
    fn from(config: Config<Instance>) -> Self {
        let Config { id, body: instance, created_at, updated_at, .. } = config;
        Self { id, instance, effective_status: EffectiveStatus::Inactive, created_at, updated_at }
    }
}

impl InstanceView {
    /// The same with its effective status.
    async fn judged(self, pipelines: &Pipelines, scope: &Scope) -> Result<Self, Problem> {
        let effective_status = pipelines.standing(scope, &self.instance).await?.status;
        Ok(Self { effective_status, ..self })
    }
}

/// An instance with its effective status.
async fn shown(
    tagged: Tagged<InstanceView>,
    pipelines: &Pipelines,
    scope: &Scope,
) -> Result<Tagged<InstanceView>, Problem> {
    tagged.try_map(async |view| view.judged(pipelines, scope).await).await
}
