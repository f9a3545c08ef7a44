//! `POST /v1/connection-profiles/{id}/test`: calls a profile's system.

use axum::Json;
use axum::extract::State;
use sluice::domain::pipeline::profile::StoredProfile;
use sluice::engine::pipelines::Registry;
use sluice::store::pipelines::Configs;

use super::test::TestResult;
use crate::http::auth::{Needs, PipelinesWrite};
use crate::http::body::EmptyBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::pipelines::find;

/// Test a connection profile
///
/// Calls the system, within 10 seconds.
#[utoipa::path(
    post, path = "/v1/connection-profiles/{id}/test", operation_id = "connection_profiles.test_saved", tag = "connection_profiles",
    params(("id" = String, Path, description = "The connection profile")),
    responses(
        (status = 200, description = "What the test came to", body = TestResult),
        (status = 404, description = "There is no such connection profile", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn test_saved(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(registry): State<Registry>,
    State(configs): State<Configs<StoredProfile>>,
    PathParams(id): PathParams<String>,
    EmptyBody: EmptyBody,
) -> Result<Json<TestResult>, Problem> {
    let config = find(&configs, &caller.scope, &id).await?;
    Ok(Json(registry.test(&caller.scope, &config.body).await?.into()))
}
