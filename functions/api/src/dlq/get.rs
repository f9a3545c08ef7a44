//! `GET /v1/dlq/{id}`: one dead letter, with its record.

use axum::Json;
use axum::extract::State;
use sluice::store::pipelines::{DeadLetters, Payloads};
use sluice::store::transactions::Transactions;

use super::LetterView;
use crate::http::auth::{Needs, PipelinesRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Get a dead letter
#[utoipa::path(
    get, path = "/v1/dlq/{id}", operation_id = "dlq.get", tag = "dlq",
    params(("id" = String, Path, description = "The dead letter")),
    responses(
        (status = 200, description = "The dead letter", body = LetterView),
        (status = 404, description = "There is no such dead letter", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn get(
    Needs { caller, .. }: Needs<PipelinesRead>,
    State(letters): State<DeadLetters>,
    State(payloads): State<Payloads>,
    State(transactions): State<Transactions>,
    PathParams(id): PathParams<String>,
) -> Result<Json<LetterView>, Problem> {
    if let Some(letter) = letters.get(&caller.scope, &id).await? {
        let payload = payloads.get(&caller.scope, &id).await?;
        let payload = payload.map(|payload| String::from_utf8_lossy(&payload).into_owned());
        return Ok(Json(LetterView { payload, ..letter.into() }));
    }
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let found = transactions.find(&caller.scope, &id).await?.filter(|found| found.header.is_none());
    Ok(Json(found.ok_or_else(Problem::not_found)?.last.into()))
}
