//! `GET /v1/schedules`: the schedules, in the order in which they were made.

use axum::Json;
use axum::extract::State;
use futures::future::try_join_all;
use sluice::domain::pipeline::schedule::Schedule;
use sluice::store::pipelines::{Configs, Dues};

use super::ScheduleView;
use crate::http::auth::{Needs, PipelinesRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::Params;
use crate::pipelines::{PageNumber, Paged};

/// List schedules
#[utoipa::path(
    get, path = "/v1/schedules", operation_id = "schedules.list", tag = "schedules",
    params(PageNumber),
    responses(
        (status = 200, description = "A page", body = Paged<ScheduleView>),
        (status = 400, description = "A bad parameter", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<PipelinesRead>,
    State(dues): State<Dues>,
    State(configs): State<Configs<Schedule>>,
    Params(page): Params<PageNumber>,
) -> Result<Json<Paged<ScheduleView>>, Problem> {
    let place = page.place()?;
    let all = configs.list(&caller.scope).await?;
    let total = all.len();
    let some = all.into_iter().skip(place.0.saturating_mul(place.1)).take(place.1);
    let views = some.map(|config| async {
        let due = dues.get(&caller.scope, &config.id).await?;
        Ok::<_, Problem>(ScheduleView::from(config).timed(due))
    });
    Ok(Paged::new(try_join_all(views).await?, place, total))
}
