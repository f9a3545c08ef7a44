//! `GET /v1/mapping-configurations/schema`: the JSON Schema of mapping documents.

use axum::Json;
use serde_json::Value;
use sluice::domain::mapping;

use crate::http::auth::{Needs, PipelinesRead};

/// Get the JSON Schema of mapping documents
#[utoipa::path(
    get, path = "/v1/mapping-configurations/schema", operation_id = "mapping_configurations.schema", tag = "mapping_configurations",
    responses((status = 200, description = "A JSON Schema, draft 2020-12", body = serde_json::Value)),
    security(("oauth2" = ["pipelines:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn schema(_: Needs<PipelinesRead>) -> Json<Value> {
    Json(mapping::published_schema())
}
