//! `POST /v1/dlq/{id}/replay`: sends a dead letter again.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sluice::domain::transaction::TransactionId;
use sluice::engine::pipelines::{Letters, is_dead};
use sluice::engine::resend::Resend;
use sluice::store::transactions::Transactions;

use super::over;
use crate::http::auth::{Needs, PipelinesWrite};
use crate::http::body::OptionalBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::transactions::retry::problem;

/// What is sent.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"payload": {"id": 1, "total_price": "10.00"}}))]
pub(crate) struct Replay {
    /// Instead of the record; not for deliveries.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    payload: Option<Box<RawValue>>,
}

/// What sends it.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Replayed {
    /// The run that sends a record, or the transaction of a delivery.
    correlation_id: String,
}

/// Replay a dead letter
///
/// A record goes through its mapping again, as it was or with another payload. A delivery is sent again as
/// `POST /v1/transactions/{id}/retry` does it.
#[utoipa::path(
    post, path = "/v1/dlq/{id}/replay", operation_id = "dlq.replay", tag = "dlq",
    params(("id" = String, Path, description = "The dead letter")),
    request_body(content = Option<Replay>),
    responses(
        (status = 202, description = "Accepted", body = Replayed),
        (status = 400, description = "`validation_failed`", body = ErrorBody),
        (status = 404, description = "There is no such dead letter", body = ErrorBody),
        (status = 409, description = "`already_replayed`, `already_discarded`, `record_not_kept`; of a delivery also `route_gone`, `event_gone`, `route_ordered`", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn replay(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(letters): State<Letters>,
    State(transactions): State<Transactions>,
    State(resend): State<Resend>,
    PathParams(id): PathParams<String>,
    OptionalBody(Replay { payload }): OptionalBody<Replay>,
) -> Result<(StatusCode, Json<Replayed>), Problem> {
    let Ok(transaction) = id.parse::<TransactionId>() else {
        let run = letters.replay(&caller.scope, &id, payload.map(|payload| payload.get().to_owned())).await??;
        return Ok((StatusCode::ACCEPTED, Json(Replayed { correlation_id: run.id })));
    };
    if payload.is_some() {
        return Err(Problem::field("/payload", "a delivery is sent as it was"));
    }
    let found = transactions.find(&caller.scope, &transaction).await?.ok_or_else(Problem::not_found)?;
    if found.last.discarded {
        return Err(over("already_discarded"));
    }
    if !is_dead(&found.last) {
        return Err(over("already_replayed"));
    }
    resend.transaction(&caller.scope, &transaction).await.map_err(problem)?;
    Ok((StatusCode::ACCEPTED, Json(Replayed { correlation_id: id })))
}
