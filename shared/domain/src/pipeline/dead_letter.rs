//! Dead letters of pipelines: records that did not reach their target.

use serde::{Deserialize, Serialize};

use super::stage::Stage;
use crate::time::Millis;
use crate::transaction::Direction;

/// Why a record failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetterCategory)]
pub enum Category {
    /// It may work later: the system was busy or not reachable.
    Transient,
    /// It will not work until the record, the mapping or the target changes.
    Permanent,
    /// The system did not say.
    Unknown,
}

/// What became of a dead letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetterStatus)]
pub enum LetterStatus {
    /// Nothing yet.
    #[default]
    Pending,
    /// It was sent again.
    Replayed,
    /// Somebody gave it up.
    Discarded,
}

/// A record that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The id; it begins with the time of its run, so ids sort by time.
    pub id: String,
    /// The instance.
    pub instance: String,
    /// The entity type.
    pub entity_type: String,
    /// The run.
    pub run: String,
    /// The record's id at the source, if it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// Its transaction.
    #[serde(default)]
    pub transaction: String,
    /// Which way the record goes.
    #[serde(default, skip_serializing_if = "Direction::is_outbound")]
    pub direction: Direction,
    /// Which attempt of the transaction failed, from 1.
    #[serde(default)]
    pub attempt: u32,
    /// Where it failed.
    pub stage: Stage,
    /// Why, in a word.
    pub category: Category,
    /// The field that is at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Its value, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Why, in words.
    pub error: String,
    /// Whether the record as the source gave it is kept: it may be too large.
    pub kept: bool,
    /// When the source says that it happened, if a webhook brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triggered_at: Option<Millis>,
    /// What became of it.
    #[serde(default)]
    pub status: LetterStatus,
    /// The run that sent it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed_by: Option<String>,
    /// When the record failed.
    pub created_at: Millis,
    /// When its state changed.
    pub updated_at: Millis,
    /// How often it was written.
    #[serde(default)]
    pub revision: u64,
}

/// Which dead letters are asked for. What is missing sets no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LetterFilter {
    /// Of this instance.
    pub instance: Option<String>,
    /// Of this entity type.
    pub entity_type: Option<String>,
    /// In this state.
    pub status: Option<LetterStatus>,
    /// Of this category.
    pub category: Option<Category>,
    /// That failed at this time or later.
    pub from: Option<Millis>,
    /// That failed before.
    pub to: Option<Millis>,
}

/// What of a dead letter decides whether it is listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LetterFacts {
    /// Its id.
    pub id: String,
    /// The instance.
    pub instance: String,
    /// The entity type.
    pub entity_type: String,
    /// Its state.
    #[serde(default)]
    pub status: LetterStatus,
    /// Why it failed.
    pub category: Category,
    /// When the record failed.
    pub created_at: Millis,
    /// Whether its record is kept.
    #[serde(default)]
    pub kept: bool,
}

impl LetterFilter {
    /// Whether it asks for this one.
    #[must_use]
    pub fn matches(&self, letter: &LetterFacts) -> bool {
        self.instance.as_ref().is_none_or(|instance| *instance == letter.instance)
            && self.entity_type.as_ref().is_none_or(|entity| *entity == letter.entity_type)
            && self.status.is_none_or(|status| status == letter.status)
            && self.category.is_none_or(|category| category == letter.category)
            && self.from.is_none_or(|from| letter.created_at >= from)
            && self.to.is_none_or(|to| letter.created_at < to)
    }
}
