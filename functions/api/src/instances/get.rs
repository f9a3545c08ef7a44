//! `GET /v1/instances/{id}`: one instance.

use axum::extract::State;
use sluice::domain::pipeline::instance::Instance;
use sluice::engine::pipelines::Pipelines;
use sluice::store::pipelines::Configs;

use super::{InstanceView, shown};
use crate::http::auth::{Needs, PipelinesRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::pipelines::{Tagged, find};

/// Get an instance
#[utoipa::path(
    get, path = "/v1/instances/{id}", operation_id = "instances.get", tag = "instances",
    params(("id" = String, Path, description = "The instance")),
    responses(
        (status = 200, description = "The instance", body = InstanceView, headers(("ETag" = String, description = "Its entity tag"))),
        (status = 404, description = "There is no such instance", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn get(
    Needs { caller, .. }: Needs<PipelinesRead>,
    State(pipelines): State<Pipelines>,
    State(configs): State<Configs<Instance>>,
    PathParams(id): PathParams<String>,
) -> Result<Tagged<InstanceView>, Problem> {
    shown(Tagged::of(find(&configs, &caller.scope, &id).await?), &pipelines, &caller.scope).await
}
