//! `PATCH /v1/integrations/{id}`: changes a stopped, permanent integration.

use crate::http::auth::{IntegrationsWrite, Needs};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, FieldError, Problem};
use crate::http::query::PathParams;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use sluice::app::App;
use sluice::domain::filter::FilterConditions;
use sluice::domain::integration::{IntegrationType, LogAction};
use sluice::domain::route::{Destination, Route, RouteStatus};
use sluice::domain::scope::Scope;
use sluice::store::routes::Routes;

use super::patch::{CallbackPatch, S3Patch};
use super::{Integration, filter_faults, find};

/// What to change; what is missing stays.
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
/// Only while it is stopped, and never a temporary one, its type or its dates. A mask sent back keeps the secret.
#[utoipa::path(
    patch, path = "/v1/integrations/{id}", operation_id = "integrations.update", tag = "integrations",
    params(("id" = String, Path, description = "The integration")),
    request_body = UpdateIntegration,
    responses(
        (status = 200, description = "The integration", body = Integration),
        (status = 400, description = "`integration_not_stopped`, `integration_temporary`, `validation_failed`", body = ErrorBody),
        (status = 404, description = "There is no such integration", body = ErrorBody),
        (status = 409, description = "Somebody else changed it at the same time", body = ErrorBody),
    ),
    security(("oauth2" = ["integrations:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn update(
    Needs { caller, .. }: Needs<IntegrationsWrite>,
    State(app): State<App>,
    State(routes): State<Routes>,
    PathParams(id): PathParams<String>,
    JsonBody(request): JsonBody<UpdateIntegration>,
) -> Result<Json<Integration>, Problem> {
    let mut route = find(&routes, &caller.scope, &id).await?;
    may_change(&route)?;
    request.apply(&app, &caller.scope, &mut route).await?;
    let now = app.ports.now();
    route.updated_at = now;
    routes.update(&caller.scope, &mut route).await?;
    app.journal.note(&caller.scope, &route.uid, LogAction::IntegrationUpdated, "Changed by request.", now).await?;
    Ok(Json(route.into()))
}

fn may_change(route: &Route) -> Result<(), Problem> {
    if route.integration.integration_type == IntegrationType::Temporary {
        return Err(Problem::bad_request("integration_temporary", "A temporary integration cannot be changed."));
    }
    if route.status != RouteStatus::Stopped {
        return Err(Problem::bad_request("integration_not_stopped", "Stop the integration before you change it."));
    }
    Ok(())
}

impl UpdateIntegration {
    async fn apply(self, app: &App, scope: &Scope, route: &mut Route) -> Result<(), Problem> {
        let mut faults = Vec::new();
        if let Some(filter) = self.filter_conditions {
            faults.extend(filter_faults(Some(&filter)).await?);
            route.filter = filter;
        }
        match (&mut route.destination, self.callback_parameters, self.s3_parameters) {
            (Destination::Webhook(target), Some(patch), None) => faults.extend(patch.apply(app, scope, target).await?),
            (Destination::S3(target), None, Some(patch)) => faults.extend(patch.apply(app, scope, target).await?),
            (_, None, None) => {}
            (_, Some(_), _) => faults.push(FieldError::new("/callback_parameters", "this integration writes to S3")),
            (_, _, Some(_)) => faults.push(FieldError::new("/s3_parameters", "this integration sends webhooks")),
        }
        if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
    }
}
