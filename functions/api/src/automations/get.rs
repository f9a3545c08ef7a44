//! `GET /v1/automations/runs/{id}`: a run, its progress and its result.

use axum::Json;
use axum::extract::State;
use sluice::engine::automation::Automations;

use super::RunView;
use crate::http::auth::{AutomationsRun, Needs};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Get a run of an automation
#[utoipa::path(
    get, path = "/v1/automations/runs/{id}", operation_id = "automations.get", tag = "automations",
    params(("id" = String, Path, description = "The run")),
    responses(
        (status = 200, description = "The run", body = RunView),
        (status = 404, description = "There is no such run", body = ErrorBody),
    ),
    security(("oauth2" = ["automations:run"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn get(
    Needs { caller, .. }: Needs<AutomationsRun>,
    State(automations): State<Automations>,
    PathParams(id): PathParams<String>,
) -> Result<Json<RunView>, Problem> {
    let run = automations.get(&caller.scope, &id).await?;
    run.map(|run| Json(run.into())).ok_or_else(Problem::not_found)
}
