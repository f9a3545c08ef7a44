//! `DELETE /v1/partners/{id}/callbacks/{notification_type}`: a partner's callback.

use axum::extract::State;
use http::StatusCode;
use sluice::engine::lifecycle::Lifecycle;

use super::{Place, key, notification_type};
use crate::http::auth::{Needs, PartnersWrite};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Delete a callback
#[utoipa::path(
    delete, path = "/v1/partners/{id}/callbacks/{notification_type}", operation_id = "callbacks.delete",
    tag = "callbacks",
    params(
        ("id" = String, Path, description = "The partner"),
        ("notification_type" = String, Path, description = "The number or the name of the type"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such callback", body = ErrorBody),
    ),
    security(("oauth2" = ["partners:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn delete(
    Needs { caller, .. }: Needs<PartnersWrite>,
    State(lifecycle): State<Lifecycle>,
    PathParams((partner, kind)): PathParams<Place>,
) -> Result<StatusCode, Problem> {
    let notification = notification_type(&kind).map_err(|_| Problem::not_found())?;
    let deleted = lifecycle.delete(&caller.scope, &key(&partner, notification)).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}
