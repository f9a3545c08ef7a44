//! The one rule of stored secrets: a mask keeps a secret where it was sent so far. Else whoever may change an address,
//! but does not know the secret, could have it sent to themselves.

use serde_json::Value;
use url::Url;

use super::kind::Fault;
use super::written::{Faults, pointer};
use crate::domain::sealed::MASK;

/// The error code of a secret that must be given again.
pub const SECRET_REQUIRED: &str = "secret_required";
/// The same in words.
pub const MOVED: &str =
    "must be given again or, where it can be missing, removed with null: it would be sent elsewhere";

/// The servers that a secret is sent to: scheme, host and port of each.
pub type Origins = Vec<String>;

/// Scheme, host and port of a URL.
#[must_use]
pub fn origin(url: &str) -> String {
    Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.origin().ascii_serialization())
}

/// The JSON Pointers of the masks that somebody wrote.
#[must_use]
pub fn masks(written: &Value) -> Vec<String> {
    match written {
        Value::String(text) if text == MASK => vec![String::new()],
        Value::Array(items) => within(items.iter().enumerate().map(|(place, item)| (place.to_string(), item))),
        Value::Object(fields) => within(fields.iter().map(|(name, field)| (name.clone(), field))),
        _ => Vec::new(),
    }
}

fn within<'a>(parts: impl Iterator<Item = (String, &'a Value)>) -> Vec<String> {
    parts.flat_map(|(name, part)| masks(part).into_iter().map(move |at| format!("{}{at}", pointer(&name)))).collect()
}

/// Adds a fault for each masked secret that would be sent elsewhere than before; if there are others, it is not known
/// yet where that is.
pub fn check(
    faults: &mut Faults,
    masks: Vec<String>,
    before: impl Fn(&str) -> Origins,
    after: impl Fn(&str) -> Origins,
) {
    if !faults.is_empty() {
        return;
    }
    for pointer in masks {
        if before(&pointer) != after(&pointer) {
            faults.push(Fault { pointer, message: MOVED.to_owned(), code: Some(SECRET_REQUIRED) });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scheme_host_and_port_make_an_origin() {
        let home = origin("https://a.example/x?y#z");
        for same in ["https://a.example", "https://A.example:443/other", "https://user@a.example/"] {
            assert_eq!(origin(same), home, "{same}");
        }
        for other in ["http://a.example/x", "https://b.example/x", "https://a.example:8443/x", "https://a.example./x"] {
            assert_ne!(origin(other), home, "{other}");
        }
    }

    #[test]
    fn masks_are_found_wherever_they_are() {
        let written = json!({"a": MASK, "b": {"x/y": MASK, "z": "text"}, "c": [1, MASK], "d": null});
        assert_eq!(masks(&written), ["/a", "/b/x~1y", "/c/1"]);
    }

    #[test]
    fn only_what_moves_is_a_fault() {
        let mut faults = Faults::default();
        let sent = |to: &'static str| move |at: &str| if at == "/own" { vec![] } else { vec![origin(to)] };
        check(&mut faults, vec!["/own".into(), "/key".into()], sent("https://a.example"), sent("https://b.example"));
        let Err(crate::outbound::Refusal::Faults(found)) = faults.finish(Some(())) else { panic!("accepted") };
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].pointer.as_str(), found[0].code), ("/key", Some(SECRET_REQUIRED)));
    }
}
