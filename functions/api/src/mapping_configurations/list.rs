//! `GET /v1/mapping-configurations`: the mapping configurations, in the order in which they were made.

use axum::Json;
use axum::extract::State;
use sluice::domain::pipeline::specification::MappingConfiguration;
use sluice::store::pipelines::Configs;

use super::MappingDocument;
use crate::http::auth::{Needs, PipelinesRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::Params;
use crate::pipelines::{PageNumber, Paged};

/// List mapping configurations
#[utoipa::path(
    get, path = "/v1/mapping-configurations", operation_id = "mapping_configurations.list", tag = "mapping_configurations",
    params(PageNumber),
    responses(
        (status = 200, description = "A page", body = Paged<MappingDocument>),
        (status = 400, description = "A bad parameter", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<PipelinesRead>,
    State(configs): State<Configs<MappingConfiguration>>,
    Params(page): Params<PageNumber>,
) -> Result<Json<Paged<MappingDocument>>, Problem> {
    let place = page.place()?;
    Ok(Paged::of(configs.list(&caller.scope).await?, place))
}
