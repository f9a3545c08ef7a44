//! `PUT /v1/mapping-configurations/{id}`: replaces a mapping configuration.

use axum::extract::State;
use http::HeaderMap;
use sluice::domain::pipeline::specification::MappingConfiguration;
use sluice::engine::pipelines::Registry;
use sluice::store::pipelines::Configs;

use super::MappingDocument;
use crate::http::auth::{Needs, PipelinesWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::pipelines::{Tagged, matching, written as check};

/// Replace a mapping configuration
#[utoipa::path(
    put, path = "/v1/mapping-configurations/{id}", operation_id = "mapping_configurations.update", tag = "mapping_configurations",
    params(("id" = String, Path, description = "The mapping configuration"), ("If-Match" = String, Header, description = "The entity tag that was read")),
    request_body(content = serde_json::Value, example = json!({
        "name": "orders", "entityType": "order",
        "extraction": {"request": {"path": "/orders.json"}, "records": "$.orders[*]", "sourceId": "$.id"},
        "normalization": {"fields": [{"target": "orderId", "source": "$.id", "type": "string", "required": true}]},
        "transformation": {"key": ["NumAtCard"], "fields": [{"target": "NumAtCard", "source": "$.orderId"}]},
    })),
    responses(
        (status = 200, description = "The mapping configuration", body = MappingDocument, headers(("ETag" = String, description = "Its entity tag"))),
        (status = 400, description = "`validation_failed`", body = ErrorBody),
        (status = 404, description = "There is no such mapping configuration", body = ErrorBody),
        (status = 412, description = "`precondition_failed`: it was changed since", body = ErrorBody),
        (status = 428, description = "`precondition_required`: no `If-Match`", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn update(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(registry): State<Registry>,
    State(configs): State<Configs<MappingConfiguration>>,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
    JsonBody(written): JsonBody<serde_json::Value>,
) -> Result<Tagged<MappingDocument>, Problem> {
    let mut config = matching(&configs, &caller.scope, &id, &headers).await?;
    config.body = registry.mapping(written).await?;
    check(configs.update(&caller.scope, &mut config).await)?;
    Ok(Tagged::of(config))
}
