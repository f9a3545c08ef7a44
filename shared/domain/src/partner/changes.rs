//! Changes to JSON: merge patches (RFC 7396), and the difference of two documents field by field.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::sealed::MASK;

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = FieldChange)]
pub struct Change {
    /// The field, as a JSON Pointer.
    #[schema(example = "/as2/url")]
    pub pointer: String,
    /// Its value now; `null` if it has none. A secret is masked.
    pub from: Value,
    /// Its value afterwards; `null` if it has none. A secret is masked.
    pub to: Value,
    /// Said of a secret, whose values are not shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub changed: bool,
}

/// Applies a merge patch: what is `null` is removed, objects are merged, everything else is replaced.
pub fn merge(target: &mut Value, patch: Value) {
    let Value::Object(changes) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(fields) = target {
        for (name, change) in changes {
            if change.is_null() {
                fields.remove(&name);
            } else {
                merge(fields.entry(name).or_insert(Value::Null), change);
            }
        }
    }
}

/// The fields in which two documents differ. Lists are compared whole. Values at `secrets` are not shown.
#[must_use]
pub fn changes(from: &Value, to: &Value, secrets: &[&str]) -> Vec<Change> {
    let mut found = Vec::new();
    walk("", from, to, secrets, &mut found);
    found
}

fn walk(pointer: &str, from: &Value, to: &Value, secrets: &[&str], found: &mut Vec<Change>) {
    if from == to {
        return;
    }
    // An object that comes or goes is seen field by field too.
    let fields = match (from, to) {
        (Value::Object(before), Value::Object(after)) => before.keys().chain(after.keys()).collect(),
        (Value::Object(fields), Value::Null) | (Value::Null, Value::Object(fields)) => fields.keys().collect(),
        _ => {
            let changed = secrets.contains(&pointer);
            let shown = |value: &Value| if changed && !value.is_null() { MASK.into() } else { value.clone() };
            found.push(Change { pointer: pointer.to_owned(), from: shown(from), to: shown(to), changed });
            return;
        }
    };
    let names: BTreeSet<&String> = fields;
    for name in names {
        let at = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
        let [before, after] = [from, to].map(|value| value.get(name).unwrap_or(&Value::Null));
        walk(&at, before, after, secrets, found);
    }
}
