//! `POST /v1/inbound/woocommerce/{instanceId}`: a webhook of a WooCommerce shop.

use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use sha2::{Digest as _, Sha256};
use sluice::domain::scope::Environment;
use sluice::engine::pipelines::Inbound;

use super::{MAX_BYTES, Shops, entity_type, text};
use crate::http::auth::Source;
use crate::http::body::read;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::sync_events::AcceptedRun;

/// What a shop sends when a webhook is made, without a signature.
const PING: &[u8] = b"webhook_id=";

/// Receive a WooCommerce webhook
///
/// Authenticated by `X-WC-Webhook-Signature` over the raw body, with a webhook secret of the source's profile; at most
/// 2 MiB. The unsigned ping of a new webhook is answered 200 and dropped.
#[utoipa::path(
    post, path = "/v1/inbound/woocommerce/{instanceId}", operation_id = "inbound.woocommerce", tag = "inbound",
    params(
        ("instanceId" = String, Path, description = "The instance"),
        ("X-WC-Webhook-Signature" = Option<String>, Header, description = "The signature, in Base64"),
        ("X-WC-Webhook-Delivery-ID" = Option<String>, Header, description = "The delivery's id"),
        ("X-WC-Webhook-Topic" = Option<String>, Header, description = "Such as `order.updated`: the entity type `order`"),
    ),
    request_body(content = serde_json::Value, example = json!({"id": 1, "total_price": "10.00"})),
    responses(
        (status = 200, description = "The ping, or seen before"),
        (status = 202, description = "Accepted", body = AcceptedRun),
        (status = 400, description = "`malformed_json`, `duplicate_key`, `unknown_entity_type`", body = ErrorBody),
        (status = 401, description = "`invalid_signature`", body = ErrorBody),
        (status = 404, description = "There is no such instance", body = ErrorBody),
        (status = 409, description = "`instance_inactive`", body = ErrorBody),
        (status = 413, description = "`payload_too_large`", body = ErrorBody),
        (status = 429, description = "`rate_limited`: too many bad signatures came from this address", body = ErrorBody),
    ),
)]
pub(crate) async fn woocommerce(
    State(shops): State<Shops>,
    source: Source,
    OriginalUri(uri): OriginalUri,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (scope, instance) = shops.called(Environment::of_path(uri.path()), &id).await?;
    let body = read(&headers, body, MAX_BYTES).await?;
    let signature = text(&headers, "x-wc-webhook-signature");
    if signature.is_none() && is_ping(&body) {
        return Ok(StatusCode::OK.into_response());
    }
    shops.verify(source, &scope, &instance.body, (signature.unwrap_or_default(), &body)).await?;
    let topic = text(&headers, "x-wc-webhook-topic").map(entity_type);
    // Its ids are the same for all deliveries of a webhook in one second.
    let id = text(&headers, "x-wc-webhook-delivery-id");
    let id = id.map(|id| format!("{id}#{}", hex::encode(Sha256::digest(&body))));
    let inbound = Inbound { body: &body, entity_type: topic.as_deref(), id: id.as_deref(), triggered_at: None };
    Ok(shops.accepted(&scope, &instance, &inbound).await?.into_response())
}

fn is_ping(body: &[u8]) -> bool {
    body.strip_prefix(PING).is_some_and(|id| !id.is_empty() && id.iter().all(u8::is_ascii_digit))
}
