//! Sync events: runs, as they are asked for and followed.

pub(crate) mod cancel;
pub(crate) mod create;
pub(crate) mod get;

use serde::Serialize;
use serde_json::value::RawValue;
use sluice::domain::pipeline::run::{Counts, RecordError, Run, Status, Trigger};
use sluice::domain::pipeline::stage::Stage;
use sluice::domain::time::Millis;

/// A run.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SyncRun {
    /// The run's id.
    correlation_id: String,
    instance_id: String,
    entity_type: String,
    trigger: Trigger,
    /// The schedule that set it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule_id: Option<String>,
    status: Status,
    /// Why it failed or was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The stage that it is at, or ended at.
    stage: Stage,
    dry_run: bool,
    counts: Counts,
    /// The first errors, at most 20; each is also a dead letter.
    errors: Vec<RecordError>,
    /// What a dry run would have written: the first records, at most 10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    samples: Vec<Box<RawValue>>,
    created_at: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Millis>,
}

impl From<Run> for SyncRun {
    fn from(run: Run) -> Self {
        Self {
            correlation_id: run.id,
            instance_id: run.instance,
            entity_type: run.entity_type,
            trigger: run.trigger,
            schedule_id: run.schedule,
            status: run.status,
            reason: run.reason,
            stage: run.stage,
            dry_run: run.dry_run,
            counts: run.counts,
            errors: run.errors,
            samples: run.samples.into_iter().filter_map(|sample| RawValue::from_string(sample).ok()).collect(),
            created_at: run.created_at,
            started_at: run.started_at,
            ended_at: run.ended_at,
        }
    }
}

/// A run that was accepted.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AcceptedRun {
    /// The run's id: `GET /v1/sync-events/{correlationId}`.
    pub(crate) correlation_id: String,
}
