//! `GET /v1/sync-events/{correlationId}`: how a run is doing.

use axum::Json;
use axum::extract::State;
use sluice::store::pipelines::SyncRuns;

use super::SyncRun;
use crate::http::auth::{Needs, PipelinesRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Get a run
#[utoipa::path(
    get, path = "/v1/sync-events/{correlationId}", operation_id = "sync_events.get", tag = "sync_events",
    params(("correlationId" = String, Path, description = "The run")),
    responses(
        (status = 200, description = "The run", body = SyncRun),
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
