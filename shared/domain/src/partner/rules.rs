//! What is wrong with a profile, by JSON Pointer.

use std::collections::BTreeMap;

use super::{Contact, MAX_CONTACTS, MAX_IDENTIFIERS};
use crate::label::is_label;
pub use crate::problems::Problems;
pub(super) use crate::problems::is_text;
use crate::sealed::MASK;

/// The longest password, in bytes.
const MAX_PASSWORD_BYTES: usize = 1_024;

impl Problems {
    /// Checks a password. A mask is a text too: whether it stands for something is not known here.
    pub(super) fn password(&mut self, pointer: &str, password: &str) {
        self.text(pointer, password, MAX_PASSWORD_BYTES.max(MASK.len()));
    }

    pub(super) fn identifiers(&mut self, identifiers: &BTreeMap<String, String>) {
        self.most("/identifiers", identifiers.len(), MAX_IDENTIFIERS);
        for (name, value) in identifiers {
            let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
            if !plain || !(1..=64).contains(&name.len()) {
                self.add("/identifiers", "a name is 1 to 64 of [A-Za-z0-9_.-]");
            } else {
                self.label(&format!("/identifiers/{name}"), value, 256);
            }
        }
    }

    pub(super) fn contacts(&mut self, contacts: &[Contact]) {
        self.most("/contacts", contacts.len(), MAX_CONTACTS);
        for (index, Contact { name, email, role }) in contacts.iter().enumerate().take(MAX_CONTACTS) {
            let at = |field: &str| format!("/contacts/{index}/{field}");
            self.label(&at("name"), name, 200);
            self.unless(is_email(email), &at("email"), "must be an e-mail address such as edi@example.com");
            if let Some(role) = role {
                self.label(&at("role"), role, 100);
            }
        }
    }
}

/// Whether a text looks like an e-mail address: only mail itself shows whether it is one.
fn is_email(text: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
    let Some((local, domain)) = text.split_once('@') else { return false };
    let labels = |domain: &str| domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
    is_label(text)
        && text.len() <= 254
        && local.len() <= 64
        && plain(local)
        && plain(domain)
        && !domain.contains('@')
        && labels(domain)
}
