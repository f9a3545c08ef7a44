//! `POST /v1/automations/runs/{id}/cancel`: stops a run; what it has done stays done.

use axum::Json;
use axum::extract::State;
use sluice::engine::automation::Automations;

use super::RunView;
use crate::http::auth::{AutomationsRun, Needs};
use crate::http::body::EmptyBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Cancel a run of an automation
#[utoipa::path(
    post, path = "/v1/automations/runs/{id}/cancel", operation_id = "automations.cancel", tag = "automations",
    params(("id" = String, Path, description = "The run")),
    responses(
        (status = 200, description = "The run; one that was over is as it was", body = RunView),
        (status = 404, description = "There is no such run", body = ErrorBody),
    ),
    security(("oauth2" = ["automations:run"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn cancel(
    Needs { caller, .. }: Needs<AutomationsRun>,
    State(automations): State<Automations>,
    PathParams(id): PathParams<String>,
    EmptyBody: EmptyBody,
) -> Result<Json<RunView>, Problem> {
    let run = automations.cancel(&caller.scope, &id).await?;
    run.map(|run| Json(run.into())).ok_or_else(Problem::not_found)
}
