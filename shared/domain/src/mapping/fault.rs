//! What is wrong with a record, and where.

use serde::{Deserialize, Serialize};

use super::path::TooMany;
use crate::value::Value;

/// The most bytes of a value that is shown.
const MAX_SHOWN_BYTES: usize = 200;

/// Why a record cannot be mapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[error("{field}: {message}: {value}")]
pub struct RecordFault {
    /// The field, as in `lines[2].sku`: items count from 0, as they do in the source.
    pub field: String,
    /// The value as JSON, cut if it is long. Empty if there is none.
    pub value: String,
    /// The error in words.
    pub message: String,
}

impl RecordFault {
    /// Of a value; its place is added by [`Self::within`].
    pub(super) fn of(value: Option<&Value>, message: impl Into<String>) -> Self {
        Self { field: String::new(), value: value.map(shown).unwrap_or_default(), message: message.into() }
    }

    /// Of a field of the record itself.
    pub(super) fn at(field: &str, value: Option<&Value>, message: impl Into<String>) -> Self {
        Self::of(value, message).within(field)
    }

    /// The same, in a field.
    pub(super) fn within(self, target: &str) -> Self {
        let dot = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        Self { field: format!("{target}{dot}{}", self.field), ..self }
    }

    /// The same, in an item.
    pub(super) fn within_item(self, index: usize) -> Self {
        self.within(&format!("[{index}]"))
    }
}

impl From<TooMany> for RecordFault {
    fn from(error: TooMany) -> Self {
        Self::of(None, error.to_string())
    }
}

/// A value's JSON text, cut.
fn shown(value: &Value) -> String {
    let text = value.to_json();
    if text.len() <= MAX_SHOWN_BYTES {
        return text;
    }
    format!("{}\u{2026}", &text[..text.floor_char_boundary(MAX_SHOWN_BYTES)])
}
