//! `PUT /v1/schedules/{id}`: replaces a schedule.

use axum::extract::State;
use http::HeaderMap;
use sluice::domain::pipeline::schedule::Schedule;
use sluice::engine::pipelines::{Registry, Scheduler};
use sluice::store::pipelines::Configs;

use super::ScheduleView;
use crate::http::auth::{Needs, PipelinesWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::pipelines::{Tagged, matching, written as check};

/// Replace a schedule
#[utoipa::path(
    put, path = "/v1/schedules/{id}", operation_id = "schedules.update", tag = "schedules",
    params(("id" = String, Path, description = "The schedule"), ("If-Match" = String, Header, description = "The entity tag that was read")),
    request_body = Schedule,
    responses(
        (status = 200, description = "The schedule", body = ScheduleView, headers(("ETag" = String, description = "Its entity tag"))),
        (status = 400, description = "`validation_failed`", body = ErrorBody),
        (status = 404, description = "There is no such schedule", body = ErrorBody),
        (status = 412, description = "`precondition_failed`: it was changed since", body = ErrorBody),
        (status = 428, description = "`precondition_required`: no `If-Match`", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn update(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(registry): State<Registry>,
    State(scheduler): State<Scheduler>,
    State(configs): State<Configs<Schedule>>,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
    JsonBody(written): JsonBody<Schedule>,
) -> Result<Tagged<ScheduleView>, Problem> {
    let mut config = matching(&configs, &caller.scope, &id, &headers).await?;
    config.body = registry.schedule(&caller.scope, written).await?;
    check(configs.update(&caller.scope, &mut config).await)?;
    let due = scheduler.arm(&caller.scope, &config).await?;
    Ok(Tagged::<ScheduleView>::of(config).map(|view| view.timed(Some(due))))
}
