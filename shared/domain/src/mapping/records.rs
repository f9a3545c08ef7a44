//! What a mapping says about records as a whole: where they are in a page, what they are called, how they compare.

use std::cmp::Ordering;

use super::decimal::Decimal;
use super::types::{self, Scalar};
use super::{Mapping, RecordFault};
use crate::pipeline::extraction::CursorType;
use crate::value::Value;

/// The most bytes of a record's id, and of a cursor.
const MAX_ID_BYTES: usize = 1_024;

impl Mapping {
    /// The records of a page: by the extraction's path, else the items of an array, else the page itself.
    ///
    /// # Errors
    /// The path gives too many, or something else than records.
    pub fn records<'p>(&self, page: &'p Value) -> Result<Vec<&'p Value>, RecordFault> {
        let field = "extraction.records";
        let Some(path) = &self.extract.records else {
            return Ok(items_or_self(page));
        };
        if !path.is_singular() {
            return path.nodes(page).map_err(|error| RecordFault::at(field, None, error.to_string()));
        }
        Ok(match path.one(page) {
            None | Some(Value::Null) => Vec::new(),
            Some(node) => items_or_self(node),
        })
    }

    /// A record's id in the source.
    ///
    /// # Errors
    /// It has none.
    pub fn source_id(&self, record: &Value) -> Result<String, RecordFault> {
        let value = self.extract.source_id.one(record);
        let fault = |message: &str| RecordFault::at("extraction.sourceId", value, message);
        match value {
            Some(Value::String(text) | Value::Number(text)) if !text.is_empty() => {
                if text.len() > MAX_ID_BYTES {
                    Err(fault("is too long for an id"))
                } else {
                    Ok(text.clone())
                }
            }
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => Err(fault("is no id")),
            _ => Err(fault("is required")),
        }
    }

    /// Where a record stands in the order that a run follows, in a form that
    /// [`compare_cursors`](Self::compare_cursors) takes: a time is written in UTC with milliseconds.
    #[must_use]
    pub fn cursor_value(&self, record: &Value) -> Option<String> {
        let (path, cursor) = self.extract.cursor.as_ref().zip(self.extract.extraction.cursor.as_ref())?;
        let value = path.one(record)?;
        let text = match cursor.kind {
            CursorType::Datetime => Scalar::Datetime.convert(value).ok()?.as_str()?.to_owned(),
            CursorType::Int => types::decimal(value)?.to_plain(),
            CursorType::String => types::text_of(value).ok()?.to_owned(),
        };
        (1..=MAX_ID_BYTES).contains(&text.len()).then_some(text)
    }

    /// Compares two values of the cursor: numbers as numbers, times and texts as texts.
    #[must_use]
    pub fn compare_cursors(&self, a: &str, b: &str) -> Ordering {
        let kind = self.extract.extraction.cursor.as_ref().map(|cursor| cursor.kind);
        let numbers = || Decimal::parse(a).zip(Decimal::parse(b));
        match if kind == Some(CursorType::Int) { numbers() } else { None } {
            Some((a, b)) => a.compare(&b),
            None => a.cmp(b),
        }
    }

    /// What identifies a transformed record: the key's value; if it has several, joined by colons, with a backslash
    /// before each colon and backslash that they have themselves. `None` if no key is configured.
    ///
    /// # Errors
    /// A value of the key is missing, empty, or no single value.
    pub fn key(&self, transformed: &Value) -> Result<Option<String>, RecordFault> {
        let parts: Result<Vec<&Value>, RecordFault> =
            self.key.iter().map(|target| part(&target.name, member(transformed, &target.names))).collect();
        Ok(match &parts?[..] {
            [] => None,
            [only] => Some(text(only)),
            parts => Some(parts.iter().map(|part| escaped(&text(part))).collect::<Vec<_>>().join(":")),
        })
    }

    /// The targets of the transformation in their order, constants first: the columns of a file.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        self.transformation.fields.targets.iter().map(|target| target.name.clone()).collect()
    }
}

/// A single value as text.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) | Value::Number(text) => text.clone(),
        value => value.to_json(),
    }
}

fn escaped(part: &str) -> String {
    part.replace('\\', "\\\\").replace(':', "\\:")
}

fn items_or_self(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        value => vec![value],
    }
}

/// A member of a member, by names.
fn member<'v>(value: &'v Value, names: &[String]) -> Option<&'v Value> {
    names.iter().try_fold(value, |value, name| value.get(name))
}

/// A part of a record's key.
fn part<'v>(target: &str, value: Option<&'v Value>) -> Result<&'v Value, RecordFault> {
    match value {
        Some(Value::Array(_) | Value::Object(_)) => {
            Err(RecordFault::at(target, value, "is no single value, and part of the key"))
        }
        Some(value) if !value.is_null() && value.as_str() != Some("") => Ok(value),
        _ => Err(RecordFault::at(target, value, "is required: it is part of the key")),
    }
}
