//! `POST /v1/automations/run`: starts an automation.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sluice::domain::automation::{RunStatus, Workflow};
use sluice::engine::automation::Automations;

use super::parameters::job;
use crate::http::auth::{AutomationsRun, Needs};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};

/// An automation and its parameters.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"workflow": "replay_transactions", "parameters": {"status": "dead", "partner_id": "acme", "dry_run": true}}))]
pub(crate) struct StartRun {
    /// `resend_invoice`, `reprocess_shipment`, `regenerate_mdn` or `replay_transactions`.
    #[schema(example = "replay_transactions", max_length = 100)]
    workflow: String,
    /// What the workflow takes: see `GET /v1/automations`.
    #[serde(default)]
    parameters: Map<String, Value>,
}

/// A run that has been started.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct StartedRun {
    #[schema(pattern = "^run_[0-9a-f]{32}$")]
    run_id: String,
    status: RunStatus,
}

impl StartedRun {
    pub(crate) fn of(run: sluice::domain::automation::Run) -> (StatusCode, Json<Self>) {
        (StatusCode::ACCEPTED, Json(Self { run_id: run.id, status: run.status }))
    }
}

/// Run an automation
#[utoipa::path(
    post, path = "/v1/automations/run", operation_id = "automations.run", tag = "automations",
    request_body = StartRun,
    responses(
        (status = 202, description = "The run, queued", body = StartedRun),
        (status = 400, description = "`unknown_workflow`, `validation_failed`", body = ErrorBody),
    ),
    security(("oauth2" = ["automations:run"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn run(
    Needs { caller, .. }: Needs<AutomationsRun>,
    State(automations): State<Automations>,
    JsonBody(request): JsonBody<StartRun>,
) -> Result<(StatusCode, Json<StartedRun>), Problem> {
    let workflow = Workflow::named(&request.workflow).ok_or_else(unknown)?;
    let parameters = Value::Object(request.parameters);
    let job = job(workflow, parameters.clone())?;
    let run = automations.start(&caller.scope, workflow, parameters, job).await?;
    Ok(StartedRun::of(run))
}

fn unknown() -> Problem {
    let names = Workflow::ALL.map(Workflow::as_str).join(", ");
    Problem { code: "unknown_workflow", ..Problem::field("/workflow", format!("must be one of {names}")) }
}
