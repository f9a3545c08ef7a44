//! `GET /v1/transactions`: deliveries and records of pipelines, by any combination of facts.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sluice::domain::time::Millis;
use sluice::domain::transaction::{Direction, TransactionFilter, TransactionStatus};
use sluice::store::transactions::Transactions;

use super::{Transaction, cursor, place};
use crate::http::auth::{Needs, TransactionsRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::{self, Params};

/// Which transactions.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Only in this state.
    status: Option<TransactionStatus>,
    /// Only of this partner.
    #[param(max_length = 256)]
    partner_id: Option<String>,
    /// Only of this kind of document.
    #[param(max_length = 256)]
    document_type: Option<String>,
    /// Only in this direction.
    direction: Option<Direction>,
    /// Logged at this time or later.
    from: Option<Millis>,
    /// Logged before this time.
    to: Option<Millis>,
    /// `next_cursor` of the page before.
    #[param(max_length = 1024)]
    cursor: Option<String>,
    /// How many at most; default 100.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// A page of transactions.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TransactionPage {
    /// Those of the newest events first.
    transactions: Vec<Transaction>,
    /// Where the next page begins; missing on the last one. A page can be shorter than `limit` and not be the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List transactions
///
/// Deliveries of events, and records that pipelines have written to their targets: of these, the ones that a webhook
/// brought are `inbound`. A record has its entity type as `document_type` and its instance as `route`.
#[utoipa::path(
    get, path = "/v1/transactions", operation_id = "transactions.list", tag = "transactions",
    params(ListParams),
    responses(
        (status = 200, description = "A page of transactions", body = TransactionPage),
        (status = 400, description = "A bad parameter", body = ErrorBody),
    ),
    security(("oauth2" = ["transactions:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<TransactionsRead>,
    State(transactions): State<Transactions>,
    Params(params): Params<ListParams>,
) -> Result<Json<TransactionPage>, Problem> {
    let limit = query::limit(params.limit, 100, 500)?;
    let after = params.cursor.as_deref().map(place).transpose()?;
    let filter = TransactionFilter {
        statuses: params.status.into_iter().collect(),
        partner_id: params.partner_id,
        document_type: params.document_type,
        direction: params.direction,
        from: params.from,
        to: params.to,
        ..TransactionFilter::default()
    };
    let (page, next) = transactions.page(&caller.scope, &filter, after.as_ref(), limit).await?;
    let transactions = page.into_iter().map(Transaction::from).collect();
    Ok(Json(TransactionPage { transactions, next_cursor: next.as_ref().map(cursor) }))
}
