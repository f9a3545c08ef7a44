//! `PUT /v1/instances/{id}`: replaces an instance.

use axum::extract::State;
use http::HeaderMap;
use sluice::domain::pipeline::instance::Instance;
use sluice::engine::pipelines::{Pipelines, Registry};
use sluice::store::pipelines::Configs;

use super::{InstanceView, shown};
use crate::http::auth::{Needs, PipelinesWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::pipelines::{Tagged, matching, written as check};

/// Replace an instance
#[utoipa::path(
    put, path = "/v1/instances/{id}", operation_id = "instances.update", tag = "instances",
    params(("id" = String, Path, description = "The instance"), ("If-Match" = String, Header, description = "The entity tag that was read")),
    request_body = Instance,
    responses(
        (status = 200, description = "The instance", body = InstanceView, headers(("ETag" = String, description = "Its entity tag"))),
        (status = 400, description = "`validation_failed`", body = ErrorBody),
        (status = 404, description = "There is no such instance", body = ErrorBody),
        (status = 412, description = "`precondition_failed`: it was changed since", body = ErrorBody),
        (status = 428, description = "`precondition_required`: no `If-Match`", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn update(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(registry): State<Registry>,
    State(pipelines): State<Pipelines>,
    State(configs): State<Configs<Instance>>,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
    JsonBody(written): JsonBody<Instance>,
) -> Result<Tagged<InstanceView>, Problem> {
    let mut config = matching(&configs, &caller.scope, &id, &headers).await?;
    config.body = registry.instance(&caller.scope, written).await?;
    check(configs.update(&caller.scope, &mut config).await)?;
    shown(Tagged::of(config), &pipelines, &caller.scope).await
}
