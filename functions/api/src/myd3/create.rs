//! `POST /subscription/v1/subscription`: subscribes a URL to event types; the answer is the bare id.

use axum::Json;
use axum::extract::State;
use http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use sluice::domain::face::Face;
use sluice::domain::ids::guid;
use sluice::domain::route::{Draft, RetryKind, Way};
use sluice::engine::lifecycle::Lifecycle;
use sluice::outbound::Destinations;
use sluice::ports::Ports;

use super::TARGET;
use crate::http::auth::{Needs, WebhooksWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, FieldError, Problem};
use crate::route;
use crate::subscriptions::WORDS;
use crate::subscriptions::parameters::filter;

/// A new subscription: `eventType` or `eventTypes`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = CreateMyd3Subscription, example = json!({"eventType": "order.created", "notificationUrl": "https://erp.example.com/notify?apiKey=k"}))]
pub(crate) struct CreateSubscription {
    /// One event type, `*` is a wildcard.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 128)]
    event_type: Option<String>,
    /// Several event types.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 100)]
    event_types: Option<Vec<String>>,
    /// `https`, a public address. Its query is sent with every notification, and shown nowhere.
    notification_url: String,
}

/// The field that is the webhook's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Target<'a> {
    notification_url: &'a str,
}

/// Subscribe a URL to event types
#[utoipa::path(
    post, path = "/subscription/v1/subscription", operation_id = "myd3.create", tag = "myd3",
    request_body = CreateSubscription,
    responses(
        (status = 201, description = "The subscription's id", body = String),
        (status = 400, description = "`validation_failed`, `insecure_url`, `forbidden_address`, `subscription_limit_exceeded`", body = ErrorBody),
    ),
    security(("oauth2" = ["webhooks:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn create(
    Needs { caller, .. }: Needs<WebhooksWrite>,
    State(lifecycle): State<Lifecycle>,
    State(destinations): State<Destinations>,
    State(ports): State<Ports>,
    JsonBody(request): JsonBody<CreateSubscription>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<String>), Problem> {
    let scope = &caller.scope;
    let written = TARGET.written(&Target { notification_url: &request.notification_url })?;
    let (filter, faults) = match request.events() {
        Ok((pointer, events)) => filter(pointer, events),
        Err(fault) => (Default::default(), vec![fault]),
    };
    let (destination, _) = TARGET.accept(&destinations, scope, written, faults).await?;
    let draft = Draft {
        face: Face::Myd3,
        id: guid(ports.bytes()),
        filter,
        partner_id: None,
        destination,
        way: Way::Live,
        retry: RetryKind::Webhook,
        deliver_within_seconds: None,
        starts_at: None,
        ends_at: None,
    };
    let route = route::create(&lifecycle, scope, draft, WORDS).await?;
    let location = route::location(scope, &format!("/subscription/v1/subscription/{}", route.id));
    Ok((StatusCode::CREATED, location, Json(route.id)))
}

impl CreateSubscription {
    fn events(self) -> Result<(&'static str, Vec<String>), FieldError> {
        match (self.event_type, self.event_types) {
            (Some(one), None) => Ok(("/eventType", vec![one])),
            (None, Some(several)) => Ok(("/eventTypes", several)),
            _ => Err(FieldError::new("", "exactly one of eventType and eventTypes is needed")),
        }
    }
}
