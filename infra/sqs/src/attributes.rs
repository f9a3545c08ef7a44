//! Message attributes: checked, measured, digested and filtered; otherwise passed through.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use crate::fault::Fault;

const MAX_ATTRIBUTES: usize = 10;

/// One attribute, as it is on the wire; binary values stay in base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Attribute {
    data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
}

/// By name, sorted: the digest runs over them in this order.
pub(crate) type Attributes = BTreeMap<String, Attribute>;

impl Attribute {
    /// The value's bytes, and the mark of its kind in the digest.
    fn value(&self, name: &str) -> Result<(u8, Vec<u8>), Fault> {
        let bad = |reason: &str| Fault::invalid("MessageAttributes", name, reason);
        let kind = self.data_type.split('.').next().unwrap_or_default();
        let (mark, value) = match (kind, &self.string_value, &self.binary_value) {
            ("String" | "Number", Some(text), None) => (1, text.as_bytes().to_vec()),
            ("Binary", None, Some(encoded)) => {
                (2, STANDARD.decode(encoded).map_err(|_| bad("The value is not base64."))?)
            }
            _ => return Err(bad("The type and the value do not match.")),
        };
        if value.is_empty() {
            return Err(bad("The value must not be empty."));
        }
        Ok((mark, value))
    }
}

/// The attributes' part of the message's size, and their MD5 in lower-case hex.
pub(crate) fn measure(attributes: &Attributes) -> Result<(usize, String), Fault> {
    if attributes.len() > MAX_ATTRIBUTES {
        let reason = "A message has at most 10 attributes.";
        return Err(Fault::invalid("MessageAttributes", attributes.len(), reason));
    }
    let mut size = 0;
    let mut digest = Md5::new();
    for (name, attribute) in attributes {
        let (mark, value) = attribute.value(name)?;
        for part in [name.as_bytes(), attribute.data_type.as_bytes()] {
            digest_part(&mut digest, part);
            size += part.len();
        }
        digest.update([mark]);
        digest_part(&mut digest, &value);
        size += value.len();
    }
    Ok((size, hex::encode(digest.finalize())))
}

/// Each part goes in after its length, a 32-bit big-endian number.
fn digest_part(digest: &mut Md5, part: &[u8]) {
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    digest.update(length.to_be_bytes());
    digest.update(part);
}

/// Whether a receive asked for this attribute: by name, by `prefix.*`, or by `All` or `.*`.
pub(crate) fn is_wanted(name: &str, wanted: &[String]) -> bool {
    wanted.iter().any(|pattern| match pattern.as_str() {
        "All" | ".*" => true,
        pattern => match pattern.strip_suffix(".*") {
            Some(prefix) => name.starts_with(prefix),
            None => name == pattern,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Attribute {
        let string_value = Some(value.to_owned());
        Attribute { data_type: "String".to_owned(), string_value, binary_value: None }
    }

    #[test]
    fn the_digest_is_the_one_of_the_sdks() {
        // From the digest's description: length and bytes of name, of type, a mark, and of value.
        let mut bytes = Vec::new();
        for part in ["colour", "String"] {
            bytes.extend(u32::try_from(part.len()).expect("short").to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        bytes.extend([1, 0, 0, 0, 3]);
        bytes.extend(b"red");
        let attributes = Attributes::from([("colour".to_owned(), text("red"))]);
        let (size, digest) = measure(&attributes).expect("valid attributes");
        assert_eq!((size, digest), (15, hex::encode(Md5::digest(&bytes))));
    }

    #[test]
    fn a_value_of_another_kind_is_refused() {
        let mut binary = text("red");
        binary.data_type = "Binary".to_owned();
        for attribute in [text(""), binary] {
            let attributes = Attributes::from([("colour".to_owned(), attribute)]);
            assert!(measure(&attributes).is_err());
        }
    }

    #[test]
    fn a_receive_chooses_by_name_and_prefix() {
        let wanted = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.into()).collect();
            is_wanted("trace.id", &patterns)
        };
        assert!(wanted(&["All"]) && wanted(&[".*"]) && wanted(&["trace.*"]) && wanted(&["trace.id"]));
        assert!(!wanted(&[]) && !wanted(&["trace"]) && !wanted(&["other.*"]));
    }
}
