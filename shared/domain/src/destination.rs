//! Where a route's events go: a kind, and parameters that only that kind reads.

use std::fmt;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A destination as a route stores it: `{"<kind>": {<parameters>}}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Destination {
    /// The kind's name, such as `webhook`.
    pub kind: String,
    /// The kind's own parameters; secrets in them are sealed.
    pub parameters: Value,
}

impl fmt::Debug for Destination {
    // A URL's query may be a secret of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Serialize for Destination {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(&self.kind, &self.parameters)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Destination {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = serde_json::Map::deserialize(deserializer)?;
        let mut entries = map.into_iter();
        match (entries.next(), entries.next()) {
            (Some((kind, parameters)), None) => Ok(Self { kind, parameters }),
            _ => Err(serde::de::Error::custom("a destination has exactly one kind")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_names_the_kind_and_hides_the_parameters() {
        let parameters = serde_json::json!({"url": "https://example.com/?key=secret"});
        let printed = format!("{:?}", Destination { kind: "webhook".into(), parameters });
        assert!(printed.contains("webhook") && !printed.contains("secret"), "{printed}");
    }

    #[test]
    fn a_destination_is_an_object_with_one_entry() {
        let text = r#"{"webhook":{"url":"https://example.com/"}}"#;
        let destination: Destination = serde_json::from_str(text).expect("a destination");
        assert_eq!(destination.kind, "webhook");
        assert_eq!(serde_json::to_string(&destination).expect("JSON"), text);
        for bad in ["{}", r#"{"a":1,"b":2}"#, "[]", "1"] {
            assert!(serde_json::from_str::<Destination>(bad).is_err(), "{bad}");
        }
    }
}
