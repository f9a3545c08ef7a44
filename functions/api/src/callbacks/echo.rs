//! `POST /v1/partners/{id}/callbacks/{notification_type}/echo`: sends a notification to a partner's callback now.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use sluice::domain::attempt::Attempt;
use sluice::domain::event::Event;
use sluice::domain::time::Millis;
use sluice::domain::transaction::TransactionStatus;
use sluice::engine::send_now::SendNow;
use sluice::ports::Ports;
use sluice::store::partners::Partners;
use sluice::store::routes::Routes;

use super::notification::check;
use super::{Place, expect_partner, key, notification_type};
use crate::http::auth::{Needs, PartnersWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::transactions::status_of;

/// How the partner's callback answered.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EchoResult {
    status: TransactionStatus,
    /// The HTTP status code, if there was a response.
    #[schema(minimum = 100, maximum = 599)]
    status_code: Option<u16>,
    /// How long it took, in milliseconds.
    #[schema(minimum = 0, maximum = 86_400_000)]
    duration_ms: u64,
    /// The first 4 KiB of the response.
    #[schema(max_length = 4096)]
    response: String,
    /// Why it was not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<Attempt> for EchoResult {
    fn from(attempt: Attempt) -> Self {
        Self {
            status: status_of(&attempt),
            status_code: attempt.status,
            duration_ms: u64::try_from(attempt.duration.as_millis()).unwrap_or(u64::MAX),
            response: attempt.excerpt,
            error: (!attempt.reason.is_empty()).then(|| attempt.reason.into_owned()),
        }
    }
}

/// The body of a notification: the fields of its type, and one of the two ids.
#[derive(utoipa::ToSchema)]
#[schema(
    rename_all = "camelCase",
    example = json!({"processUniqueId": "p-1", "noteUniqueId": "n-1", "message": "hello", "createdAt": "2026-01-31T00:00:00.000Z"}),
)]
#[expect(dead_code, reason = "describes the bodies in the OpenAPI document; `notification` checks them")]
pub(crate) struct Notification {
    #[schema(max_length = 200)]
    process_unique_id: Option<String>,
    #[schema(max_length = 200)]
    simulation_unique_id: Option<String>,
    /// Type 1.
    #[schema(rename = "workflowStateID", max_length = 200)]
    workflow_state_id: Option<String>,
    /// Type 1.
    workflow_state: Option<String>,
    /// Type 1.
    changed_at: Option<Millis>,
    /// Type 2.
    #[schema(max_length = 200)]
    note_unique_id: Option<String>,
    /// Type 2.
    message: Option<String>,
    /// Type 2.
    created_at: Option<Millis>,
    /// Type 3.
    #[schema(max_length = 200)]
    document_unique_id: Option<String>,
    /// Type 3.
    #[schema(rename = "documentTypeID", max_length = 200)]
    document_type_id: Option<String>,
    /// Type 3.
    file_name: Option<String>,
}

/// Send a notification now
///
/// The body is checked for its type, and has exactly one of `processUniqueId` and `simulationUniqueId`.
#[utoipa::path(
    post, path = "/v1/partners/{id}/callbacks/{notification_type}/echo", operation_id = "callbacks.echo",
    tag = "callbacks",
    params(
        ("id" = String, Path, description = "The partner"),
        ("notification_type" = String, Path, description = "The number or the name of the type"),
    ),
    request_body = Notification,
    responses(
        (status = 200, description = "How the callback answered", body = EchoResult),
        (status = 400, description = "`unsupported_notification_type`, `validation_failed`", body = ErrorBody),
        (status = 404, description = "There is no such partner, or no such callback", body = ErrorBody),
    ),
    security(("oauth2" = ["partners:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn echo(
    Needs { caller, .. }: Needs<PartnersWrite>,
    State(partners): State<Partners>,
    State(routes): State<Routes>,
    State(send_now): State<SendNow>,
    State(ports): State<Ports>,
    PathParams((partner, kind)): PathParams<Place>,
    JsonBody(body): JsonBody<Value>,
) -> Result<Json<EchoResult>, Problem> {
    let scope = &caller.scope;
    let notification = notification_type(&kind)?;
    expect_partner(&partners, scope, &partner).await?;
    let route = routes.get(scope, &key(&partner, notification)).await?.ok_or_else(Problem::not_found)?;
    let payload = RawValue::from_string(body.to_string()).map_err(|error| Problem::internal(&error))?;
    check(notification, body)?;
    let now = ports.now();
    let event = Event {
        id: ports.unique("evt"),
        name: notification.name().to_owned(),
        published_at: now,
        logged_at: now,
        payload,
        partner_id: Some(partner),
        document_type: None,
        ordering_key: None,
    };
    Ok(Json(send_now.send(scope, &route, &event).await?.into()))
}
