//! `GET /v1/transactions/{id}`: one transaction, with every attempt.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use sluice::domain::transaction::{RouteKind, TransactionId};
use sluice::engine::documents::Filing;
use sluice::store::transactions::Transactions;

use super::{AttemptView, Transaction};
use crate::documents::DocumentView;
use crate::http::auth::{Needs, TransactionsRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// A transaction with its attempts.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TransactionDetail {
    #[serde(flatten)]
    transaction: Transaction,
    /// Of a document: what is known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<DocumentView>,
    /// The first one first.
    attempts: Vec<AttemptView>,
}

/// Get a transaction with its attempts
#[utoipa::path(
    get, path = "/v1/transactions/{id}", operation_id = "transactions.get", tag = "transactions",
    params(("id" = String, Path, description = "The transaction")),
    responses(
        (status = 200, description = "The transaction with its attempts", body = TransactionDetail),
        (status = 404, description = "There is no such transaction", body = ErrorBody),
    ),
    security(("oauth2" = ["transactions:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn get(
    Needs { caller, .. }: Needs<TransactionsRead>,
    State(transactions): State<Transactions>,
    State(filing): State<Filing>,
    PathParams(id): PathParams<String>,
) -> Result<Json<TransactionDetail>, Problem> {
    let id: TransactionId = id.parse().map_err(|_| Problem::not_found())?;
    let found = transactions.find(&caller.scope, &id).await?.ok_or_else(Problem::not_found)?;
    let document = match found.last.route.kind {
        RouteKind::Documents => filing.find(&caller.scope, &id).await?.map(DocumentView::from),
        _ => None,
    };
    let attempts = found.attempts.into_iter().map(AttemptView::from).collect();
    Ok(Json(TransactionDetail { transaction: found.last.into(), document, attempts }))
}
