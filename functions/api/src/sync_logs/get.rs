//! `GET /v1/sync-logs/{id}`: one run of the history.

use axum::Json;
use axum::extract::State;
use sluice::store::pipelines::SyncRuns;

use crate::http::auth::{Needs, PipelinesRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::sync_events::SyncRun;

/// Get a run of the history
#[utoipa::path(
    get, path = "/v1/sync-logs/{id}", operation_id = "sync_logs.get", tag = "sync_logs",
    params(("id" = String, Path, description = "The run: its correlation id")),
    responses(
        (status = 200, description = "The run, with its first errors", body = SyncRun),
        (status = 404, description = "There is no such run", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn get(
    Needs { caller, .. }: Needs<PipelinesRead>,
    State(runs): State<SyncRuns>,
    PathParams(id): PathParams<String>,
) -> Result<Json<SyncRun>, Problem> {
    let run = runs.get(&caller.scope, &id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(run.into()))
}
