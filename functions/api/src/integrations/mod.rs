//! Integrations: the routes of the event stream.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod parameters;
pub(crate) mod recover;
pub(crate) mod start;
pub(crate) mod stop;
pub(crate) mod target;
pub(crate) mod update;

use serde::Serialize;
use serde_json::{Map, Value};
use sluice::deep;
use sluice::domain::face::integration::{IntegrationType, Ordering};
use sluice::domain::face::{Face, FaceKind};
use sluice::domain::filter::FilterConditions;
use sluice::domain::route::{Route, RouteKey, RouteStatus, Way};
use sluice::domain::scope::Scope;
use sluice::domain::time::Millis;
use sluice::outbound::Destinations;
use sluice::store::routes::Routes;

use crate::http::problem::{FieldError, Problem};
use crate::route;
use parameters::{CallbackView, S3View};
use target::Target;

/// An integration.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Integration {
    /// The id that its user chose.
    #[schema(example = "erp-orders", pattern = "^[a-z0-9-]{1,50}$")]
    id: String,
    /// Running, stopped or suspended.
    status: RouteStatus,
    /// Permanent or temporary.
    integration_type: IntegrationType,
    /// The webhook target.
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_parameters: Option<CallbackView>,
    /// The bucket of its files.
    #[serde(skip_serializing_if = "Option::is_none")]
    s3_parameters: Option<S3View>,
    /// The log time of its first event.
    starts_at: Millis,
    /// The log time at which it ends, exclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<Millis>,
    /// The events it receives.
    filter_conditions: FilterConditions,
    /// The order it keeps.
    #[serde(skip_serializing_if = "Ordering::is_none")]
    ordering: Ordering,
    created_at: Millis,
    updated_at: Millis,
}

impl Integration {
    /// A route as its user sees it.
    pub(crate) fn of(destinations: &Destinations, route: Route) -> Result<Self, Problem> {
        let Face::Integration(integration) = &route.face else { return Err(Problem::not_found()) };
        let (integration_type, status) = (integration.integration_type, route.status());
        let target = Target::of(&route.destination.kind);
        let show = || destinations.show(&route.destination).map_err(|error| Problem::internal(&error));
        let (callback_parameters, s3_parameters) = match target {
            Some(target @ Target::Callback) => (Some(target.naming().view(show()?)?), None),
            Some(target @ Target::S3) => (None, Some(target.naming().view(show()?)?)),
            None => (None, None),
        };
        Ok(Self {
            id: route.id,
            status,
            integration_type,
            callback_parameters,
            s3_parameters,
            starts_at: route.window.starts_at,
            ends_at: route.window.ends_at,
            filter_conditions: route.filter,
            ordering: if route.way == Way::Ordered { Ordering::Key } else { Ordering::None },
            created_at: route.created_at,
            updated_at: route.updated_at,
        })
    }

    /// With the signing secret that was just made: the only time it is shown.
    fn showing(mut self, generated: &Map<String, Value>) -> Self {
        let made = generated.get("signing_secret").and_then(Value::as_str);
        if let (Some(view), Some(secret)) = (&mut self.callback_parameters, made) {
            secret.clone_into(&mut view.signing_secret);
        }
        self
    }
}

/// The error of a filter. Its expression is compiled on a thread of its own.
pub(crate) async fn filter_faults(filter: Option<&FilterConditions>) -> Result<Vec<FieldError>, Problem> {
    let Some(filter) = filter.cloned() else { return Ok(Vec::new()) };
    let problems = deep::run(move || filter.problems()).await.map_err(|error| Problem::unavailable(&error))?;
    let fault = |(at, message)| FieldError::new(format!("/filter_conditions{at}"), message);
    Ok(problems.into_iter().map(fault).collect())
}

/// The route behind an integration's id.
pub(crate) async fn find(routes: &Routes, scope: &Scope, id: &str) -> Result<Route, Problem> {
    route::find(routes, scope, FaceKind::Integration, id).await
}

/// Which route an integration's id means.
pub(crate) fn key(id: &str) -> RouteKey {
    RouteKey::new(FaceKind::Integration, id)
}
