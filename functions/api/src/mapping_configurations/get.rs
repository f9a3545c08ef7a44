//! `GET /v1/mapping-configurations/{id}`: one mapping configuration.

use axum::extract::State;
use sluice::domain::pipeline::specification::MappingConfiguration;
use sluice::store::pipelines::Configs;

use super::MappingDocument;
use crate::http::auth::{Needs, PipelinesRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::pipelines::{Tagged, find};

/// Get a mapping configuration
#[utoipa::path(
    get, path = "/v1/mapping-configurations/{id}", operation_id = "mapping_configurations.get", tag = "mapping_configurations",
    params(("id" = String, Path, description = "The mapping configuration")),
    responses(
        (status = 200, description = "The mapping configuration", body = MappingDocument, headers(("ETag" = String, description = "Its entity tag"))),
        (status = 404, description = "There is no such mapping configuration", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn get(
    Needs { caller, .. }: Needs<PipelinesRead>,
    State(configs): State<Configs<MappingConfiguration>>,
    PathParams(id): PathParams<String>,
) -> Result<Tagged<MappingDocument>, Problem> {
    Ok(Tagged::of(find(&configs, &caller.scope, &id).await?))
}
