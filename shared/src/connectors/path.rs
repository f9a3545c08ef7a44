//! Paths into JSON. What a plain one leads to, by names and all items of a list, is taken out of a response without a
//! copy.

use crate::domain::mapping::path::Path as FullPath;
use crate::domain::value::Value;

/// A path, such as `$.orders[*]`.
#[derive(Clone, Debug)]
pub(super) enum Path {
    /// Of names, indexes and `[*]`.
    Plain(Steps),
    /// Any other.
    Full(FullPath),
}

/// The steps of a plain path.
#[derive(Clone, Debug)]
pub(super) struct Steps(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
    All,
}

impl Path {
    /// Reads a path. The error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        // Its bounds are those of every path.
        let full = FullPath::parse(text).map_err(|error| format!("the path {text} cannot be read: {error}"))?;
        Ok(Steps::parse(text).map_or(Self::Full(full), Self::Plain))
    }

    /// The first that it leads to.
    pub(super) fn one<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match self {
            Self::Plain(steps) => steps.nodes(value).into_iter().next(),
            Self::Full(path) => path.nodes(value).ok()?.into_iter().next(),
        }
    }

    /// The text or the number that it leads to.
    pub(super) fn text(&self, value: &Value) -> Option<String> {
        self.one(value).and_then(text_of)
    }

    /// Takes out what it leads to.
    ///
    /// # Errors
    /// There is too much of it.
    pub(super) fn take(&self, value: Value) -> Result<Vec<Value>, String> {
        match self {
            Self::Plain(steps) => Ok(steps.take(value)),
            Self::Full(path) => match path.nodes(&value) {
                Ok(nodes) => Ok(nodes.into_iter().cloned().collect()),
                Err(error) => Err(format!("the path {}: {error}", path.as_str())),
            },
        }
    }
}

impl Steps {
    fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, tail) = step(rest)?;
            steps.push(step);
            rest = tail;
        }
        Some(Self(steps))
    }

    fn nodes<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        let mut nodes = vec![value];
        for step in &self.0 {
            nodes = match step {
                Step::Name(name) => nodes.into_iter().filter_map(|node| node.get(name)).collect(),
                Step::Index(index) => nodes.into_iter().filter_map(|node| node.as_array()?.get(*index)).collect(),
                Step::All => nodes.into_iter().flat_map(children).collect(),
            };
        }
        nodes
    }

    fn take(&self, mut value: Value) -> Vec<Value> {
        let names = match self.0.split_last() {
            Some((Step::All, names)) if !names.contains(&Step::All) => names,
            _ => return self.nodes(&value).into_iter().cloned().collect(),
        };
        let mut place = &mut value;
        for step in names {
            let below = match (step, place) {
                (Step::Name(name), Value::Object(object)) => object.get(name).is_some().then(|| object.entry(name)),
                (Step::Index(index), Value::Array(items)) => items.get_mut(*index),
                _ => None,
            };
            let Some(below) = below else { return Vec::new() };
            place = below;
        }
        match std::mem::replace(place, Value::Null) {
            Value::Array(items) => items,
            other => children(&other).cloned().collect(),
        }
    }
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(object) => Box::new(object.iter().map(|(_, value)| value)),
        _ => Box::new(std::iter::empty()),
    }
}

/// A text or a number as text.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) | Value::Number(text) => Some(text.clone()),
        _ => None,
    }
}

fn step(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix('.') {
        if let Some(rest) = rest.strip_prefix('*') {
            return Some((Step::All, rest));
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, tail) = rest.split_at(end);
        let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || !c.is_ascii();
        return (!name.is_empty() && name.chars().all(plain)).then(|| (Step::Name(name.to_owned()), tail));
    }
    let inside = text.strip_prefix('[')?;
    for quote in ['\'', '"'] {
        if let Some(rest) = inside.strip_prefix(quote) {
            let (name, tail) = rest.split_once(quote)?;
            let tail = tail.strip_prefix(']')?;
            return (!name.contains('\\')).then(|| (Step::Name(name.to_owned()), tail));
        }
    }
    let (inside, tail) = inside.split_once(']')?;
    if inside == "*" {
        return Some((Step::All, tail));
    }
    inside.parse().ok().map(|index| (Step::Index(index), tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        Value::parse(text.as_bytes()).expect("JSON")
    }

    #[test]
    fn records_are_taken_out() {
        let response = value(r#"{"data":{"orders":[{"id":1},{"id":2}]},"a b":[3]}"#);
        for (path, expected) in [
            ("$.data.orders[*]", r#"[{"id":1},{"id":2}]"#),
            ("$['data']['orders'][1]", r#"[{"id":2}]"#),
            ("$.data.orders[*].id", "[1,2]"),
            ("$['a b'][*]", "[3]"),
            ("$.data", r#"[{"orders":[{"id":1},{"id":2}]}]"#),
            ("$.missing[*]", "[]"),
            ("$.data[*][*]", r#"[{"id":1},{"id":2}]"#),
        ] {
            let path = Path::parse(path).expect("a path");
            assert!(matches!(path, Path::Plain(_)));
            assert_eq!(path.take(response.clone()).map(Value::Array), Ok(value(expected)));
            assert_eq!(path.one(&response), value(expected).as_array().and_then(<[_]>::first));
        }
    }

    #[test]
    fn other_paths_are_read_too() {
        let response = value(r#"{"a":[{"id":1},{"id":2,"x":true}]}"#);
        for (path, expected) in
            [("$.a[?@.x]", r#"[{"id":2,"x":true}]"#), ("$.a[-1].id", "[2]"), ("$.a[0:1]", r#"[{"id":1}]"#)]
        {
            let path = Path::parse(path).expect("a path");
            assert_eq!(path.take(response.clone()).map(Value::Array), Ok(value(expected)));
            assert_eq!(path.one(&response), value(expected).as_array().and_then(<[_]>::first));
        }
        for bad in ["", "a", "$.", "$[", "$['a", "$.a b"] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
    }
}
