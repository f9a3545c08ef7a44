//! The structure of a document: which members objects have, and of which kind they are.

use serde::{Deserialize, Deserializer};
use serde_json::{Error, Map, Value};
use serde_path_to_error::{Path, Segment};

/// The most characters of a name or a message that is shown.
const MAX_SHOWN_CHARS: usize = 200;

/// Reads a value; the first error, with a JSON Pointer from it on.
pub(super) fn typed<'de, T: Deserialize<'de>>(
    value: impl Deserializer<'de, Error = Error>,
) -> Result<T, (String, String)> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let message = error.inner().to_string().chars().take(MAX_SHOWN_CHARS).collect();
        (pointer_of(error.path()), message)
    })
}

/// Copies of the members of these names.
pub(super) fn members(object: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let member = |name: &&str| object.get(*name).map(|value| ((*name).to_owned(), value.clone()));
    names.iter().filter_map(member).collect()
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
