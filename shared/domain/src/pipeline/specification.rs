//! Mapping configurations: mapping documents with an id.

use serde::{Deserialize, Serialize};

use super::config::Kind;

/// The most bytes of a mapping document.
pub const MAX_DOCUMENT_BYTES: usize = 128 * 1024;

/// A mapping document as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MappingConfiguration {
    /// Its name.
    pub name: String,
    /// The kind of its records.
    pub entity_type: String,
    /// The document: a JSON text.
    pub document: String,
}

impl Kind for MappingConfiguration {
    const NAME: &'static str = "mappings";
    const PREFIX: &'static str = "map";
    const MAX: usize = 500;
}
