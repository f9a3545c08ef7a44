//! References: each must stay inside its schema, or be to the draft's own.

use std::collections::HashMap;

use serde_json::Value;

use super::Fault;

/// The prefix of the draft's own schemas.
pub(super) const DRAFT: &str = "https://json-schema.org/draft/2020-12/";

/// The names that references can use beside pointers: the schema's own id, and its anchors.
pub(super) struct Anchors<'a> {
    root: &'a Value,
    id: Option<&'a str>,
    named: HashMap<&'a str, &'a Value>,
}

/// Where a reference leads.
pub(super) enum Target<'a> {
    /// To a part of the same schema.
    Here(&'a Value),
    /// To the draft's own schema.
    Draft,
    /// To what would have to be fetched.
    Elsewhere,
    /// Nowhere.
    Nothing,
}

impl<'a> Anchors<'a> {
    pub(super) fn target(&self, reference: &str) -> Target<'a> {
        if reference.starts_with(DRAFT) {
            return Target::Draft;
        }
        let (document, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let own = self.id.is_some_and(|id| id.trim_end_matches('#') == document);
        if !document.is_empty() && !own {
            return Target::Elsewhere;
        }
        let Some(fragment) = decode(fragment) else { return Target::Nothing };
        let place = if fragment.is_empty() || fragment.starts_with('/') {
            self.root.pointer(&fragment)
        } else {
            self.named.get(fragment.as_str()).copied()
        };
        place.map_or(Target::Nothing, Target::Here)
    }
}

/// Undoes percent-encoding.
fn decode(fragment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.bytes();
    while let Some(byte) = rest.next() {
        let digits = if byte == b'%' { Some([rest.next()?, rest.next()?]) } else { None };
        match digits {
            Some(digits) => bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?),
            None => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

/// Checks every reference of a schema; gives what they can name.
pub(super) fn check(root: &Value) -> Result<Anchors<'_>, Vec<Fault>> {
    let mut objects = Vec::new();
    collect(root, "", &mut objects);
    let named = objects.iter().flat_map(|(_, object)| {
        let names = ["$anchor", "$dynamicAnchor"].map(|key| object.get(key).and_then(Value::as_str));
        names.into_iter().flatten().map(|name| (name, *object))
    });
    let anchors = Anchors { root, id: root.get("$id").and_then(Value::as_str), named: named.collect() };
    let faults: Vec<Fault> = objects.iter().flat_map(|(place, object)| faults(&anchors, place, object)).collect();
    if faults.is_empty() { Ok(anchors) } else { Err(faults) }
}

/// Every object of a value with its place.
fn collect<'a>(value: &'a Value, place: &str, objects: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(fields) => {
            objects.push((place.to_owned(), value));
            for (key, field) in fields {
                collect(field, &below(place, key), objects);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &below(place, &index.to_string()), objects);
            }
        }
        _ => {}
    }
}

/// The pointer to `key` below `place`.
pub(super) fn below(place: &str, key: &str) -> String {
    format!("{place}/{}", key.replace('~', "~0").replace('/', "~1"))
}

fn faults(anchors: &Anchors<'_>, place: &str, object: &Value) -> Vec<Fault> {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let mut faults = Vec::new();
    for key in ["$ref", "$dynamicRef"] {
        let message = match text(key).map(|reference| anchors.target(reference)) {
            Some(Target::Elsewhere) => "nothing is fetched: a reference stays inside the schema (#...)",
            Some(Target::Nothing) => "there is nothing at that place",
            Some(Target::Here(_) | Target::Draft) | None => continue,
        };
        faults.push(Fault::new(below(place, key), message));
    }
    if text("$schema").is_some_and(|draft| !draft.starts_with(DRAFT)) {
        faults.push(Fault::new(below(place, "$schema"), "must be draft 2020-12"));
    }
    if !place.is_empty() && text("$id").is_some() {
        faults.push(Fault::new(below(place, "$id"), "only the schema itself can have an $id"));
    }
    faults
}
