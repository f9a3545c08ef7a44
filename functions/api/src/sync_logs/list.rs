//! `GET /v1/sync-logs`: the history of runs, the newest first.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use sluice::domain::pipeline::run::Status;
use sluice::store::pipelines::{Listed, RunFilter, SyncRuns};

use crate::http::auth::{Needs, PipelinesRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::Params;
use crate::pipelines::{Paged, place};
use crate::sync_events::SyncRun;

/// Which runs.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Only of this instance.
    #[param(max_length = 256)]
    instance_id: Option<String>,
    /// Only of this entity type.
    #[param(max_length = 256)]
    entity_type: Option<String>,
    /// Only in this state.
    status: Option<Status>,
    /// From 1.
    #[param(minimum = 1, maximum = 10_000)]
    page: Option<u32>,
    /// 1 to 100, default 25.
    #[param(minimum = 1, maximum = 100)]
    page_size: Option<u32>,
}

/// List the history of runs
///
/// The newest 10,000 of the last 31 days.
#[utoipa::path(
    get, path = "/v1/sync-logs", operation_id = "sync_logs.list", tag = "sync_logs",
    params(ListParams),
    responses(
        (status = 200, description = "A page", body = Paged<SyncRun>),
        (status = 400, description = "A bad parameter", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<PipelinesRead>,
    State(runs): State<SyncRuns>,
    Params(params): Params<ListParams>,
) -> Result<Json<Paged<SyncRun>>, Problem> {
    let place = place(params.page, params.page_size)?;
    let ListParams { instance_id, entity_type, status, .. } = params;
    let filter = RunFilter { instance: instance_id, entity_type, status };
    let Listed { items, total } = runs.page(&caller.scope, &filter, place).await?;
    Ok(Paged::new(items.into_iter().map(SyncRun::from).collect(), place, total))
}
