//! `POST /v1/transactions/{id}/retry`: sends a delivery again.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use sluice::domain::transaction::TransactionId;
use sluice::engine::resend::{Resend, ResendError};

use super::Transaction;
use crate::http::auth::{AutomationsRun, Needs};
use crate::http::body::EmptyBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Send a delivery again
#[utoipa::path(
    post, path = "/v1/transactions/{id}/retry", operation_id = "transactions.retry", tag = "transactions",
    params(("id" = String, Path, description = "The transaction")),
    responses(
        (status = 202, description = "The transaction, queued", body = Transaction),
        (status = 404, description = "There is no such transaction", body = ErrorBody),
        (status = 409, description = "`route_gone`, `event_gone`: there is nothing left to send; `route_ordered`: it would be out of order; `transaction_of_record`: it is a record of a pipeline, whose dead letter can be replayed", body = ErrorBody),
    ),
    security(("oauth2" = ["automations:run"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn retry(
    Needs { caller, .. }: Needs<AutomationsRun>,
    State(resend): State<Resend>,
    PathParams(id): PathParams<String>,
    EmptyBody: EmptyBody,
) -> Result<(StatusCode, Json<Transaction>), Problem> {
    let id: TransactionId = id.parse().map_err(|_| Problem::not_found())?;
    let queued = resend.transaction(&caller.scope, &id).await.map_err(problem)?;
    let queued = queued.ok_or_else(Problem::not_found)?;
    Ok((StatusCode::ACCEPTED, Json(queued.into())))
}

pub(crate) fn problem(error: ResendError) -> Problem {
    let conflict = |code| Problem::new(StatusCode::CONFLICT, code, format!("{}.", error));
    match error {
        ResendError::RouteGone => conflict("route_gone"),
        ResendError::EventGone => conflict("event_gone"),
        ResendError::Ordered => conflict("route_ordered"),
        ResendError::Record => conflict("transaction_of_record"),
        ResendError::Inbound => conflict("transaction_inbound"),
        ResendError::Engine(error) => error.into(),
    }
}
