//! `POST /v1/schedules`: makes a schedule.

use axum::extract::State;
use sluice::domain::pipeline::schedule::Schedule;
use sluice::engine::pipelines::{Registry, Scheduler};
use sluice::store::pipelines::Configs;

use super::ScheduleView;
use crate::http::auth::{Needs, PipelinesWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::pipelines::{Tagged, created};

/// Create a schedule
///
/// A five-field cron expression; `@daily` and the like are refused, and so are expressions that never come. Day of month
/// and day of week, both given, are a union. At most 500 in each environment.
#[utoipa::path(
    post, path = "/v1/schedules", operation_id = "schedules.create", tag = "schedules",
    request_body = Schedule,
    responses(
        (status = 201, description = "The schedule", body = ScheduleView, headers(("Location" = String, description = "Its path"), ("ETag" = String, description = "Its entity tag"))),
        (status = 400, description = "`validation_failed`, `limit_exceeded`", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn create(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(registry): State<Registry>,
    State(scheduler): State<Scheduler>,
    State(configs): State<Configs<Schedule>>,
    JsonBody(written): JsonBody<Schedule>,
) -> Result<Tagged<ScheduleView>, Problem> {
    let body = registry.schedule(&caller.scope, written).await?;
    let draft = configs.draft(body);
    // A schedule that is written is due; a due time without its schedule is forgotten.
    let due = scheduler.arm(&caller.scope, &draft).await?;
    let config = created(configs.create(&caller.scope, draft).await)?;
    Ok(Tagged::<ScheduleView>::new(&caller, "schedules", config).map(|view| view.timed(Some(due))))
}
