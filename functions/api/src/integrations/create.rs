//! `POST /v1/integrations`: registers an integration; it runs at once.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use sluice::domain::destination::Destination;
use sluice::domain::face::Face;
use sluice::domain::face::integration::{self, IntegrationType, Ordering, check_dates, is_integration_id};
use sluice::domain::filter::FilterConditions;
use sluice::domain::route::{Draft, RetryKind, Way};
use sluice::domain::time::Millis;
use sluice::engine::lifecycle::Lifecycle;
use sluice::outbound::Destinations;
use sluice::ports::Ports;

use super::parameters::{CallbackParameters, S3Parameters};
use super::target::{Target, Written};
use super::{Integration, filter_faults};
use crate::http::auth::{IntegrationsWrite, Needs};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, FieldError, Problem};
use crate::route::{self, Words};

/// An integration to register: exactly one of the two kinds of parameters.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "erp-orders",
    "integration_type": "permanent",
    "callback_parameters": {"callback_url": "https://erp.example.com/events", "timeout_seconds": 10},
    "filter_conditions": {"entity_filter": ["order"], "payload_filter": "payload.total > 100"},
}))]
pub(crate) struct CreateIntegration {
    /// 1 to 50 of `[a-z0-9-]`.
    #[schema(example = "erp-orders", pattern = "^[a-z0-9-]{1,50}$")]
    id: String,
    integration_type: IntegrationType,
    /// For webhooks.
    #[serde(default)]
    callback_parameters: Option<CallbackParameters>,
    /// For files.
    #[serde(default)]
    s3_parameters: Option<S3Parameters>,
    /// The log time of its first event; not in the future for a permanent one; default now.
    #[serde(default)]
    starts_at: Option<Millis>,
    /// The log time at which a temporary integration ends, exclusive.
    #[serde(default)]
    ends_at: Option<Millis>,
    /// The events it receives; all events if missing.
    #[serde(default)]
    filter_conditions: Option<FilterConditions>,
    /// For webhooks: `key` sends events of one `ordering_key` strictly one after the other, some seconds later. Fixed
    /// once the integration is made.
    #[serde(default)]
    ordering: Ordering,
}

const WORDS: Words =
    Words { noun: "An integration", exists: "integration_already_exists", limit: "integration_limit_exceeded" };

/// Register an integration
///
/// It runs once the response is sent: events published after that are delivered.
#[utoipa::path(
    post, path = "/v1/integrations", operation_id = "integrations.create", tag = "integrations",
    request_body = CreateIntegration,
    responses(
        (status = 200, description = "The integration, running", body = Integration),
        (status = 400, description = "`validation_failed`, `insecure_url`, `forbidden_address`, `integration_limit_exceeded`", body = ErrorBody),
        (status = 409, description = "`integration_already_exists`", body = ErrorBody),
    ),
    security(("oauth2" = ["integrations:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn create(
    Needs { caller, .. }: Needs<IntegrationsWrite>,
    State(lifecycle): State<Lifecycle>,
    State(destinations): State<Destinations>,
    State(ports): State<Ports>,
    JsonBody(request): JsonBody<CreateIntegration>,
) -> Result<Json<Integration>, Problem> {
    let mut faults = request.faults(ports.now());
    faults.extend(filter_faults(request.filter_conditions.as_ref()).await?);
    let Some((target, written)) = request.target()? else { return Err(Problem::invalid(faults)) };
    let accepted = target.naming().accept(&destinations, &caller.scope, written, faults).await?;
    let (destination, generated) = accepted;
    let draft = request.draft(target.way(), destination);
    let route = route::create(&lifecycle, &caller.scope, draft, WORDS).await?;
    Ok(Json(Integration::of(&destinations, route)?.showing(&generated)))
}

impl CreateIntegration {
    fn faults(&self, now: Millis) -> Vec<FieldError> {
        let mut faults = Vec::new();
        if !is_integration_id(&self.id) {
            faults.push(FieldError::new("/id", "must be 1 to 50 of [a-z0-9-]"));
        }
        if self.callback_parameters.is_some() == self.s3_parameters.is_some() {
            faults.push(FieldError::new("", "exactly one of callback_parameters and s3_parameters is needed"));
        }
        if self.s3_parameters.is_some() && !self.ordering.is_none() {
            faults.push(FieldError::new("/ordering", "is for webhooks: files are in the order of the log as they are"));
        }
        if let Err(problem) = check_dates(self.integration_type, self.starts_at, self.ends_at, now) {
            faults.push(FieldError::new(problem.pointer(), problem.to_string()));
        }
        faults
    }

    /// Where its events go, in the destination's names; `None` if it says both or neither.
    fn target(&self) -> Result<Option<Written>, Problem> {
        Ok(match (&self.callback_parameters, &self.s3_parameters) {
            (Some(callback), None) => Some((Target::Callback, Target::Callback.naming().written(callback)?)),
            (None, Some(s3)) => Some((Target::S3, Target::S3.naming().written(s3)?)),
            _ => None,
        })
    }

    fn draft(self, way: Way, destination: Destination) -> Draft {
        Draft {
            face: Face::Integration(integration::Integration { integration_type: self.integration_type }),
            id: self.id,
            filter: self.filter_conditions.unwrap_or_default(),
            partner_id: None,
            destination,
            way: if self.ordering.is_none() { way } else { Way::Ordered },
            retry: RetryKind::Stream,
            deliver_within_seconds: None,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
        }
    }
}
