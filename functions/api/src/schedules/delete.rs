//! `DELETE /v1/schedules/{id}`: deletes a schedule.

use axum::extract::State;
use http::{HeaderMap, StatusCode};
use sluice::domain::pipeline::schedule::Schedule;
use sluice::store::pipelines::{Configs, Dues};

use crate::http::auth::{Needs, PipelinesWrite};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::pipelines::{matching, written};

/// Delete a schedule
#[utoipa::path(
    delete, path = "/v1/schedules/{id}", operation_id = "schedules.delete", tag = "schedules",
    params(("id" = String, Path, description = "The schedule"), ("If-Match" = String, Header, description = "The entity tag that was read")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such schedule", body = ErrorBody),
        (status = 412, description = "`precondition_failed`: it was changed since", body = ErrorBody),
        (status = 428, description = "`precondition_required`: no `If-Match`", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn delete(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(dues): State<Dues>,
    State(configs): State<Configs<Schedule>>,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let config = matching(&configs, &caller.scope, &id, &headers).await?;
    written(configs.delete(&caller.scope, &config).await)?;
    dues.forget(&caller.scope, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
