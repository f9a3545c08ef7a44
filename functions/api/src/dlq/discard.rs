//! `POST /v1/dlq/{id}/discard`: gives a dead letter up for good.

use axum::extract::State;
use http::StatusCode;
use sluice::engine::pipelines::Letters;

use crate::http::auth::{Needs, PipelinesWrite};
use crate::http::body::EmptyBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Discard a dead letter
#[utoipa::path(
    post, path = "/v1/dlq/{id}/discard", operation_id = "dlq.discard", tag = "dlq",
    params(("id" = String, Path, description = "The dead letter")),
    responses(
        (status = 204, description = "Discarded"),
        (status = 404, description = "There is no such dead letter", body = ErrorBody),
        (status = 409, description = "`already_replayed`, `already_discarded`", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn discard(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(letters): State<Letters>,
    PathParams(id): PathParams<String>,
    EmptyBody: EmptyBody,
) -> Result<StatusCode, Problem> {
    letters.discard(&caller.scope, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
