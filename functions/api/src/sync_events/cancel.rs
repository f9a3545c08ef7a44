//! `POST /v1/sync-events/{correlationId}/cancel`: ends a run after the batch that it is at.

use axum::Json;
use axum::extract::State;
use sluice::engine::pipelines::Pipelines;

use super::SyncRun;
use crate::http::auth::{Needs, PipelinesWrite};
use crate::http::body::EmptyBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Cancel a run
///
/// It ends after the batch that it is at. The cursor does not move. A run that is over stays as it is.
#[utoipa::path(
    post, path = "/v1/sync-events/{correlationId}/cancel", operation_id = "sync_events.cancel", tag = "sync_events",
    params(("correlationId" = String, Path, description = "The run")),
    responses(
        (status = 200, description = "The run", body = SyncRun),
        (status = 404, description = "There is no such run", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn cancel(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(pipelines): State<Pipelines>,
    PathParams(id): PathParams<String>,
    EmptyBody: EmptyBody,
) -> Result<Json<SyncRun>, Problem> {
    let run = pipelines.cancel(&caller.scope, &id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(run.into()))
}
