//! `PUT /v1/connection-profiles/{id}`: replaces a connection profile.

use axum::extract::State;
use http::HeaderMap;
use sluice::domain::pipeline::profile::{StoredProfile, WrittenProfile};
use sluice::engine::pipelines::Registry;
use sluice::store::pipelines::Configs;

use super::ConnectionProfile;
use crate::http::auth::{Needs, PipelinesWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::pipelines::{Tagged, matching, written as check};

/// Replace a connection profile
#[utoipa::path(
    put, path = "/v1/connection-profiles/{id}", operation_id = "connection_profiles.update", tag = "connection_profiles",
    params(("id" = String, Path, description = "The connection profile"), ("If-Match" = String, Header, description = "The entity tag that was read")),
    request_body = WrittenProfile,
    responses(
        (status = 200, description = "The connection profile", body = ConnectionProfile, headers(("ETag" = String, description = "Its entity tag"))),
        (status = 400, description = "`validation_failed`", body = ErrorBody),
        (status = 404, description = "There is no such connection profile", body = ErrorBody),
        (status = 412, description = "`precondition_failed`: it was changed since", body = ErrorBody),
        (status = 428, description = "`precondition_required`: no `If-Match`", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn update(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(registry): State<Registry>,
    State(configs): State<Configs<StoredProfile>>,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
    JsonBody(written): JsonBody<WrittenProfile>,
) -> Result<Tagged<ConnectionProfile>, Problem> {
    let mut config = matching(&configs, &caller.scope, &id, &headers).await?;
    config.body = registry.profile(&caller.scope, written, Some(&config.body)).await?;
    check(configs.update(&caller.scope, &mut config).await)?;
    Ok(Tagged::of(config))
}
