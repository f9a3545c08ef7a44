//! `POST /v1/inbound/{instanceId}`: records that a system sends by itself.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use sluice::engine::pipelines::{Inbound, Pipelines};

use super::MAX_BYTES;
use crate::http::auth::{Needs, PipelinesWrite};
use crate::http::body::{expect_json, read};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::{Params, PathParams};
use crate::sync_events::AcceptedRun;

/// What is sent.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct What {
    /// Which of the instance's entity types; may be missing if it has one.
    #[param(max_length = 256)]
    entity_type: Option<String>,
}

/// Receive records
///
/// A record, or a list of records; at most 2 MiB. It is durable before the answer, and goes through the stages after it.
#[utoipa::path(
    post, path = "/v1/inbound/{instanceId}", operation_id = "inbound.receive", tag = "inbound",
    params(("instanceId" = String, Path, description = "The instance"), What),
    request_body(content = serde_json::Value, example = json!({"id": 1, "total_price": "10.00"})),
    responses(
        (status = 202, description = "Accepted", body = AcceptedRun),
        (status = 400, description = "`malformed_json`, `duplicate_key`, `unknown_entity_type`", body = ErrorBody),
        (status = 404, description = "There is no such instance", body = ErrorBody),
        (status = 409, description = "`instance_inactive`", body = ErrorBody),
        (status = 413, description = "`payload_too_large`", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn receive(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(pipelines): State<Pipelines>,
    PathParams(id): PathParams<String>,
    Params(what): Params<What>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<AcceptedRun>), Problem> {
    expect_json(&headers)?;
    let body = read(&headers, body, MAX_BYTES).await?;
    let instance = pipelines.instance(&caller.scope, &id).await?.ok_or_else(Problem::not_found)?;
    let inbound = Inbound { body: &body, entity_type: what.entity_type.as_deref(), id: None, triggered_at: None };
    let (correlation_id, _) = pipelines.accept(&caller.scope, &instance, &inbound).await?;
    Ok((StatusCode::ACCEPTED, Json(AcceptedRun { correlation_id })))
}
