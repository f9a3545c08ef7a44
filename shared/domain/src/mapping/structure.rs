//! The structure of a document: which members objects have, and of which kind they are.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};

/// The most characters of a name or a message that is shown.
const MAX_SHOWN_CHARS: usize = 200;

/// Reads a value; the first error, with a JSON Pointer from it on.
pub(super) fn typed<T: DeserializeOwned>(value: Value) -> Result<T, (String, String)> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let message = error.inner().to_string().chars().take(MAX_SHOWN_CHARS).collect();
        (pointer_of(error.path()), message)
    })
}

/// The members of these names, and the pointers of the others.
pub(super) fn known_members(object: &Map<String, Value>, names: &[&str]) -> (Map<String, Value>, Vec<String>) {
    let mut known = Map::new();
    let mut unknown = Vec::new();
    for (name, value) in object {
        if names.contains(&name.as_str()) {
            known.insert(name.clone(), value.clone());
        } else if unknown.len() < super::MAX_FAULTS {
            unknown.push(segment(name));
        }
    }
    (known, unknown)
}

/// A name as a part of a JSON Pointer.
pub(super) fn segment(name: &str) -> String {
    let shown: String = name.chars().take(MAX_SHOWN_CHARS).collect();
    format!("/{}", shown.replace('~', "~0").replace('/', "~1"))
}

fn pointer_of(path: &Path) -> String {
    let part = |part: &Segment| match part {
        Segment::Seq { index } => Some(format!("/{index}")),
        Segment::Map { key } => Some(segment(key)),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().filter_map(part).collect()
}
