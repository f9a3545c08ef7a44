//! `GET /v1/transactions/{id}/mdn`: the MDN of a transaction, as it came or was sent.

use axum::extract::State;
use axum::response::Response;
use sluice::domain::transaction::TransactionId;
use sluice::engine::documents::Filing;

use crate::documents::{Binary, download};
use crate::http::auth::{Needs, TransactionsRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Get the MDN of a transaction
///
/// The body of the receipt, with its signature, and with its type. The last one, if there were several.
#[utoipa::path(
    get, path = "/v1/transactions/{id}/mdn", operation_id = "transactions.mdn", tag = "transactions",
    params(("id" = String, Path, description = "The transaction")),
    responses(
        (status = 200, description = "The MDN", body = Binary, content_type = "application/octet-stream"),
        (status = 404, description = "There is no such transaction, or it has no MDN", body = ErrorBody),
    ),
    security(("oauth2" = ["transactions:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn mdn(
    Needs { caller, .. }: Needs<TransactionsRead>,
    State(filing): State<Filing>,
    PathParams(id): PathParams<String>,
) -> Result<Response, Problem> {
    let id: TransactionId = id.parse().map_err(|_| Problem::not_found())?;
    let found = filing.receipt(&caller.scope, &id).await?;
    found.map(download).ok_or_else(Problem::not_found)
}
