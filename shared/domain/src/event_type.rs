//! Event types: what the catalogue says about events of one name.

use serde::{Deserialize, Serialize};

use super::time::Millis;

/// The most event types of one scope.
pub const MAX_EVENT_TYPES: usize = 500;
/// The most bytes of a description.
pub const MAX_DESCRIPTION_BYTES: usize = 1_024;

/// An event type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventType {
    /// The name of its events.
    pub name: String,
    /// A description for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The JSON Schema of their payloads, as text: the database cannot nest as deep as a schema may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// When it was made.
    pub created_at: Millis,
    /// When it was last put.
    pub updated_at: Millis,
    /// How often it was put.
    #[serde(default)]
    pub revision: u64,
}
