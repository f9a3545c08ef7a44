//! `GET /v1/integrations/{id}/log`: what happened to an integration.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use sluice::domain::face::integration::describe;
use sluice::domain::time::Millis;
use sluice::store::journal::{Entry, Journal};
use sluice::store::routes::Routes;

use super::find;
use crate::http::auth::{IntegrationsRead, Needs};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// The last 50 entries.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct IntegrationLog {
    /// Newest first.
    entries: Vec<LogEntry>,
}

/// One entry.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct LogEntry {
    /// The name of the activity.
    #[schema(example = "integration_started")]
    action: &'static str,
    /// The reason, as a sentence.
    #[schema(example = "Started via API.")]
    reason: String,
    /// The time.
    created_at: Millis,
}

/// Get an integration's log
#[utoipa::path(
    get, path = "/v1/integrations/{id}/log", operation_id = "integrations.log", tag = "integrations",
    params(("id" = String, Path, description = "The integration")),
    responses(
        (status = 200, description = "The last 50 entries, newest first", body = IntegrationLog),
        (status = 404, description = "There is no such integration", body = ErrorBody),
    ),
    security(("oauth2" = ["integrations:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn log(
    Needs { caller, .. }: Needs<IntegrationsRead>,
    State(routes): State<Routes>,
    State(journal): State<Journal>,
    PathParams(id): PathParams<String>,
) -> Result<Json<IntegrationLog>, Problem> {
    let route = find(&routes, &caller.scope, &id).await?;
    let entry = |Entry { activity, created_at }| {
        let (action, reason) = describe(&activity);
        LogEntry { action, reason, created_at }
    };
    let entries = journal.entries(&caller.scope, &route.uid).await?;
    Ok(Json(IntegrationLog { entries: entries.into_iter().map(entry).collect() }))
}
