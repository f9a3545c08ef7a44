//! Automations: work over many transactions, carried out in the background.

pub(crate) mod cancel;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod parameters;
pub(crate) mod run;

use serde::Serialize;
use serde_json::Value;
use sluice::domain::automation::{Job, Progress, Run, RunStatus, Workflow};
use sluice::domain::time::Millis;

/// A run of an automation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AutomationRun)]
pub(crate) struct RunView {
    #[schema(pattern = "^run_[0-9a-f]{32}$")]
    run_id: String,
    workflow: Workflow,
    /// As they were given.
    #[schema(value_type = Object)]
    parameters: Value,
    status: RunStatus,
    progress: Progress,
    /// Its result, once it has succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<RunResult>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    created_at: Millis,
    updated_at: Millis,
}

/// The result of a run.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RunResult {
    /// How many transactions there are, of a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    count: Option<u64>,
    /// How many are being sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    resent: Option<u64>,
    /// How many cannot be sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    skipped: Option<u64>,
}

impl From<Run> for RunView {
    fn from(run: Run) -> Self {
        let Progress { processed, resent, skipped } = run.progress;
        let result = match run.job {
            _ if run.status != RunStatus::Succeeded => None,
            Job::Replay { dry_run: true, .. } => {
                Some(RunResult { count: Some(processed), resent: None, skipped: None })
            }
            _ => Some(RunResult { count: None, resent: Some(resent), skipped: Some(skipped) }),
        };
        Self {
            run_id: run.id,
            workflow: run.workflow,
            parameters: run.parameters,
            status: run.status,
            progress: run.progress,
            result,
            error: run.error,
            created_at: run.created_at,
            updated_at: run.updated_at,
        }
    }
}
