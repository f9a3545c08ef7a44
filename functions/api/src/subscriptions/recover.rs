//! `POST /v1/webhooks/subscriptions/{id}/recover`: sends again what did not arrive since a time.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use sluice::domain::automation::{Job, Workflow};
use sluice::domain::time::Millis;
use sluice::domain::transaction::{TransactionFilter, TransactionStatus};
use sluice::engine::automation::Automations;
use sluice::store::routes::Routes;

use super::find;
use crate::automations::run::StartedRun;
use crate::http::auth::{Needs, WebhooksWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Since when.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"since": "2026-01-31T00:00:00.000Z"}))]
pub(crate) struct Recover {
    /// Of events logged at this time or later.
    since: Millis,
}

/// Send again what did not arrive
#[utoipa::path(
    post, path = "/v1/webhooks/subscriptions/{id}/recover", operation_id = "subscriptions.recover",
    tag = "subscriptions",
    params(("id" = String, Path, description = "The subscription")),
    request_body = Recover,
    responses(
        (status = 202, description = "A run that sends every dead and rejected delivery again; `GET /v1/automations/runs/{id}` follows it", body = StartedRun),
        (status = 404, description = "There is no such subscription", body = ErrorBody),
    ),
    security(("oauth2" = ["webhooks:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn recover(
    Needs { caller, .. }: Needs<WebhooksWrite>,
    State(routes): State<Routes>,
    State(automations): State<Automations>,
    PathParams(id): PathParams<String>,
    JsonBody(Recover { since }): JsonBody<Recover>,
) -> Result<(StatusCode, Json<StartedRun>), Problem> {
    let route = find(&routes, &caller.scope, &id).await?;
    let filter = TransactionFilter {
        statuses: vec![TransactionStatus::Dead, TransactionStatus::Rejected],
        route: Some(route.uid),
        from: Some(since),
        ..TransactionFilter::default()
    };
    let parameters = json!({"subscription_id": id, "from": since});
    let job = Job::Replay { filter, dry_run: false };
    let run = automations.start(&caller.scope, Workflow::ReplayTransactions, parameters, job).await?;
    Ok(StartedRun::of(run))
}
