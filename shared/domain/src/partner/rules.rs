//! What is wrong with a profile, by JSON Pointer.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::{Contact, MAX_CONTACTS, MAX_IDENTIFIERS};
use crate::sealed::MASK;

/// The longest password, in bytes.
const MAX_PASSWORD_BYTES: usize = 1_024;

/// The problems found so far: a JSON Pointer and a message each. A message never contains the value: it may be a secret.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<(String, String)>);

impl Problems {
    /// Adds a problem.
    pub(super) fn add(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.0.push((pointer.into(), message.into()));
    }

    /// Adds a problem unless `holds`.
    pub(super) fn unless(&mut self, holds: bool, pointer: &str, message: &str) {
        if !holds {
            self.add(pointer, message);
        }
    }

    /// Adds those of a part.
    pub(super) fn within(&mut self, part: &str, problems: Self) {
        self.0.extend(problems.0.into_iter().map(|(pointer, message)| (format!("{part}{pointer}"), message)));
    }

    /// Checks that a number is in range.
    pub(super) fn range(&mut self, pointer: &str, value: u32, range: RangeInclusive<u32>) {
        if !range.contains(&value) {
            self.add(pointer, format!("must be {} to {}", range.start(), range.end()));
        }
    }

    /// Checks that a text has 1 to `most` bytes, and no control characters.
    pub(super) fn text(&mut self, pointer: &str, text: &str, most: usize) {
        if !is_text(text, most) {
            self.add(pointer, format!("must be 1 to {most} bytes without control characters"));
        }
    }

    /// Checks a password. A mask is a text too: whether it stands for something is not known here.
    pub(super) fn password(&mut self, pointer: &str, password: &str) {
        self.text(pointer, password, MAX_PASSWORD_BYTES.max(MASK.len()));
    }

    /// Checks that a list is not too long.
    pub(super) fn most(&mut self, pointer: &str, count: usize, most: usize) {
        if count > most {
            self.add(pointer, format!("at most {most} entries"));
        }
    }

    pub(super) fn identifiers(&mut self, identifiers: &BTreeMap<String, String>) {
        self.most("/identifiers", identifiers.len(), MAX_IDENTIFIERS);
        for (name, value) in identifiers {
            let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
            if !plain || !(1..=64).contains(&name.len()) {
                self.add("/identifiers", "a name is 1 to 64 of [A-Za-z0-9_.-]");
            } else {
                self.text(&format!("/identifiers/{name}"), value, 256);
            }
        }
    }

    pub(super) fn contacts(&mut self, contacts: &[Contact]) {
        self.most("/contacts", contacts.len(), MAX_CONTACTS);
        for (index, Contact { name, email, role }) in contacts.iter().enumerate().take(MAX_CONTACTS) {
            let at = |field: &str| format!("/contacts/{index}/{field}");
            self.text(&at("name"), name, 200);
            self.unless(is_email(email), &at("email"), "must be an e-mail address such as edi@example.com");
            if let Some(role) = role {
                self.text(&at("role"), role, 100);
            }
        }
    }
}

/// Whether a text has 1 to `most` bytes, and no control characters.
pub(super) fn is_text(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && !text.contains(char::is_control)
}

/// Whether a text looks like an e-mail address: only mail itself shows whether it is one.
fn is_email(text: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
    let Some((local, domain)) = text.split_once('@') else { return false };
    let labels = |domain: &str| domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
    text.len() <= 254 && local.len() <= 64 && plain(local) && plain(domain) && !domain.contains('@') && labels(domain)
}
