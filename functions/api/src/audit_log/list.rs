//! `GET /v1/audit-log`: the changes, newest first.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use sluice::store::audit::{AuditEntry, AuditLog};

use crate::http::auth::{Admin, Needs};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::{self, PageParams, Params, bad_cursor};

/// A page of the audit log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AuditPage {
    /// Newest first.
    entries: Vec<AuditEntry>,
    /// The cursor of the next page; missing on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Read the audit log
///
/// Every create, update, delete, start, stop, rotate, revoke, promote, replay and discard of this environment, newest
/// first. It is kept for 400 days.
#[utoipa::path(
    get, path = "/v1/audit-log", operation_id = "audit_log.list", tag = "audit_log",
    params(PageParams),
    responses(
        (status = 200, description = "A page of the audit log", body = AuditPage),
        (status = 400, description = "A bad parameter", body = ErrorBody),
    ),
    security(("oauth2" = ["admin"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<Admin>,
    State(log): State<AuditLog>,
    Params(params): Params<PageParams>,
) -> Result<Json<AuditPage>, Problem> {
    let limit = query::limit(params.limit, 100, 500)?;
    let before = params.cursor.as_deref().map(read_cursor).transpose()?;
    // One more than is shown tells whether there is a next page.
    let mut entries = log.page(&caller.scope, before.as_deref(), limit + 1).await?;
    let more = entries.len() > limit;
    entries.truncate(limit);
    let last = entries.last().filter(|_| more);
    let next_cursor = last.map(|entry| query::encode_cursor(&entry.place()));
    Ok(Json(AuditPage { entries, next_cursor }))
}

fn read_cursor(text: &str) -> Result<String, Problem> {
    let place = query::decode_cursor(text)?;
    let known = place.split_once('#').is_some_and(|(time, id)| {
        time.len() == 13 && time.bytes().all(|b| b.is_ascii_digit()) && id.starts_with("aud_") && id.len() <= 64
    });
    if known { Ok(place) } else { Err(bad_cursor()) }
}
