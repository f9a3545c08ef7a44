//! `GET /v1/webhooks/subscriptions/{id}/deliveries`: the attempts to deliver events to a subscription.

use axum::Json;
use axum::extract::State;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use sluice::domain::scope::Scope;
use sluice::domain::time::Millis;
use sluice::domain::transaction::{Outcome, TransactionFilter, TransactionStatus};
use sluice::store::StoreError;
use sluice::store::routes::Routes;
use sluice::store::transactions::Transactions;

use super::find;
use crate::http::auth::{Needs, WebhooksRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::{self, Params, PathParams};
use crate::transactions::{AttemptView, cursor, place};

/// Which deliveries.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Only of deliveries in this state.
    status: Option<TransactionStatus>,
    /// Of events logged at this time or later.
    from: Option<Millis>,
    /// Of events logged before this time.
    to: Option<Millis>,
    /// `next_cursor` of the page before.
    #[param(max_length = 1024)]
    cursor: Option<String>,
    /// How many deliveries at most, each with all of its attempts; default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// An attempt to deliver an event.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeliveryAttempt {
    #[schema(pattern = "^txn_[A-Za-z0-9_:-]{46,145}$")]
    transaction_id: String,
    #[schema(pattern = "^[A-Za-z0-9_:-]{1,100}$")]
    event_id: String,
    #[schema(example = "order.created", pattern = "^[A-Za-z0-9_.-]{1,128}$")]
    event_name: String,
    #[serde(flatten)]
    attempt: AttemptView,
}

impl From<Outcome> for DeliveryAttempt {
    fn from(outcome: Outcome) -> Self {
        let (transaction_id, event_id, event_name) =
            (outcome.id().to_string(), outcome.event.clone(), outcome.name.clone());
        Self { transaction_id, event_id, event_name, attempt: outcome.into() }
    }
}

/// A page of attempts.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeliveryPage {
    /// Those of the newest events first; of one event, the last attempt first.
    deliveries: Vec<DeliveryAttempt>,
    /// Where the next page begins; missing on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List the deliveries of a webhook subscription
#[utoipa::path(
    get, path = "/v1/webhooks/subscriptions/{id}/deliveries", operation_id = "subscriptions.deliveries",
    tag = "subscriptions",
    params(("id" = String, Path, description = "The subscription"), ListParams),
    responses(
        (status = 200, description = "A page of attempts", body = DeliveryPage),
        (status = 400, description = "A bad parameter", body = ErrorBody),
        (status = 404, description = "There is no such subscription", body = ErrorBody),
    ),
    security(("oauth2" = ["webhooks:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn deliveries(
    Needs { caller, .. }: Needs<WebhooksRead>,
    State(routes): State<Routes>,
    State(transactions): State<Transactions>,
    PathParams(id): PathParams<String>,
    Params(params): Params<ListParams>,
) -> Result<Json<DeliveryPage>, Problem> {
    let limit = query::limit(params.limit, 50, 200)?;
    let after = params.cursor.as_deref().map(place).transpose()?;
    let route = find(&routes, &caller.scope, &id).await?;
    let filter = TransactionFilter {
        statuses: params.status.into_iter().collect(),
        route: Some(route.uid),
        from: params.from,
        to: params.to,
        ..TransactionFilter::default()
    };
    let (page, next) = transactions.page(&caller.scope, &filter, after.as_ref(), limit).await?;
    let attempts = page.into_iter().map(|last| attempts(&transactions, &caller.scope, last));
    let attempts: Vec<Vec<Outcome>> = try_join_all(attempts).await?;
    let deliveries = attempts.into_iter().flatten().map(DeliveryAttempt::from).collect();
    Ok(Json(DeliveryPage { deliveries, next_cursor: next.as_ref().map(cursor) }))
}

/// The attempts of a delivery, the last one first.
async fn attempts(transactions: &Transactions, scope: &Scope, last: Outcome) -> Result<Vec<Outcome>, StoreError> {
    if last.is_plain() {
        return Ok(vec![last]);
    }
    let mut attempts = transactions.attempts(scope, &last.id()).await?;
    attempts.reverse();
    Ok(attempts)
}
