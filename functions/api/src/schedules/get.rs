//! `GET /v1/schedules/{id}`: one schedule, with its last and its next run.

use axum::extract::State;
use sluice::domain::pipeline::schedule::Schedule;
use sluice::store::pipelines::{Configs, Dues};

use super::ScheduleView;
use crate::http::auth::{Needs, PipelinesRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::pipelines::{Tagged, find};

/// Get a schedule
#[utoipa::path(
    get, path = "/v1/schedules/{id}", operation_id = "schedules.get", tag = "schedules",
    params(("id" = String, Path, description = "The schedule")),
    responses(
        (status = 200, description = "The schedule", body = ScheduleView, headers(("ETag" = String, description = "Its entity tag"))),
        (status = 404, description = "There is no such schedule", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn get(
    Needs { caller, .. }: Needs<PipelinesRead>,
    State(dues): State<Dues>,
    State(configs): State<Configs<Schedule>>,
    PathParams(id): PathParams<String>,
) -> Result<Tagged<ScheduleView>, Problem> {
    let config = find(&configs, &caller.scope, &id).await?;
    let due = dues.get(&caller.scope, &id).await?;
    Ok(Tagged::<ScheduleView>::of(config).map(|view| view.timed(due)))
}
