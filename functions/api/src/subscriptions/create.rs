//! `POST /v1/webhooks/subscriptions`: subscribes a URL to events; it is notified at once.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use sluice::domain::destination::Destination;
use sluice::domain::face::subscription::Subscription as Own;
use sluice::domain::face::{Face, format::Format};
use sluice::domain::filter::FilterConditions;
use sluice::domain::route::{Draft, RetryKind, Way};
use sluice::engine::lifecycle::Lifecycle;
use sluice::outbound::{ClientCertificate, Destinations, OAuth2Client};
use sluice::ports::Ports;

use super::parameters::{FormatName, filter, format, name_fault, partner_fault, promise_fault};
use super::{Subscription, TARGET, WORDS};
use crate::http::auth::{Needs, WebhooksWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, FieldError, Problem};
use crate::route;

/// A new subscription.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "ERP", "url": "https://erp.example.com/hooks", "events": ["order.created", "invoice.*"]}))]
pub(crate) struct CreateSubscription {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// `https`, a public address.
    url: String,
    /// Event names, `*` is a wildcard.
    #[schema(min_items = 1, max_items = 100)]
    events: Vec<String>,
    /// A Standard Webhooks secret, `whsec_` and base64 of 24 to 64 bytes; one is made if it is missing.
    #[serde(default)]
    secret: Option<String>,
    /// The OAuth 2.0 client whose access tokens are sent as `Authorization: Bearer`.
    #[serde(default)]
    oauth2: Option<OAuth2Client>,
    /// Presented to the target, and to the token endpoint, if they ask for a client certificate.
    #[serde(default)]
    client_certificate: Option<ClientCertificate>,
    /// Headers to send with every event.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The names of headers whose values are secrets, besides those that always are.
    #[serde(default)]
    secret_headers: Vec<String>,
    /// Only events that concern this partner.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 256)]
    partner_id: Option<String>,
    /// The body that the target receives.
    #[serde(default)]
    format: FormatName,
    /// The integration key of the PagerDuty service, 32 letters and digits.
    #[serde(default)]
    routing_key: Option<String>,
    /// The time in which events are to arrive, in seconds: a later one is announced as `sla.violated`.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 2_592_000)]
    deliver_within_seconds: Option<u32>,
    /// The target's time to answer, in seconds.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 60)]
    timeout_seconds: Option<u32>,
    /// The most events in a second.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 10_000)]
    max_per_second: Option<u32>,
}

/// The fields that are the webhook's.
#[derive(Serialize)]
struct Target<'a> {
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oauth2: Option<&'a OAuth2Client>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificate: Option<&'a ClientCertificate>,
    headers: &'a BTreeMap<String, String>,
    secret_headers: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_per_second: Option<u32>,
}

/// Subscribe a URL to events
#[utoipa::path(
    post, path = "/v1/webhooks/subscriptions", operation_id = "subscriptions.create", tag = "subscriptions",
    request_body = CreateSubscription,
    responses(
        (status = 201, description = "The subscription, with its secret", body = Subscription),
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
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Subscription>), Problem> {
    let scope = &caller.scope;
    let written = TARGET.written(&request.target())?;
    let secret = request.secret.clone();
    let (parts, faults) = request.check();
    let (destination, generated) = TARGET.accept(&destinations, scope, written, faults).await?;
    let Some(parts) = parts else { return Err(Problem::internal(&"a fault that was not told")) };
    let draft = parts.draft(ports.unique("sub"), destination);
    let route = route::create(&lifecycle, scope, draft, WORDS).await?;
    let location = route::location(scope, &format!("/v1/webhooks/subscriptions/{}", route.id));
    let secret = generated.get("signing_secret").and_then(|secret| secret.as_str()).or(secret.as_deref());
    let subscription = Subscription::of(&destinations, route)?.showing(secret);
    Ok((StatusCode::CREATED, location, Json(subscription)))
}

/// The parts of a request that are not the webhook's, checked.
struct Parts {
    face: Own,
    filter: FilterConditions,
    partner_id: Option<String>,
    deliver_within_seconds: Option<u32>,
}

impl CreateSubscription {
    fn target(&self) -> Target<'_> {
        Target {
            url: &self.url,
            secret: self.secret.as_deref(),
            oauth2: self.oauth2.as_ref(),
            client_certificate: self.client_certificate.as_ref(),
            headers: &self.headers,
            secret_headers: &self.secret_headers,
            timeout_seconds: self.timeout_seconds,
            max_per_second: self.max_per_second,
        }
    }

    fn check(self) -> (Option<Parts>, Vec<FieldError>) {
        let (filter, mut faults) = filter("/events", self.events);
        faults.extend(name_fault(&self.name));
        faults.extend(self.partner_id.as_deref().and_then(partner_fault));
        let format: Option<Format> =
            format(self.format, self.routing_key.as_deref(), None).map_err(|fault| faults.push(fault)).ok();
        faults.extend(self.deliver_within_seconds.and_then(promise_fault));
        let (partner_id, deliver_within_seconds) = (self.partner_id, self.deliver_within_seconds);
        let parts =
            |format| Parts { face: Own { name: self.name, format }, filter, partner_id, deliver_within_seconds };
        (format.map(parts), faults)
    }
}

impl Parts {
    fn draft(self, id: String, destination: Destination) -> Draft {
        Draft {
            face: Face::Subscription(self.face),
            id,
            filter: self.filter,
            partner_id: self.partner_id,
            destination,
            way: Way::Live,
            retry: RetryKind::Webhook,
            deliver_within_seconds: self.deliver_within_seconds,
            starts_at: None,
            ends_at: None,
        }
    }
}
