//! `GET /v1/connection-profiles/{id}`: one connection profile.

use axum::extract::State;
use sluice::domain::pipeline::profile::StoredProfile;
use sluice::store::pipelines::Configs;

use super::ConnectionProfile;
use crate::http::auth::{Needs, PipelinesRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::pipelines::{Tagged, find};

/// Get a connection profile
#[utoipa::path(
    get, path = "/v1/connection-profiles/{id}", operation_id = "connection_profiles.get", tag = "connection_profiles",
    params(("id" = String, Path, description = "The connection profile")),
    responses(
        (status = 200, description = "The connection profile", body = ConnectionProfile, headers(("ETag" = String, description = "Its entity tag"))),
        (status = 404, description = "There is no such connection profile", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn get(
    Needs { caller, .. }: Needs<PipelinesRead>,
    State(configs): State<Configs<StoredProfile>>,
    PathParams(id): PathParams<String>,
) -> Result<Tagged<ConnectionProfile>, Problem> {
    Ok(Tagged::of(find(&configs, &caller.scope, &id).await?))
}
