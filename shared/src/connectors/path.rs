//! Paths into JSON. The plain ones, by names and all items of a list, are taken out of a response without a copy.

use crate::domain::value::Value;

/// A path of names, indexes and `[*]`, such as `$.orders[*]`.
#[derive(Clone, Debug)]
pub(super) struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
    All,
}

impl Path {
    /// Reads a path. The error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let unreadable = || format!("the path {text} cannot be read");
        let mut rest = text.strip_prefix('$').ok_or_else(unreadable)?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, tail) = step(rest).ok_or_else(unreadable)?;
            steps.push(step);
            rest = tail;
        }
        Ok(Self(steps))
    }

    /// What it leads to.
    pub(super) fn nodes<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
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

    /// The first that it leads to.
    pub(super) fn one<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.nodes(value).into_iter().next()
    }

    /// The text or the number that it leads to.
    pub(super) fn text(&self, value: &Value) -> Option<String> {
        self.one(value).and_then(text_of)
    }

    /// Takes out what it leads to.
    pub(super) fn take(&self, mut value: Value) -> Vec<Value> {
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
            let nodes = path.nodes(&response).into_iter().cloned().collect();
            assert_eq!(Value::Array(nodes), value(expected));
            assert_eq!(Value::Array(path.take(response.clone())), value(expected));
        }
    }

    #[test]
    fn other_paths_are_refused() {
        for bad in ["", "a", "$.", "$[", "$['a", "$[?@.a]", "$..a", "$[-1]", "$[1:2]", "$.a b"] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
    }
}
