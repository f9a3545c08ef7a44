//! `DELETE /v1/connection-profiles/{id}`: deletes a connection profile.

use axum::extract::State;
use http::{HeaderMap, StatusCode};
use sluice::domain::pipeline::profile::StoredProfile;
use sluice::engine::pipelines::Registry;
use sluice::store::pipelines::Configs;

use crate::http::auth::{Needs, PipelinesWrite};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::pipelines::{in_use, matching, written};

/// Delete a connection profile
#[utoipa::path(
    delete, path = "/v1/connection-profiles/{id}", operation_id = "connection_profiles.delete", tag = "connection_profiles",
    params(("id" = String, Path, description = "The connection profile"), ("If-Match" = String, Header, description = "The entity tag that was read")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such connection profile", body = ErrorBody),
        (status = 409, description = "`in_use`: instances need it", body = ErrorBody),
        (status = 412, description = "`precondition_failed`: it was changed since", body = ErrorBody),
        (status = 428, description = "`precondition_required`: no `If-Match`", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn delete(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(registry): State<Registry>,
    State(configs): State<Configs<StoredProfile>>,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let config = matching(&configs, &caller.scope, &id, &headers).await?;
    in_use(&registry.users(&caller.scope, &id).await?)?;
    written(configs.delete(&caller.scope, &config).await)?;
    Ok(StatusCode::NO_CONTENT)
}
