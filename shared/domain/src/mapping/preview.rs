//! What each stage makes of a sample.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Mapping, RecordFault};
use crate::value::Value;

/// The outputs of the stages about one record.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// The record as it was read.
    #[serde(serialize_with = "as_json")]
    pub extracted: Value,
    /// The normalized record.
    #[serde(serialize_with = "as_optional_json")]
    pub normalized: Option<Value>,
    /// The target's record.
    #[serde(serialize_with = "as_optional_json")]
    pub transformed: Option<Value>,
    /// Why a stage has no output.
    pub error: Option<RecordFault>,
}

impl Preview {
    pub(super) fn of(mapping: &Mapping, record: &Value) -> Self {
        let empty = Self { extracted: record.clone(), normalized: None, transformed: None, error: None };
        let normalized = match mapping.normalize(record) {
            Ok(normalized) => normalized,
            Err(error) => return Self { error: Some(error), ..empty },
        };
        let transformed = mapping.transform(&normalized);
        let transformed = transformed.and_then(|transformed| mapping.key(&transformed).map(|_| transformed));
        match transformed {
            Ok(transformed) => Self { normalized: Some(normalized), transformed: Some(transformed), ..empty },
            Err(error) => Self { normalized: Some(normalized), error: Some(error), ..empty },
        }
    }
}

/// Numbers keep their text.
fn as_json<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    RawValue::from_string(value.to_json()).map_err(serde::ser::Error::custom)?.serialize(serializer)
}

fn as_optional_json<S: Serializer>(value: &Option<Value>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => as_json(value, serializer),
        None => serializer.serialize_none(),
    }
}
