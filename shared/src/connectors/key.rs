//! What a record is found by at a target.

use super::{Record, Written};

/// The key of a record.
pub(super) fn key_of(record: &Record) -> Result<&str, Written> {
    let key = record.key.as_deref().filter(|key| !key.is_empty());
    key.ok_or_else(|| Written::Refused("the record has no key".to_owned()))
}
