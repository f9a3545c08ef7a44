//! Documents: bytes for or from a partner, and what is known of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::label::{PLAIN, is_label, seen};
use crate::partner::Mdn;
use crate::problems::{Problems, is_text};
use crate::time::Millis;
use crate::transaction::Direction;

/// The event that has a document sent. Only the route of its partner takes it.
pub const QUEUED: &str = "document.queued";
/// The event of a document that came.
pub const RECEIVED: &str = "document.received";
/// The event of a document that a partner has.
pub const SENT: &str = "document.sent";
/// What the id of a document begins with.
pub const ID_PREFIX: &str = "doc";
/// The longest media type.
const MAX_CONTENT_TYPE: usize = 256;
/// The longest file name, document type and correlation id.
const MAX_TEXT: usize = 255;
/// The most interchanges of a document whose numbers are kept, and the most numbers of each.
pub const MAX_NUMBERS: usize = 20;
/// The most acknowledgments of a document that are kept.
pub const MAX_ACKNOWLEDGMENTS: usize = 50;

/// A document, as it is stored. Its bytes stand in the bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The id: of the event and in the transaction too.
    pub id: String,
    /// The partner it is for or from.
    pub partner_id: String,
    /// The uid of the route it goes by, or what stands for it.
    pub route: String,
    /// Which way it goes.
    pub direction: Direction,
    /// What is known of its content.
    pub facts: DocumentFacts,
    /// How many bytes it has.
    pub size: u64,
    /// The SHA-256 of its bytes in hexadecimal digits.
    pub sha256: String,
    /// Where partners reached the deployment when it was handed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The message that carries it, once it was made or received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// The receipt that came for it or was sent for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// Whether somebody wants it sent again, whatever became of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// Whether everything is told of one that came: its event, its transaction, what it acknowledges.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
    /// What business acknowledgments (997, 999, CONTRL) say of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledgments: Vec<Acknowledgment>,
    /// When it was made or received.
    pub created_at: Millis,
    /// When it was last written.
    pub updated_at: Millis,
    /// How often it was written.
    pub revision: u64,
}

/// What is known of a document's content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentFacts {
    /// The media type.
    pub content_type: String,
    /// The file's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// An id of whoever handed it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The kind of business document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_type: Option<String>,
    /// The numbers of its interchanges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub control_numbers: Vec<ControlNumbers>,
    /// What is wrong with its envelope, in whole sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub defects: Vec<String>,
}

/// The numbers of an interchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ControlNumbers {
    /// `x12` or `edifact`.
    #[schema(example = "x12")]
    pub standard: String,
    /// `ISA13`, or the reference in `UNB`.
    #[schema(example = "000000905")]
    pub interchange: String,
    /// `GS06`, or the references in `UNG`.
    #[serde(default)]
    pub groups: Vec<String>,
    /// `ST02`, or the references in `UNH`.
    #[serde(default)]
    pub messages: Vec<String>,
}

/// The AS2 message that carries a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its `Message-ID`, with its angle brackets.
    pub id: String,
    /// Its MIC, as receipts write it.
    pub mic: String,
    /// Where the sealed message stands in the bucket; none for one that was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The receipt that was asked for.
    pub mdn: Mdn,
    /// Whether it must be signed.
    #[serde(default)]
    pub mdn_signed: bool,
    /// How long it is waited for if it is asynchronous.
    #[serde(default)]
    pub mdn_timeout_minutes: u32,
    /// Until when an asynchronous receipt is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<Millis>,
}

/// A receipt that came, or that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Where it stands in the bucket.
    pub key: String,
    /// Whether it settles the message: one that cannot be trusted settles nothing.
    pub conclusive: bool,
    /// Whether the document was accepted.
    pub positive: bool,
    /// Why it was not, or what is remarked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Where an asynchronous receipt of ours is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_to: Option<String>,
    /// When that arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Millis>,
    /// When it came or was made.
    pub at: Millis,
}

/// What a business acknowledgment says of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = DocumentAcknowledgment)]
pub struct Acknowledgment {
    /// The inbound document that says it.
    #[schema(pattern = "^doc_[0-9a-f]{32}$")]
    pub document_id: String,
    /// `interchange`, `group` or `message`.
    pub level: String,
    /// The number of what is acknowledged.
    pub control_number: String,
    /// `accepted`, `accepted_with_errors`, `partially_accepted`, `rejected`, `received` or `unknown`.
    pub status: String,
    /// The code that says so.
    pub code: String,
    /// When it came.
    pub at: Millis,
}

impl DocumentFacts {
    /// What is wrong with what a user says of a document, by the parameter.
    #[must_use]
    pub fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        let content_type = &self.content_type;
        let plain = content_type.bytes().all(|b| (b' '..=b'~').contains(&b));
        let fits = plain && content_type.contains('/') && content_type.len() <= MAX_CONTENT_TYPE;
        problems.unless(fits, "?Content-Type", "must be a media type of at most 256 ASCII characters");
        let texts = [("?document_type", &self.document_type), ("?correlation_id", &self.correlation_id)];
        for (pointer, text) in texts {
            let fits = text.as_ref().is_none_or(|text| is_text(text, MAX_TEXT));
            problems.unless(fits, pointer, "must be 1 to 255 bytes without control characters");
        }
        let name = self.file_name.as_deref();
        let is_name = |name: &str| is_text(name, MAX_TEXT) && is_label(name) && is_file_name(name);
        let rule = format!("must be 1 to 255 bytes, without folders, {PLAIN}");
        problems.unless(name.is_none_or(is_name), "?file_name", &rule);
        problems
    }
}

fn is_file_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\\']) && name != "." && name != ".."
}

/// What is seen of a name that somebody else chose for a file: it is not to look like another kind of file.
#[must_use]
pub fn seen_file_name(name: &str) -> Option<String> {
    Some(seen(name).trim().to_owned()).filter(|name| is_file_name(name))
}

impl Document {
    /// How long its receipt is still waited for; none if it is not.
    #[must_use]
    pub fn waits(&self, now: Millis) -> Option<Duration> {
        let until = self.message.as_ref()?.waits_until?;
        Some(until.since(now))
    }

    /// The receipt that settles it.
    #[must_use]
    pub fn conclusion(&self) -> Option<&Receipt> {
        self.receipt.as_ref().filter(|receipt| receipt.conclusive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_document_is_checked() {
        let facts = |change: fn(&mut DocumentFacts)| {
            let mut facts = DocumentFacts { content_type: "application/edi-x12".to_owned(), ..Default::default() };
            change(&mut facts);
            facts.problems().0.into_iter().map(|(pointer, _)| pointer).collect::<Vec<_>>()
        };
        assert_eq!(facts(|_| {}), Vec::<String>::new());
        assert_eq!(facts(|one| one.content_type = "text".to_owned()), ["?Content-Type"]);
        assert_eq!(facts(|one| one.content_type = "a/b\r\nX: y".to_owned()), ["?Content-Type"]);
        for bad in ["", "../a", "a\\b", "..", "a\n", "invoice\u{202e}fdp.exe"] {
            let problems =
                DocumentFacts { content_type: "a/b".to_owned(), file_name: Some(bad.to_owned()), ..Default::default() };
            assert_eq!(problems.problems().0.len(), 1, "{bad:?}");
        }
        assert_eq!(facts(|one| one.file_name = Some("a b.edi".to_owned())), Vec::<String>::new());
        assert_eq!(facts(|one| one.document_type = Some(String::new())), ["?document_type"]);
        assert_eq!(facts(|one| one.correlation_id = Some("a\nb".to_owned())), ["?correlation_id"]);
    }

    #[test]
    fn what_hides_in_a_file_name_is_dropped() {
        for (name, expected) in [
            ("invoice\u{202e}fdp.exe", Some("invoicefdp.exe")),
            ("\u{feff}a\u{200b}\u{200d}b\u{2066}.edi\u{2069}", Some("ab.edi")),
            (".\u{ad}.", None),
            ("\u{200f}\0\t", None),
            ("Bestellung Ä.edi", Some("Bestellung Ä.edi")),
            ("заказ 注文 طلب.xml", Some("заказ 注文 طلب.xml")),
        ] {
            assert_eq!(seen_file_name(name).as_deref(), expected, "{name:?}");
        }
    }
}
