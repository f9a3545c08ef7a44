//! Records and items as CEL's values.

use std::collections::HashMap;

use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString};
use cel::common::value::Val;

use super::Members;
use crate::value::Value;

/// A JSON value as CEL sees it; its texts stay where they are.
pub(crate) struct Data<'v> {
    pub(super) value: Box<dyn Val + 'v>,
    weight: usize,
}

impl<'v> Data<'v> {
    /// Converts a value; of an object, only these members.
    pub(crate) fn of(value: &'v Value, members: &Members) -> Self {
        let mut weight = 0;
        let value = match value {
            Value::Object(object) => map(object.iter().filter(|(name, _)| members.contain(name)), &mut weight),
            value => convert(value, &mut weight),
        };
        Self { value, weight }
    }

    /// How much there is to look at: values, and more for long texts.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }
}

fn map<'v>(members: impl Iterator<Item = (&'v str, &'v Value)>, weight: &mut usize) -> Box<dyn Val + 'v> {
    let entry = |(name, value)| (CelMapKey::String(CelString::from(name)), convert(value, weight));
    let map: HashMap<CelMapKey<'v>, Box<dyn Val + 'v>> = members.map(entry).collect();
    Box::new(CelMap::from(map))
}

fn convert<'v>(value: &'v Value, weight: &mut usize) -> Box<dyn Val + 'v> {
    *weight += 1;
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Number(text) => {
            *weight += text.len() / 16;
            number(text)
        }
        Value::String(text) => {
            *weight += text.len() / 16;
            Box::new(CelString::from(text.as_str()))
        }
        Value::Array(items) => {
            let items: Vec<Box<dyn Val + 'v>> = items.iter().map(|item| convert(item, weight)).collect();
            Box::new(CelList::from(items))
        }
        Value::Object(object) => map(object.iter(), weight),
    }
}

/// A literal such as `5` is an int: a number is one too, where it fits.
fn number<'v>(text: &str) -> Box<dyn Val + 'v> {
    match text.parse::<i64>() {
        Ok(number) => Box::new(CelInt::from(number)),
        Err(_) => Box::new(CelDouble::from(text.parse::<f64>().unwrap_or(f64::NAN))),
    }
}
