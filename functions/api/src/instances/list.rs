//! `GET /v1/instances`: the instances, in the order in which they were made.

use axum::Json;
use axum::extract::State;
use futures::future::try_join_all;
use sluice::domain::pipeline::instance::Instance;
use sluice::engine::pipelines::Pipelines;
use sluice::store::pipelines::Configs;

use super::InstanceView;
use crate::http::auth::{Needs, PipelinesRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::Params;
use crate::pipelines::{PageNumber, Paged};

/// List instances
#[utoipa::path(
    get, path = "/v1/instances", operation_id = "instances.list", tag = "instances",
    params(PageNumber),
    responses(
        (status = 200, description = "A page", body = Paged<InstanceView>),
        (status = 400, description = "A bad parameter", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<PipelinesRead>,
    State(pipelines): State<Pipelines>,
    State(configs): State<Configs<Instance>>,
    Params(page): Params<PageNumber>,
) -> Result<Json<Paged<InstanceView>>, Problem> {
    let place = page.place()?;
    let all = configs.list(&caller.scope).await?;
    let total = all.len();
    let some = all.into_iter().skip(place.0.saturating_mul(place.1)).take(place.1);
    let views = some.map(|config| InstanceView::from(config).judged(&pipelines, &caller.scope));
    Ok(Paged::new(try_join_all(views).await?, place, total))
}
