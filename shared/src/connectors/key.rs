//! What a record is found by at a target.

use std::borrow::Cow;

use super::path::text_of;
use super::{Record, Written};
use crate::domain::value::Value;

/// The key of a record, as targets know it.
pub(super) fn key_of(record: &Record) -> Result<Cow<'_, str>, Written> {
    let key = record.key.as_deref().map(plain).filter(|key| !key.is_empty());
    key.ok_or_else(|| Written::Refused("the record has no key".to_owned()))
}

/// A key as plain text: mappings write the values of a key as a JSON array. Several are joined by colons.
pub(super) fn plain(key: &str) -> Cow<'_, str> {
    let Some(Value::Array(values)) = key.starts_with('[').then(|| Value::parse(key.as_bytes()).ok()).flatten() else {
        return key.into();
    };
    let texts: Vec<String> = values.iter().map(|value| text_of(value).unwrap_or_else(|| value.to_json())).collect();
    texts.join(":").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_plain_text() {
        for (key, expected) in [
            ("a", "a"),
            (r#"["A-1"]"#, "A-1"),
            (r#"["A-1",2,true]"#, "A-1:2:true"),
            ("[x", "[x"),
            ("", ""),
            (r#"[12345678901234567890.10]"#, "12345678901234567890.10"),
        ] {
            assert_eq!(plain(key), expected);
        }
    }
}
