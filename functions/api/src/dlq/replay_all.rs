//! `POST /v1/dlq/replay`: sends dead letters again, by a filter.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice::domain::automation::{Job, Workflow};
use sluice::domain::pipeline::dead_letter::{Category, LetterFilter};
use sluice::domain::pipeline::run::{Job as SyncJob, Run};
use sluice::domain::time::Millis;
use sluice::engine::automation::Automations;
use sluice::engine::pipelines::{Letters, Of, transactions};

use super::Kind;
use crate::http::auth::{Needs, PipelinesWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};

/// Which dead letters are sent again: those that are pending.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"category": "transient", "dryRun": true}))]
pub(crate) struct ReplayAll {
    /// Records, the default, or deliveries.
    kind: Option<Kind>,
    /// Only of this category; not for deliveries.
    category: Option<Category>,
    /// Only of this instance; not for deliveries.
    #[schema(max_length = 256)]
    instance_id: Option<String>,
    /// Only of this entity type; not for deliveries.
    #[schema(max_length = 256)]
    entity_type: Option<String>,
    /// That failed at this time or later.
    from: Option<Millis>,
    /// That failed before.
    to: Option<Millis>,
    /// Only count them.
    #[serde(default)]
    dry_run: bool,
}

/// The runs that send them.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplayedAll {
    /// How many there are in all.
    #[schema(minimum = 0, maximum = 10_000)]
    count: u64,
    /// One for each instance and entity type; of deliveries, one automation. None in a dry run.
    runs: Vec<ReplayRun>,
}

/// A run that sends dead letters.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplayRun {
    /// Of records: `GET /v1/sync-events/{correlationId}`. Of deliveries: `GET /v1/automations/runs/{run_id}`.
    correlation_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_type: Option<String>,
    #[schema(minimum = 0, maximum = 10_000)]
    count: u64,
}

/// Replay dead letters
///
/// Counts those that a filter asks for, and starts the runs that send them. A run can be cancelled.
#[utoipa::path(
    post, path = "/v1/dlq/replay", operation_id = "dlq.replay_all", tag = "dlq",
    request_body = ReplayAll,
    responses(
        (status = 202, description = "Accepted", body = ReplayedAll),
        (status = 400, description = "`validation_failed`", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn replay_all(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(letters): State<Letters>,
    State(automations): State<Automations>,
    JsonBody(asked): JsonBody<ReplayAll>,
) -> Result<(StatusCode, Json<ReplayedAll>), Problem> {
    let ReplayAll { kind, category, instance_id: instance, entity_type, from, to, dry_run } = asked;
    let filter = LetterFilter { instance, entity_type, status: None, category, from, to };
    if kind != Some(Kind::Delivery) {
        let runs = letters.replay_some(&caller.scope, &filter, dry_run).await?;
        let runs: Vec<ReplayRun> = runs.into_iter().map(ReplayRun::from).collect();
        let count = runs.iter().map(|run| run.count).sum();
        let runs = if dry_run { Vec::new() } else { runs };
        return Ok((StatusCode::ACCEPTED, Json(ReplayedAll { count, runs })));
    }
    if category.is_some() || filter.instance.is_some() || filter.entity_type.is_some() {
        return Err(Problem::field("/kind", "deliveries are chosen by time alone"));
    }
    let count = letters.page(&caller.scope, &filter, Of::Deliveries, (0, 1)).await?.total as u64;
    let mut runs = Vec::new();
    if !dry_run {
        let job = Job::Replay { filter: transactions(&filter), dry_run: false };
        let parameters = json!({"from": from, "to": to});
        let run = automations.start(&caller.scope, Workflow::ReplayTransactions, parameters, job).await?;
        runs.push(ReplayRun { correlation_id: run.id, instance_id: None, entity_type: None, count });
    }
    Ok((StatusCode::ACCEPTED, Json(ReplayedAll { count, runs })))
}

impl From<Run> for ReplayRun {
    fn from(run: Run) -> Self {
        let count = if let SyncJob::Replay { count, .. } = run.job { count } else { 0 };
        Self { correlation_id: run.id, instance_id: Some(run.instance), entity_type: Some(run.entity_type), count }
    }
}
