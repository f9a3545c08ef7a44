//! Mappings: how a record of a source becomes a normalized one, and that becomes a record of a target.
//!
//! A [`document`] is compiled once into a [`Mapping`], which is then applied to many records. The compiler reports
//! everything that is wrong with a document; what is wrong with a record is one [`RecordFault`].
//!
//! Nothing here takes long: paths, expressions and fields have limits, and so has what one record may take. Expressions
//! recurse: documents and mappings are for a thread with a large stack.

mod compile;
mod datetime;
mod decimal;
pub mod document;
mod fault;
mod fields;
pub mod path;
mod preview;
mod records;
mod schema;
mod scope;
mod structure;
#[cfg(test)]
mod tests;
mod transformers;
mod types;

use std::fmt;

pub use self::fault::RecordFault;
pub use self::preview::Preview;
pub use self::schema::published_schema;

use self::fields::Fields;
use self::path::Path;
use self::scope::{Lazy, Limits, Scope};
use crate::expression::Members;
use crate::pipeline::extraction::Extraction;
use crate::value::Value;

/// The most faults that are reported about one document.
pub const MAX_FAULTS: usize = 100;

/// Something that is wrong with a mapping document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pointer} {message}")]
pub struct MappingFault {
    /// Where, as a JSON Pointer.
    pub pointer: String,
    /// The error in words.
    pub message: String,
}

impl MappingFault {
    fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

/// A compiled mapping.
pub struct Mapping {
    name: String,
    entity_type: String,
    extract: Extract,
    normalization: Phase,
    transformation: Phase,
    /// The targets that identify a record.
    key: Vec<KeyTarget>,
}

/// A target that is part of the key.
struct KeyTarget {
    name: String,
    /// The names of the objects around it, and its own.
    names: Vec<String>,
}

/// The extraction with its paths.
struct Extract {
    extraction: Extraction,
    records: Option<Path>,
    source_id: Path,
    cursor: Option<Path>,
}

/// A stage: its fields, and the members of the record that their conditions look at.
struct Phase {
    fields: Fields,
    record_members: Members,
}

impl Mapping {
    /// Compiles a document. It recurses: to be called on a thread with a large stack. The document's size is the
    /// caller's to check.
    ///
    /// # Errors
    /// All that is wrong with it, up to [`MAX_FAULTS`].
    pub fn compile(document: &serde_json::Value) -> Result<Self, Vec<MappingFault>> {
        compile::mapping(document)
    }

    /// Makes the normalized record of a record.
    ///
    /// # Errors
    /// The first field that it does not fit.
    pub fn normalize(&self, record: &Value) -> Result<Value, RecordFault> {
        self.normalization.apply(record)
    }

    /// Makes the target's record of a normalized one.
    ///
    /// # Errors
    /// The first field that it does not fit.
    pub fn transform(&self, normalized: &Value) -> Result<Value, RecordFault> {
        self.transformation.apply(normalized)
    }

    /// What each stage makes of a record.
    #[must_use]
    pub fn preview(&self, record: &Value) -> Preview {
        Preview::of(self, record)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kind of record that it maps.
    #[must_use]
    pub fn entity_type(&self) -> &str {
        &self.entity_type
    }

    /// How records are read.
    #[must_use]
    pub fn extraction(&self) -> &Extraction {
        &self.extract.extraction
    }

    /// Whether it says what a record is found by at the target.
    #[must_use]
    pub fn has_key(&self) -> bool {
        !self.key.is_empty()
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Phase {
    fn apply(&self, record: &Value) -> Result<Value, RecordFault> {
        let data = Lazy::new(record, &self.record_members);
        let limits = Limits::of_record();
        self.fields.object(&Scope::of_record(record, &data, &limits)).map(Value::Object)
    }
}
