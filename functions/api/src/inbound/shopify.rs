//! `POST /v1/inbound/shopify/{instanceId}`: a webhook of a Shopify shop.

use axum::Json;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use http::{HeaderMap, StatusCode};
use sluice::domain::scope::Environment;
use sluice::engine::pipelines::Inbound;

use super::{MAX_BYTES, Shops, entity_type, text};
use crate::http::auth::Source;
use crate::http::body::read;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::sync_events::AcceptedRun;

/// Receive a Shopify webhook
///
/// Authenticated by `X-Shopify-Hmac-SHA256` over the raw body, with a webhook secret of the source's profile; at most
/// 2 MiB. An `X-Shopify-Webhook-Id` that was seen before is answered 200, and nothing more happens.
#[utoipa::path(
    post, path = "/v1/inbound/shopify/{instanceId}", operation_id = "inbound.shopify", tag = "inbound",
    params(
        ("instanceId" = String, Path, description = "The instance"),
        ("X-Shopify-Hmac-SHA256" = String, Header, description = "The signature, in Base64"),
        ("X-Shopify-Webhook-Id" = Option<String>, Header, description = "The delivery's id"),
        ("X-Shopify-Topic" = Option<String>, Header, description = "Such as `orders/create`: the entity type `order`"),
        ("X-Shopify-Triggered-At" = Option<String>, Header, description = "What happened later is not overwritten"),
    ),
    request_body(content = serde_json::Value, example = json!({"id": 1, "total_price": "10.00"})),
    responses(
        (status = 200, description = "It was seen before", body = AcceptedRun),
        (status = 202, description = "Accepted", body = AcceptedRun),
        (status = 400, description = "`malformed_json`, `duplicate_key`, `unknown_entity_type`", body = ErrorBody),
        (status = 401, description = "`invalid_signature`", body = ErrorBody),
        (status = 404, description = "There is no such instance", body = ErrorBody),
        (status = 409, description = "`instance_inactive`", body = ErrorBody),
        (status = 413, description = "`payload_too_large`", body = ErrorBody),
        (status = 429, description = "`rate_limited`: too many bad signatures came from this address", body = ErrorBody),
    ),
)]
pub(crate) async fn shopify(
    State(shops): State<Shops>,
    source: Source,
    OriginalUri(uri): OriginalUri,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<AcceptedRun>), Problem> {
    let (scope, instance) = shops.called(Environment::of_path(uri.path()), &id).await?;
    let body = read(&headers, body, MAX_BYTES).await?;
    let signature = text(&headers, "x-shopify-hmac-sha256").unwrap_or_default();
    shops.verify(source, &scope, &instance.body, (signature, &body)).await?;
    let topic = text(&headers, "x-shopify-topic").map(entity_type);
    let inbound = Inbound {
        body: &body,
        entity_type: topic.as_deref(),
        id: text(&headers, "x-shopify-webhook-id"),
        triggered_at: text(&headers, "x-shopify-triggered-at").and_then(|time| time.parse().ok()),
    };
    shops.accepted(&scope, &instance, &inbound).await
}
