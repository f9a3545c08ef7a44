//! `GET /v1/transactions/{id}/document`: the document of a transaction, as it was handed in or came.

use axum::extract::State;
use axum::response::Response;
use sluice::domain::transaction::TransactionId;
use sluice::engine::documents::Filing;

use crate::documents::{Binary, download};
use crate::http::auth::{Needs, TransactionsRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Get the document of a transaction
///
/// Its bytes as they were, with their type. Kept for `SLUICE_DOCUMENT_RETENTION_DAYS`.
#[utoipa::path(
    get, path = "/v1/transactions/{id}/document", operation_id = "transactions.document", tag = "transactions",
    params(("id" = String, Path, description = "The transaction")),
    responses(
        (status = 200, description = "The document", body = Binary, content_type = "application/octet-stream"),
        (status = 404, description = "There is no such transaction, or it has no document", body = ErrorBody),
    ),
    security(("oauth2" = ["transactions:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn document(
    Needs { caller, .. }: Needs<TransactionsRead>,
    State(filing): State<Filing>,
    PathParams(id): PathParams<String>,
) -> Result<Response, Problem> {
    let id: TransactionId = id.parse().map_err(|_| Problem::not_found())?;
    let found = filing.document(&caller.scope, &id).await?;
    found.map(download).ok_or_else(Problem::not_found)
}
