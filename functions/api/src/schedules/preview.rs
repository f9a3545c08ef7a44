//! `GET /v1/schedules/preview`: when an expression is due.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sluice::domain::pipeline::cron::Cron;
use sluice::domain::pipeline::zone::ZoneName;
use sluice::domain::time::Millis;
use sluice::ports::Ports;

use crate::http::auth::{Needs, PipelinesRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::Params;

const MAX_COUNT: u32 = 100;

/// Which expression.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Expression {
    /// Minute, hour, day of month, month, day of week.
    #[param(max_length = 200)]
    cron: String,
    /// A canonical IANA name; default UTC.
    #[param(max_length = 64)]
    time_zone: Option<String>,
    /// How many times: 1 to 100, default 10.
    #[param(minimum = 1, maximum = 100)]
    count: Option<u32>,
    /// After this time; default now.
    after: Option<Millis>,
}

/// When an expression is due.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct DueTimes {
    /// The next times.
    runs: Vec<Millis>,
}

/// Preview a schedule
#[utoipa::path(
    get, path = "/v1/schedules/preview", operation_id = "schedules.preview", tag = "schedules",
    params(Expression),
    responses(
        (status = 200, description = "The next times", body = DueTimes),
        (status = 400, description = "`validation_failed`", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn preview(
    _: Needs<PipelinesRead>,
    State(ports): State<Ports>,
    Params(asked): Params<Expression>,
) -> Result<Json<DueTimes>, Problem> {
    let count = asked.count.unwrap_or(10);
    if !(1..=MAX_COUNT).contains(&count) {
        return Err(Problem::field("?count", format!("must be 1 to {MAX_COUNT}")));
    }
    let cron = Cron::parse(&asked.cron).map_err(|error| Problem::field("?cron", error.to_string()))?;
    let zone = asked.time_zone.as_deref().unwrap_or("UTC");
    let zone = ZoneName::parse(zone).map_err(|error| Problem::field("?timeZone", error.to_string()))?;
    let first = asked.after.unwrap_or_else(|| ports.now());
    let runs = std::iter::successors(cron.next(&zone, first), |last| cron.next(&zone, *last));
    Ok(Json(DueTimes { runs: runs.take(count as usize).collect() }))
}
