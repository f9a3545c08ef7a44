//! `POST /v1/mapping-configurations/{id}/preview`: what each stage makes of a sample.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sluice::domain::mapping::Preview;
use sluice::engine::pipelines::Registry;

use crate::http::auth::{Needs, PipelinesRead};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// A sample.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"sample": {"id": 1, "total_price": "10.00"}}))]
pub(crate) struct PreviewRequest {
    /// A record, or a response of the source with some records.
    #[schema(value_type = Object)]
    sample: Box<RawValue>,
}

/// What the stages make of a sample.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct PreviewResult {
    /// The first records of the sample, at most 10.
    #[schema(value_type = Vec<Object>)]
    records: Vec<Preview>,
}

/// Preview a mapping
///
/// Runs the stages on a sample and shows what each of them makes of it. Nothing is written.
#[utoipa::path(
    post, path = "/v1/mapping-configurations/{id}/preview", operation_id = "mapping_configurations.preview", tag = "mapping_configurations",
    params(("id" = String, Path, description = "The mapping configuration")),
    request_body = PreviewRequest,
    responses(
        (status = 200, description = "Each stage's output", body = PreviewResult),
        (status = 400, description = "`validation_failed`", body = ErrorBody),
        (status = 404, description = "There is no such mapping configuration", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn preview(
    Needs { caller, .. }: Needs<PipelinesRead>,
    State(registry): State<Registry>,
    PathParams(id): PathParams<String>,
    JsonBody(PreviewRequest { sample }): JsonBody<PreviewRequest>,
) -> Result<Json<PreviewResult>, Problem> {
    let records = registry.preview(&caller.scope, &id, sample.get()).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(PreviewResult { records }))
}
