//! `POST /v1/connection-profiles`: makes a connection profile.

use axum::extract::State;
use sluice::domain::pipeline::profile::{StoredProfile, WrittenProfile};
use sluice::engine::pipelines::Registry;
use sluice::store::pipelines::Configs;

use super::ConnectionProfile;
use crate::http::auth::{Needs, PipelinesWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::pipelines::{Tagged, created};

/// Create a connection profile
///
/// Secrets are shown as `••••••••`; sent back, a mask keeps the stored value. At most 500 in each environment.
#[utoipa::path(
    post, path = "/v1/connection-profiles", operation_id = "connection_profiles.create", tag = "connection_profiles",
    request_body = WrittenProfile,
    responses(
        (status = 201, description = "The connection profile", body = ConnectionProfile, headers(("Location" = String, description = "Its path"), ("ETag" = String, description = "Its entity tag"))),
        (status = 400, description = "`validation_failed`, `limit_exceeded`", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn create(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(registry): State<Registry>,
    State(configs): State<Configs<StoredProfile>>,
    JsonBody(written): JsonBody<WrittenProfile>,
) -> Result<Tagged<ConnectionProfile>, Problem> {
    let body = registry.profile(&caller.scope, written, None).await?;
    let config = created(configs.create(&caller.scope, configs.draft(body)).await)?;
    Ok(Tagged::new(&caller, "connection-profiles", config))
}
