//! JSON Schemas (draft 2020-12) of event payloads: compiled once, bounded in what a check may cost.
//!
//! Nothing is ever fetched: a reference stays inside its schema, or is to the draft's own. Patterns run on an engine
//! that takes linear time, and how many parts of a schema look at one place of a payload has a limit ([`weight`]).

mod refs;
#[cfg(test)]
mod tests;
mod weight;

use std::fmt;

use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

/// The most bytes of a schema, as compact JSON.
pub const MAX_SCHEMA_BYTES: usize = 64 * 1024;
/// The most faults told about one payload.
const MAX_FAULTS: usize = 10;
/// The most bytes of a compiled pattern.
const MAX_PATTERN_BYTES: usize = 256 * 1024;

/// Something that is wrong: where, as a JSON Pointer, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Into the schema, or into the payload.
    pub pointer: String,
    /// The error in words.
    pub message: String,
}

impl Fault {
    fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }

    /// Of an error: without the value, which may be large, or secret.
    fn of(error: &ValidationError<'_>) -> Self {
        let message: String = error.masked().to_string().chars().take(300).collect();
        Self::new(error.instance_path().as_str(), message)
    }
}

/// A compiled schema.
pub struct Schema(Validator);

impl Schema {
    /// Compiles a schema. It recurses: to be called on a thread with a large stack.
    ///
    /// # Errors
    /// Its errors.
    pub fn compile(schema: &Value) -> Result<Self, Vec<Fault>> {
        if schema.to_string().len() > MAX_SCHEMA_BYTES {
            return Err(vec![Fault::new("", format!("a schema may take {MAX_SCHEMA_BYTES} bytes"))]);
        }
        let invalid = jsonschema::draft202012::meta::validator();
        let faults: Vec<Fault> = invalid.iter_errors(schema).take(MAX_FAULTS).map(|error| Fault::of(&error)).collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        let anchors = refs::check(schema)?;
        weight::check(schema, &anchors).map_err(|fault| vec![fault])?;
        let patterns = PatternOptions::regex().size_limit(MAX_PATTERN_BYTES).dfa_size_limit(4 * MAX_PATTERN_BYTES);
        let options = jsonschema::options().with_draft(Draft::Draft202012).offline().with_pattern_options(patterns);
        options.build(schema).map(Self).map_err(|error| vec![Fault::of(&error)])
    }

    /// The errors of a payload; none if it conforms. It recurses: call it on a thread with a large stack.
    #[must_use]
    pub fn faults(&self, payload: &str) -> Vec<Fault> {
        let payload: Value = match serde_json::from_str(payload) {
            Ok(payload) => payload,
            Err(error) => return vec![Fault::new("", format!("cannot be checked against its schema: {error}"))],
        };
        if self.0.is_valid(&payload) {
            return Vec::new();
        }
        self.0.iter_errors(&payload).take(MAX_FAULTS).map(|error| Fault::of(&error)).collect()
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").finish_non_exhaustive()
    }
}
