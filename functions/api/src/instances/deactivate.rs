//! `POST /v1/instances/{id}/deactivate`.

use axum::extract::State;
use sluice::domain::pipeline::instance::Instance;
use sluice::engine::pipelines::Pipelines;
use sluice::store::pipelines::Configs;

use super::{InstanceView, shown};
use crate::http::auth::{Needs, PipelinesWrite};
use crate::http::body::EmptyBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::pipelines::Tagged;

/// Deactivate an instance
///
/// Runs that are under way end.
#[utoipa::path(
    post, path = "/v1/instances/{id}/deactivate", operation_id = "instances.deactivate", tag = "instances",
    params(("id" = String, Path, description = "The instance")),
    responses(
        (status = 200, description = "The instance", body = InstanceView, headers(("ETag" = String, description = "Its entity tag"))),
        (status = 404, description = "There is no such instance", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn deactivate(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(pipelines): State<Pipelines>,
    State(configs): State<Configs<Instance>>,
    PathParams(id): PathParams<String>,
    EmptyBody: EmptyBody,
) -> Result<Tagged<InstanceView>, Problem> {
    let set = |instance: &mut Instance| std::mem::replace(&mut instance.active, false);
    let config = configs.change(&caller.scope, &id, set).await?.ok_or_else(Problem::not_found)?;
    shown(Tagged::of(config), &pipelines, &caller.scope).await
}
