//! Transactions: deliveries as an operator sees them.

pub(crate) mod document;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod mdn;
pub(crate) mod retry;

use serde::Serialize;
use sluice::domain::attempt::{Attempt, Verdict};
use sluice::domain::time::Millis;
use sluice::domain::transaction::{Direction, Outcome, RouteKind, TransactionStatus};

use crate::http::problem::Problem;
use crate::http::query;
use sluice::store::transactions::Place;

/// A delivery of one event to one route, or a record on its way through a pipeline.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Transaction {
    #[schema(pattern = "^txn_[A-Za-z0-9_:-]{46,145}$")]
    id: String,
    status: TransactionStatus,
    direction: Direction,
    /// The event's id. Of a record: its id at its source, if that has the form of one.
    #[schema(pattern = "^[A-Za-z0-9_:-]{1,100}$")]
    event_id: String,
    /// The event's name, or the record's entity type.
    #[schema(example = "order.created", pattern = "^[A-Za-z0-9_.-]{1,128}$")]
    event_name: String,
    /// The route that the event is for, or the instance of the pipeline.
    route: RouteView,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 256)]
    partner_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 256)]
    document_type: Option<String>,
    /// How many attempts there were.
    #[schema(minimum = 0, maximum = 1_000_000)]
    attempt_count: u32,
    /// The HTTP status code of the last attempt, if there was a response.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 100, maximum = 599)]
    code: Option<u16>,
    /// Why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// When the event was logged, or the record was read.
    created_at: Millis,
    /// When the last attempt ended; before the first one, when it was handed in.
    updated_at: Millis,
}

/// A route as its user knows it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RouteView {
    /// What it is.
    #[serde(rename = "type")]
    kind: RouteKind,
    /// Its id there.
    #[schema(max_length = 100)]
    id: String,
}

impl From<Outcome> for Transaction {
    fn from(outcome: Outcome) -> Self {
        Self {
            id: outcome.id().to_string(),
            status: outcome.status,
            direction: outcome.direction,
            event_id: outcome.event,
            event_name: outcome.name,
            route: RouteView { kind: outcome.route.kind, id: outcome.route.id },
            partner_id: outcome.partner_id,
            document_type: outcome.document_type,
            attempt_count: outcome.attempt,
            code: outcome.code,
            error: (!outcome.error.is_empty()).then_some(outcome.error),
            created_at: outcome.logged_at,
            updated_at: outcome.at,
        }
    }
}

/// One attempt.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AttemptView {
    /// Counts from 1.
    #[schema(minimum = 1, maximum = 1_000_000)]
    attempt: u32,
    /// The transaction's state after it.
    status: TransactionStatus,
    /// The HTTP status code, if there was a response.
    #[schema(minimum = 100, maximum = 599)]
    code: Option<u16>,
    /// How long it took, in milliseconds.
    #[schema(minimum = 0, maximum = 4_294_967_295_u32)]
    duration_ms: u32,
    /// The first 4 KiB of the response.
    #[schema(max_length = 4096)]
    response: String,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// When it ended.
    at: Millis,
}

impl From<Outcome> for AttemptView {
    fn from(outcome: Outcome) -> Self {
        Self {
            attempt: outcome.attempt,
            status: outcome.status,
            code: outcome.code,
            duration_ms: outcome.millis,
            response: outcome.response,
            error: (!outcome.error.is_empty()).then_some(outcome.error),
            at: outcome.at,
        }
    }
}

/// The state that one attempt alone leaves a delivery in.
pub(crate) fn status_of(attempt: &Attempt) -> TransactionStatus {
    match attempt.verdict {
        Verdict::Delivered | Verdict::Settled => TransactionStatus::Delivered,
        Verdict::Pending { .. } => TransactionStatus::Delivering,
        Verdict::Rejected => TransactionStatus::Rejected,
        Verdict::Gone | Verdict::Failed { .. } => TransactionStatus::Failed,
    }
}

/// The cursor of a place in a list of transactions.
pub(crate) fn cursor(place: &Place) -> String {
    query::encode_cursor(&place.to_string())
}

/// The place of a cursor.
pub(crate) fn place(cursor: &str) -> Result<Place, Problem> {
    query::decode_cursor(cursor)?.parse().map_err(|_| query::bad_cursor())
}

#[cfg(test)]
mod fuzz {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_cursor_is_refused_or_read(text: String, at in "[0-9]{13}#[a-z0-9_]{1,40}", passed in 0_usize..1_000) {
            let _ = place(&text);
            let here = Place { at, passed };
            prop_assert_eq!(place(&cursor(&here)).ok(), Some(here));
        }
    }
}
