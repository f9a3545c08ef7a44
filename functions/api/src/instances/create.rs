//! `POST /v1/instances`: makes an instance.

use axum::extract::State;
use sluice::domain::pipeline::instance::Instance;
use sluice::engine::pipelines::{Pipelines, Registry};
use sluice::store::pipelines::Configs;

use super::{InstanceView, shown};
use crate::http::auth::{Needs, PipelinesWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::pipelines::{Tagged, created};

/// Create an instance
///
/// At most 500 in each environment.
#[utoipa::path(
    post, path = "/v1/instances", operation_id = "instances.create", tag = "instances",
    request_body = Instance,
    responses(
        (status = 201, description = "The instance", body = InstanceView, headers(("Location" = String, description = "Its path"), ("ETag" = String, description = "Its entity tag"))),
        (status = 400, description = "`validation_failed`, `limit_exceeded`", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn create(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(registry): State<Registry>,
    State(pipelines): State<Pipelines>,
    State(configs): State<Configs<Instance>>,
    JsonBody(written): JsonBody<Instance>,
) -> Result<Tagged<InstanceView>, Problem> {
    let body = registry.instance(&caller.scope, written).await?;
    let draft = configs.draft(body);
    // A shop that calls must find it as soon as it is there.
    registry.announce(&caller.scope, &draft.id).await?;
    let config = created(configs.create(&caller.scope, draft).await)?;
    shown(Tagged::new(&caller, "instances", config), &pipelines, &caller.scope).await
}
