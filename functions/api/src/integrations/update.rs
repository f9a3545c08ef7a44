//! `PATCH /v1/integrations/{id}`: changes a stopped, permanent integration.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value};
use sluice::domain::face::Face;
use sluice::domain::face::integration::IntegrationType;
use sluice::domain::filter::FilterConditions;
use sluice::domain::route::{Route, RouteStatus};
use sluice::domain::scope::Scope;
use sluice::engine::lifecycle::Lifecycle;
use sluice::outbound::Destinations;
use sluice::store::routes::Routes;

use super::parameters::{CallbackPatch, S3Patch};
use super::target::{Target, Written};
use super::{Integration, filter_faults, find};
use crate::http::auth::{IntegrationsWrite, Needs};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, FieldError, Problem};
use crate::http::query::PathParams;
use crate::target::TargetFaults;

/// The fields to change; others keep their values.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"filter_conditions": {"event_filter": ["order.created", "order.cancelled"]}}))]
pub(crate) struct UpdateIntegration {
    #[serde(default)]
    callback_parameters: Option<CallbackPatch>,
    #[serde(default)]
    s3_parameters: Option<S3Patch>,
    /// Replaces the whole filter.
    #[serde(default)]
    filter_conditions: Option<FilterConditions>,
}

/// Change an integration
///
/// It must be stopped and permanent. Its type and its dates cannot be changed. A mask keeps the stored secret, but
/// not if it would then be sent to another server.
#[utoipa::path(
    patch, path = "/v1/integrations/{id}", operation_id = "integrations.update", tag = "integrations",
    params(("id" = String, Path, description = "The integration")),
    request_body = UpdateIntegration,
    responses(
        (status = 200, description = "The integration", body = Integration),
        (status = 400, description = "`integration_not_stopped`, `integration_temporary`, `validation_failed`, `secret_required`", body = ErrorBody),
        (status = 404, description = "There is no such integration", body = ErrorBody),
        (status = 409, description = "`conflict`: it was changed at the same time", body = ErrorBody),
    ),
    security(("oauth2" = ["integrations:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn update(
    Needs { caller, .. }: Needs<IntegrationsWrite>,
    State(routes): State<Routes>,
    State(lifecycle): State<Lifecycle>,
    State(destinations): State<Destinations>,
    PathParams(id): PathParams<String>,
    JsonBody(request): JsonBody<UpdateIntegration>,
) -> Result<Json<Integration>, Problem> {
    let mut route = find(&routes, &caller.scope, &id).await?;
    may_change(&route)?;
    let generated = request.apply(&destinations, &caller.scope, &mut route).await?;
    let route = lifecycle.update(&caller.scope, route).await?;
    Ok(Json(Integration::of(&destinations, route)?.showing(&generated)))
}

fn may_change(route: &Route) -> Result<(), Problem> {
    let Face::Integration(integration) = &route.face else { return Err(Problem::not_found()) };
    if integration.integration_type == IntegrationType::Temporary {
        return Err(Problem::bad_request("integration_temporary", "A temporary integration cannot be changed."));
    }
    if route.status() != RouteStatus::Stopped {
        return Err(Problem::bad_request("integration_not_stopped", "Stop the integration before you change it."));
    }
    Ok(())
}

impl UpdateIntegration {
    /// Makes the changes; gives the secrets that were generated.
    async fn apply(
        self,
        destinations: &Destinations,
        scope: &Scope,
        route: &mut Route,
    ) -> Result<Map<String, Value>, Problem> {
        let own = Target::of(&route.destination.kind);
        let (changes, mut fields) = (self.changes(own)?, self.foreign(own));
        if let Some(filter) = self.filter_conditions {
            fields.extend(filter_faults(Some(&filter)).await?);
            route.filter = filter;
        }
        let (mut faults, mut generated) = (TargetFaults::default(), Map::new());
        if let Some((target, changes)) = changes {
            match destinations.patch(scope, changes, &route.destination).await {
                Ok(patched) => (route.destination, generated) = patched,
                Err(refusal) => faults = target.naming().faults(refusal)?,
            }
        }
        if fields.is_empty() && faults.fields.is_empty() { Ok(generated) } else { Err(faults.problem(fields)) }
    }

    /// The changes to the integration's own kind of target, in the destination's names.
    fn changes(&self, own: Option<Target>) -> Result<Option<Written>, Problem> {
        Ok(match (own, &self.callback_parameters, &self.s3_parameters) {
            (Some(target @ Target::Callback), Some(patch), _) => Some((target, target.naming().written(patch)?)),
            (Some(target @ Target::S3), _, Some(patch)) => Some((target, target.naming().written(patch)?)),
            _ => None,
        })
    }

    /// The error of a change to another kind of target.
    fn foreign(&self, own: Option<Target>) -> Vec<FieldError> {
        let mut faults = Vec::new();
        if self.callback_parameters.is_some() && own != Some(Target::Callback) {
            faults.push(FieldError::new("/callback_parameters", "this integration writes to S3"));
        }
        if self.s3_parameters.is_some() && own != Some(Target::S3) {
            faults.push(FieldError::new("/s3_parameters", "this integration sends webhooks"));
        }
        faults
    }
}
