//! `POST /v1/webhooks/subscriptions/{id}/test`: sends a sample event now.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::value::RawValue;
use sluice::domain::attempt::Attempt;
use sluice::domain::event::Event;
use sluice::domain::route::Route;
use sluice::domain::transaction::TransactionStatus;
use sluice::engine::send_now::SendNow;
use sluice::ports::Ports;
use sluice::store::routes::Routes;

use super::find;
use crate::http::auth::{Needs, WebhooksWrite};
use crate::http::body::EmptyBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::transactions::status_of;

/// The name of the sample where the subscription names no event without a wildcard.
const SAMPLE: &str = "webhook.test";
const PAYLOAD: &str = r#"{"message":"This is a test event.","test":true}"#;

/// How the target answered.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TestResult {
    status: TransactionStatus,
    /// The HTTP status code, if there was a response.
    #[schema(minimum = 100, maximum = 599)]
    code: Option<u16>,
    /// How long it took, in milliseconds.
    #[schema(minimum = 0, maximum = 86_400_000)]
    duration_ms: u64,
    /// The first 4 KiB of the response.
    #[schema(max_length = 4096)]
    response: String,
    /// Why the event was not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The id of the sample, as `webhook-id` has it.
    #[schema(pattern = "^evt_[0-9a-f]{32}$")]
    event_id: String,
}

impl TestResult {
    pub(crate) fn of(attempt: Attempt, event_id: String) -> Self {
        Self {
            status: status_of(&attempt),
            code: attempt.status,
            duration_ms: u64::try_from(attempt.duration.as_millis()).unwrap_or(u64::MAX),
            response: attempt.excerpt,
            error: (!attempt.reason.is_empty()).then(|| attempt.reason.into_owned()),
            event_id,
        }
    }
}

/// Send a sample event
#[utoipa::path(
    post, path = "/v1/webhooks/subscriptions/{id}/test", operation_id = "subscriptions.test", tag = "subscriptions",
    params(("id" = String, Path, description = "The subscription")),
    responses(
        (status = 200, description = "How the target answered", body = TestResult),
        (status = 404, description = "There is no such subscription", body = ErrorBody),
    ),
    security(("oauth2" = ["webhooks:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn test(
    Needs { caller, .. }: Needs<WebhooksWrite>,
    State(routes): State<Routes>,
    State(send_now): State<SendNow>,
    State(ports): State<Ports>,
    PathParams(id): PathParams<String>,
    EmptyBody: EmptyBody,
) -> Result<Json<TestResult>, Problem> {
    let route = find(&routes, &caller.scope, &id).await?;
    let event = sample(&route, &ports)?;
    let attempt = send_now.send(&caller.scope, &route, &event).await?;
    Ok(Json(TestResult::of(attempt, event.id)))
}

fn sample(route: &Route, ports: &Ports) -> Result<Event, Problem> {
    let named = route.filter.event_filter.iter().find(|name| !name.contains('*'));
    let now = ports.now();
    Ok(Event {
        id: ports.unique("evt"),
        name: named.map_or(SAMPLE, String::as_str).to_owned(),
        published_at: now,
        logged_at: now,
        payload: RawValue::from_string(PAYLOAD.to_owned()).map_err(|error| Problem::internal(&error))?,
        partner_id: route.partner_id.clone(),
        document_type: None,
        ordering_key: None,
    })
}
