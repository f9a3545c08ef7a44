//! Transformers: what a field's value passes through last.

use std::collections::HashMap;
use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, fmt::strtime};
use serde::Deserialize;
use serde_json::Map;

use super::types::{self, Scalar};
use super::{datetime, structure};
use crate::value::Value;

/// The most decimals of `formatDecimal`.
const MAX_DECIMALS: usize = 30;
/// The most bytes of a format of `dateFormat`, and of the name of a time zone.
const MAX_FORMAT_BYTES: usize = 64;

/// A transformer with its options.
#[derive(Debug)]
pub(super) enum Transformer {
    ToString,
    ToInt,
    ToDecimal,
    ToBool,
    FormatDecimal { decimals: usize },
    DateFormat { format: String, zone: TimeZone },
    Lookup { map: HashMap<String, Value>, default: Option<Value> },
    BoolToStatus { when_true: Value, when_false: Value },
    SapYesNo,
}

/// What is wrong with a transformer: the pointer below its field, and words.
pub(super) type Refusal = (String, String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FormatDecimal {
    decimals: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DateFormat {
    format: String,
    timezone: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BoolToStatus {
    true_value: serde_json::Value,
    false_value: serde_json::Value,
}

impl Transformer {
    /// A transformer by its name, whose case does not matter.
    pub(super) fn compile(name: &str, options: Options<'_>) -> Result<Self, Refusal> {
        let name = if name.len() > MAX_FORMAT_BYTES { String::new() } else { name.to_ascii_lowercase() };
        Ok(match name.as_str() {
            "tostring" => read(options).map(|NoOptions {}| Self::ToString)?,
            "toint" => read(options).map(|NoOptions {}| Self::ToInt)?,
            "todecimal" => read(options).map(|NoOptions {}| Self::ToDecimal)?,
            "tobool" => read(options).map(|NoOptions {}| Self::ToBool)?,
            "sapyesno" => read(options).map(|NoOptions {}| Self::SapYesNo)?,
            "formatdecimal" => format_decimal(read(options)?)?,
            "dateformat" => date_format(read(options)?)?,
            "lookup" => lookup(options)?,
            "booltostatus" => {
                let BoolToStatus { true_value, false_value } = read(options)?;
                Self::BoolToStatus { when_true: (&true_value).into(), when_false: (&false_value).into() }
            }
            _ => {
                let names =
                    "toString, toInt, toDecimal, toBool, formatDecimal, dateFormat, lookup, boolToStatus, sapYesNo";
                return Err(("/transform".to_owned(), format!("is none of {names}")));
            }
        })
    }

    /// Passes a value through, which is not null.
    pub(super) fn apply(&self, value: &Value) -> Result<Value, String> {
        match self {
            Self::ToString => Ok(Scalar::String.convert(value)?),
            Self::ToInt => {
                let number = types::decimal(value).ok_or("is no number")?;
                Ok(Value::Number(number.truncated()))
            }
            Self::ToDecimal => Ok(types::to_decimal(value)?),
            Self::ToBool => Ok(Value::Bool(types::to_bool(value)?)),
            Self::FormatDecimal { decimals } => {
                let number = types::decimal(value).ok_or("is no decimal number")?;
                Ok(Value::String(number.rounded(*decimals)))
            }
            Self::DateFormat { format, zone } => {
                let time = value.as_str().and_then(datetime::parse).ok_or("is no date or time")?;
                let text = strtime::format(format, &time.to_zoned(zone.clone()));
                text.map(Value::String).map_err(|error| error.to_string())
            }
            Self::Lookup { map, default } => {
                let found = map.get(types::text_of(value)?).or(default.as_ref());
                found.cloned().ok_or_else(|| "is not in the lookup's map, which has no default".to_owned())
            }
            Self::BoolToStatus { when_true, when_false } => {
                Ok(if types::to_bool(value)? { when_true } else { when_false }.clone())
            }
            Self::SapYesNo => match value.as_str() {
                Some("tYES" | "Y") => Ok(Value::Bool(true)),
                Some("tNO" | "N") => Ok(Value::Bool(false)),
                _ => Err("is none of tYES, Y, tNO, N".to_owned()),
            },
        }
    }
}

type Options<'o> = Option<&'o Map<String, serde_json::Value>>;

fn read<'o, T: Deserialize<'o>>(options: Options<'o>) -> Result<T, Refusal> {
    static NONE: LazyLock<Map<String, serde_json::Value>> = LazyLock::new(Map::new);
    let options = options.unwrap_or(&NONE);
    structure::typed(options).map_err(|(pointer, message)| (format!("/options{pointer}"), message))
}

fn refuse<T>(option: &str, message: impl Into<String>) -> Result<T, Refusal> {
    Err((format!("/options/{option}"), message.into()))
}

fn format_decimal(FormatDecimal { decimals }: FormatDecimal) -> Result<Transformer, Refusal> {
    if decimals > MAX_DECIMALS {
        return refuse("decimals", format!("must be 0 to {MAX_DECIMALS}"));
    }
    Ok(Transformer::FormatDecimal { decimals })
}

fn date_format(DateFormat { format, timezone }: DateFormat) -> Result<Transformer, Refusal> {
    if format.is_empty() || format.len() > MAX_FORMAT_BYTES {
        return refuse("format", format!("must have 1 to {MAX_FORMAT_BYTES} bytes"));
    }
    let name = timezone.as_deref().unwrap_or("UTC");
    let zone = if name.len() > MAX_FORMAT_BYTES { None } else { TimeZoneDatabase::bundled().get(name).ok() };
    let Some(zone) = zone else { return refuse("timezone", "is no IANA time zone") };
    if let Err(error) = strtime::format(&format, &Timestamp::UNIX_EPOCH.to_zoned(zone.clone())) {
        let reason: String = error.to_string().chars().take(200).collect();
        return refuse("format", reason);
    }
    Ok(Transformer::DateFormat { format, zone })
}

/// Its map can be large: it is read where it stands.
fn lookup(options: Options<'_>) -> Result<Transformer, Refusal> {
    let member = |name: &str| options.and_then(|options| options.get(name));
    let others = options.into_iter().flat_map(Map::keys).find(|name| !["map", "default"].contains(&name.as_str()));
    if let Some(name) = others {
        return Err((format!("/options{}", structure::segment(name)), "is not known".to_owned()));
    }
    let Some(map) = member("map") else { return Err(("/options".to_owned(), "must have a map".to_owned())) };
    let Some(map) = map.as_object() else { return refuse("map", "must be an object") };
    let map = map.iter().map(|(key, value)| (key.clone(), value.into())).collect();
    Ok(Transformer::Lookup { map, default: member("default").map(Value::from) })
}
