//! `GET /v1/connection-profiles`: the connection profiles, in the order in which they were made.

use axum::Json;
use axum::extract::State;
use sluice::domain::pipeline::profile::StoredProfile;
use sluice::store::pipelines::Configs;

use super::ConnectionProfile;
use crate::http::auth::{Needs, PipelinesRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::Params;
use crate::pipelines::{PageNumber, Paged};

/// List connection profiles
#[utoipa::path(
    get, path = "/v1/connection-profiles", operation_id = "connection_profiles.list", tag = "connection_profiles",
    params(PageNumber),
    responses(
        (status = 200, description = "A page", body = Paged<ConnectionProfile>),
        (status = 400, description = "A bad parameter", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<PipelinesRead>,
    State(configs): State<Configs<StoredProfile>>,
    Params(page): Params<PageNumber>,
) -> Result<Json<Paged<ConnectionProfile>>, Problem> {
    let place = page.place()?;
    Ok(Paged::of(configs.list(&caller.scope).await?, place))
}
