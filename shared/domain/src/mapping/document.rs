//! Mapping documents as users write them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::pipeline::extraction::Extraction;

/// A mapping document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = MappingDocument)]
pub struct Document {
    /// What it is called.
    pub name: String,
    /// The kind of record that it maps.
    pub entity_type: String,
    /// How records are read.
    pub extraction: Extraction,
    /// From a record of the source to a normalized one.
    pub normalization: Normalization,
    /// From a normalized record to one of the target.
    pub transformation: Transformation,
}

/// The first stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MappingNormalization)]
pub struct Normalization {
    /// The fields of the normalized record.
    pub fields: Vec<Field>,
}

/// The second stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MappingTransformation)]
pub struct Transformation {
    /// The targets that identify a record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// Values that every record has.
    #[serde(rename = "static", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub constants: BTreeMap<String, Value>,
    /// The fields of the target's record.
    pub fields: Vec<Field>,
}

/// A field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = MappingField)]
pub struct Field {
    /// Its name; dots separate the names of nested objects.
    pub target: String,
    /// Where its value is: a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What `$` is in the path, if not the item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Origin>,
    /// Its value, the same for each record.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub value: Option<Value>,
    /// The type that its value is converted to.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FieldType>,
    /// Its value if the source's is missing or null.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub default: Option<Value>,
    /// Whether a record without it is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// A condition: without it, the next field of the same target is tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Which items an array takes: a condition.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// The transformer that its value passes through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<String>,
    /// The transformer's options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub options: Option<Map<String, Value>>,
    /// The fields of an object, or of each item of an array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub fields: Option<Vec<Field>>,
}

/// What `$` is in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MappingOrigin)]
pub enum Origin {
    /// The whole record.
    Record,
}

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MappingFieldType)]
pub enum FieldType {
    /// Text.
    String,
    /// An integer of any size.
    Int,
    /// A decimal number; it is written as a string with all its digits.
    Decimal,
    /// True or false.
    Bool,
    /// A time; it is written in UTC, as RFC 3339 with milliseconds.
    Datetime,
    /// A list.
    Array,
    /// An object.
    Object,
}

/// Tells `null` from a missing member.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
