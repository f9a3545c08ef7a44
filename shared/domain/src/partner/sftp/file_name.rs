//! Names of files that are put on a partner's server.

use sha2::{Digest as _, Sha256};

use super::Outbound;

/// The longest name that file systems take.
const MAX_NAME_BYTES: usize = 255;
/// The longest text that is filled in.
const MAX_FACT_BYTES: usize = 80;
/// The longest ending that a shortened name keeps.
const MAX_EXTENSION_BYTES: usize = 16;
/// Digits of a digest that tell two names apart.
const DIGEST_DIGITS: usize = 12;
/// What stands for a fact that is not known.
const UNKNOWN: &str = "unknown";

/// What fills the name of a file. It comes from documents, so none of it is trusted.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileNameFacts<'a> {
    /// Such as `850` or `INVOIC`.
    pub document_type: Option<&'a str>,
    /// The interchange's number.
    pub control_number: Option<&'a str>,
    /// The transaction.
    pub transaction_id: &'a str,
}

impl Outbound {
    /// The name of a document's file: a single part of a path, of harmless characters where it comes from the document.
    #[must_use]
    pub fn name_of(&self, facts: &FileNameFacts<'_>) -> String {
        let fill = |name: String, placeholder: &str, fact: Option<&str>| {
            if name.contains(placeholder) { name.replace(placeholder, &harmless(fact)) } else { name }
        };
        // What is filled in has no braces, so it is no placeholder itself.
        let name = fill(self.file_name.clone(), "{document_type}", facts.document_type);
        let name = fill(name, "{control_number}", facts.control_number);
        let name = fill(name, "{transaction_id}", Some(facts.transaction_id));
        let name = if name.bytes().all(|b| b == b'.') { format!("_{name}") } else { name };
        shortened(name, MAX_NAME_BYTES - DIGEST_DIGITS - 1 - self.temporary_suffix.len())
    }

    /// The name of such a file until it is whole. It follows from the content: a repetition writes the same bytes to
    /// the same file, whatever of them is there already.
    #[must_use]
    pub fn temporary_name(&self, name: &str, content: &[u8]) -> String {
        format!("{name}.{}{}", digest(content), self.temporary_suffix)
    }

    /// Whether no two documents share a name.
    #[must_use]
    pub fn names_are_unique(&self) -> bool {
        self.file_name.contains("{transaction_id}")
    }
}

/// A fact as part of a name. One that was changed for it gets a digest, so that no two become one.
fn harmless(fact: Option<&str>) -> String {
    let Some(fact) = fact.filter(|fact| !fact.is_empty()) else { return UNKNOWN.to_owned() };
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let text: String = fact.chars().map(plain).take(MAX_FACT_BYTES).collect();
    let text = text.trim_start_matches('.');
    if text == fact { text.to_owned() } else { format!("{text}-{}", digest(fact.as_bytes())) }
}

/// A name of at most so many bytes, with its ending.
fn shortened(name: String, most: usize) -> String {
    if name.len() <= most {
        return name;
    }
    let extension = name.rfind('.').map(|at| &name[at..]).filter(|text| text.len() <= MAX_EXTENSION_BYTES);
    let extension = extension.unwrap_or_default();
    let mut end = most - DIGEST_DIGITS - 1 - extension.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}-{}{extension}", &name[..end], digest(name.as_bytes()))
}

fn digest(bytes: &[u8]) -> String {
    let mut digits = hex::encode(Sha256::digest(bytes));
    digits.truncate(DIGEST_DIGITS);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbound(file_name: &str) -> Outbound {
        Outbound { file_name: file_name.to_owned(), ..Outbound::default() }
    }

    fn facts<'a>(document_type: &'a str, control_number: &'a str, transaction_id: &'a str) -> FileNameFacts<'a> {
        FileNameFacts { document_type: Some(document_type), control_number: Some(control_number), transaction_id }
    }

    #[test]
    fn a_name_is_filled_in() {
        let default = Outbound::default();
        assert_eq!(default.name_of(&facts("850", "000000123", "txn_1")), "850-000000123-txn_1.edi");
        let nothing = FileNameFacts { transaction_id: "txn_1", ..FileNameFacts::default() };
        assert_eq!(default.name_of(&nothing), "unknown-unknown-txn_1.edi");
        assert_eq!(outbound("fixed.xml").name_of(&nothing), "fixed.xml");
        assert!(default.names_are_unique() && !outbound("fixed.xml").names_are_unique());
    }

    #[test]
    fn what_a_document_says_stays_one_part_of_a_path() {
        let name = |fact: &str| outbound("{document_type}").name_of(&facts(fact, "", ""));
        for bad in ["..", ".", "../../etc/passwd", "a/b", "a\\b", "a\0b", "a\nb", "C:x", "{transaction_id}", "ü"] {
            let name = name(bad);
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            assert!(name.bytes().all(plain) && !name.starts_with('.'), "{bad:?} became {name:?}");
        }
        // Two that look alike afterwards are two.
        assert_ne!(name("a/b"), name("a_b"));
        assert_ne!(name("a/b"), name("a\\b"));
        assert_ne!(name(&"x".repeat(200)), name(&"x".repeat(201)));
    }

    #[test]
    fn a_temporary_name_follows_from_the_content() {
        let outbound = Outbound::default();
        assert_eq!(outbound.temporary_name("a.edi", b""), "a.edi.e3b0c44298fc.part");
        assert_ne!(outbound.temporary_name("a.edi", b"1"), outbound.temporary_name("a.edi", b"2"));
    }

    #[test]
    fn a_long_name_keeps_its_ending_and_stays_its_own() {
        let (long, other) =
            (outbound(&format!("{}.edi", "ü".repeat(125))), outbound(&format!("{}.edi", "ü".repeat(124))));
        let name = long.name_of(&FileNameFacts::default());
        assert!(name.ends_with(".edi") && name != other.name_of(&FileNameFacts::default()), "{name}");
        assert!(long.temporary_name(&name, b"").len() <= MAX_NAME_BYTES, "{name}");
    }
}
