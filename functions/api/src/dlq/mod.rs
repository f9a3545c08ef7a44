//! Dead letters: records that did not reach their target, and deliveries that were given up.

pub(crate) mod discard;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod replay;
pub(crate) mod replay_all;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use sluice::domain::pipeline::dead_letter::{Category, DeadLetter, LetterStatus};
use sluice::domain::pipeline::stage::Stage;
use sluice::domain::time::Millis;
use sluice::domain::transaction::Outcome;
use sluice::engine::pipelines::{self, Letter};
use sluice::store::pipelines::ReplayError;

use crate::http::problem::Problem;

/// What a dead letter is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetterKind)]
pub(crate) enum Kind {
    /// A record of a pipeline.
    Record,
    /// A delivery of an event.
    Delivery,
}

/// A dead letter.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetter)]
pub(crate) struct LetterView {
    /// Of a delivery: its transaction's.
    #[schema(pattern = "^(dlq_[0-9a-f]{32}|txn_[A-Za-z0-9_:-]{46,145})$")]
    id: String,
    kind: Kind,
    category: Category,
    status: LetterStatus,
    /// Why it failed, in words.
    error: String,
    /// The instance of a record.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_type: Option<String>,
    /// The run of a record.
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<String>,
    /// A record's id at its source, or a delivery's event.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_id: Option<String>,
    /// The transaction of a record.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
    /// Where a record failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<Stage>,
    /// The field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Its value, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// The record as the source gave it: JSON text; only where a single dead letter is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    /// The run that sent it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed_by: Option<String>,
    created_at: Millis,
    updated_at: Millis,
}

impl From<DeadLetter> for LetterView {
    fn from(letter: DeadLetter) -> Self {
        Self {
            id: letter.id,
            kind: Kind::Record,
            category: letter.category,
            status: letter.status,
            error: letter.error,
            instance_id: Some(letter.instance),
            entity_type: Some(letter.entity_type),
            correlation_id: Some(letter.run),
            source_id: letter.source_id,
            transaction_id: Some(letter.transaction),
            stage: Some(letter.stage),
            field: letter.field,
            value: letter.value,
            payload: None,
            replayed_by: letter.replayed_by,
            created_at: letter.created_at,
            updated_at: letter.updated_at,
        }
    }
}

impl From<Outcome> for LetterView {
    fn from(outcome: Outcome) -> Self {
        let status = match (pipelines::is_dead(&outcome), outcome.discarded) {
            (true, true) => LetterStatus::Discarded,
            (true, false) => LetterStatus::Pending,
            (false, _) => LetterStatus::Replayed,
        };
        Self {
            id: outcome.id().to_string(),
            kind: Kind::Delivery,
            category: pipelines::category(&outcome),
            status,
            error: outcome.error,
            instance_id: None,
            entity_type: outcome.document_type,
            correlation_id: None,
            source_id: Some(outcome.event),
            transaction_id: None,
            stage: None,
            field: None,
            value: None,
            payload: None,
            replayed_by: None,
            created_at: outcome.logged_at,
            updated_at: outcome.at,
        }
    }
}

impl From<Letter> for LetterView {
    fn from(letter: Letter) -> Self {
        match letter {
            Letter::Record(letter) => (*letter).into(),
            Letter::Delivery(outcome) => (*outcome).into(),
        }
    }
}

impl From<ReplayError> for Problem {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::NotFound => Self::not_found(),
            ReplayError::Over(LetterStatus::Discarded) => over("already_discarded"),
            ReplayError::Over(_) => over("already_replayed"),
            ReplayError::NotKept => {
                let message = "The record was too large to be kept: send it as `payload`.";
                Self::new(StatusCode::CONFLICT, "record_not_kept", message)
            }
            ReplayError::Store(error) => error.into(),
        }
    }
}

/// 409 for a dead letter that is not pending.
fn over(code: &'static str) -> Problem {
    Problem::new(StatusCode::CONFLICT, code, "The dead letter is not pending any more.")
}
