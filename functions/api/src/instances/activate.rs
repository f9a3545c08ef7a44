//! `POST /v1/instances/{id}/activate`.

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

/// Activate an instance
///
/// Its schedules and webhooks set off runs from now on.
#[utoipa::path(
    post, path = "/v1/instances/{id}/activate", operation_id = "instances.activate", tag = "instances",
    params(("id" = String, Path, description = "The instance")),
    responses(
        (status = 200, description = "The instance", body = InstanceView, headers(("ETag" = String, description = "Its entity tag"))),
        (status = 404, description = "There is no such instance", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn activate(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(pipelines): State<Pipelines>,
    State(configs): State<Configs<Instance>>,
    PathParams(id): PathParams<String>,
    EmptyBody: EmptyBody,
) -> Result<Tagged<InstanceView>, Problem> {
    let set = |instance: &mut Instance| !std::mem::replace(&mut instance.active, true);
    let config = configs.change(&caller.scope, &id, set).await?.ok_or_else(Problem::not_found)?;
    shown(Tagged::of(config), &pipelines, &caller.scope).await
}
