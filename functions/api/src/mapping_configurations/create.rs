//! `POST /v1/mapping-configurations`: makes a mapping configuration.

use axum::extract::State;
use sluice::domain::pipeline::specification::MappingConfiguration;
use sluice::engine::pipelines::Registry;
use sluice::store::pipelines::Configs;

use super::MappingDocument;
use crate::http::auth::{Needs, PipelinesWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::pipelines::{Tagged, created};

/// Create a mapping configuration
///
/// A mapping document of at most 128 KiB. Errors name the place by JSON Pointer. At most 500 in each environment.
#[utoipa::path(
    post, path = "/v1/mapping-configurations", operation_id = "mapping_configurations.create", tag = "mapping_configurations",
    request_body(content = serde_json::Value, example = json!({
        "name": "orders", "entityType": "order",
        "extraction": {"request": {"path": "/orders.json"}, "records": "$.orders[*]", "sourceId": "$.id"},
        "normalization": {"fields": [{"target": "orderId", "source": "$.id", "type": "string", "required": true}]},
        "transformation": {"key": ["NumAtCard"], "fields": [{"target": "NumAtCard", "source": "$.orderId"}]},
    })),
    responses(
        (status = 201, description = "The mapping configuration", body = MappingDocument, headers(("Location" = String, description = "Its path"), ("ETag" = String, description = "Its entity tag"))),
        (status = 400, description = "`validation_failed`, `limit_exceeded`", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn create(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(registry): State<Registry>,
    State(configs): State<Configs<MappingConfiguration>>,
    JsonBody(written): JsonBody<serde_json::Value>,
) -> Result<Tagged<MappingDocument>, Problem> {
    let body = registry.mapping(written).await?;
    let config = created(configs.create(&caller.scope, configs.draft(body)).await)?;
    Ok(Tagged::new(&caller, "mapping-configurations", config))
}
