//! The types of fields that are a single value, and what fits them.

use super::datetime;
use super::decimal::Decimal;
use crate::value::Value;

/// The type of a single value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    String,
    Int,
    Decimal,
    Bool,
    Datetime,
}

/// A converted value, or why there is none.
pub(super) type Converted = Result<Value, &'static str>;

impl Scalar {
    /// Converts a value that is not null.
    pub(super) fn convert(self, value: &Value) -> Converted {
        match self {
            Self::String => Ok(Value::String(text_of(value)?.to_owned())),
            Self::Int => {
                let number = decimal(value).ok_or("is no integer")?;
                number.to_integer().map(Value::Number).ok_or("is no integer")
            }
            Self::Decimal => to_decimal(value),
            Self::Bool => to_bool(value).map(Value::Bool),
            Self::Datetime => {
                let time = value.as_str().and_then(datetime::parse).ok_or("is no date or time")?;
                Ok(Value::String(datetime::format(time)))
            }
        }
    }
}

/// The text of a single value; a number keeps its own.
pub(super) fn text_of(value: &Value) -> Result<&str, &'static str> {
    match value {
        Value::String(text) | Value::Number(text) => Ok(text),
        Value::Bool(true) => Ok("true"),
        Value::Bool(false) => Ok("false"),
        Value::Null | Value::Array(_) | Value::Object(_) => Err("is no single value"),
    }
}

/// The number that a value is or spells.
pub(super) fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(text) | Value::String(text) => Decimal::parse_bounded(text),
        _ => None,
    }
}

/// A decimal number, as a string.
pub(super) fn to_decimal(value: &Value) -> Converted {
    if let Value::Number(text) = value
        && is_plain(text)
    {
        return Ok(Value::String(text.clone()));
    }
    decimal(value).map(|number| Value::String(number.to_plain())).ok_or("is no decimal number")
}

/// Whether a JSON number needs no conversion: it is positive, short, and without an exponent.
fn is_plain(text: &str) -> bool {
    text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// What a value says: `true false 1 0 yes no y n`, in any case.
pub(super) fn to_bool(value: &Value) -> Result<bool, &'static str> {
    let is = |text: &str, words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match value {
        Value::Bool(value) => Ok(*value),
        Value::String(text) | Value::Number(text) if is(text, ["true", "1", "yes", "y"]) => Ok(true),
        Value::String(text) | Value::Number(text) if is(text, ["false", "0", "no", "n"]) => Ok(false),
        _ => Err("is neither true nor false"),
    }
}
