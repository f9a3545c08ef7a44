//! The envelopes of EDI: who sends which kinds of messages under which numbers, and what is acknowledged.
//!
//! Only what stands around messages is read, and of messages only acknowledgments. A wrong count in a trailer makes no
//! document unreadable: it is noted.

mod edifact;
mod nesting;
#[cfg(test)]
mod tests;
mod tokens;
mod x12;

/// The most groups, messages and acknowledgments that are listed, each.
pub const MAX_LISTED: usize = 1_000;
/// The most defects that are listed.
const MAX_DEFECTS: usize = 20;
/// The most interchanges of one document that are read.
const MAX_INTERCHANGES: usize = 100;

/// The syntax of an interchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// ANSI ASC X12.
    X12,
    /// UN/EDIFACT.
    Edifact,
}

/// One interchange: an envelope with its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interchange {
    /// Its syntax.
    pub standard: Standard,
    /// Who sends it.
    pub sender: Party,
    /// Who it is for.
    pub receiver: Party,
    /// `ISA13` or the reference in `UNB`.
    pub control_number: String,
    /// Its groups (`GS`, `UNG`), the first [`MAX_LISTED`] of them.
    pub groups: Vec<Group>,
    /// Its messages (`ST`, `UNH`), the first [`MAX_LISTED`] of them.
    pub messages: Vec<Message>,
    /// The number of its messages.
    pub message_count: usize,
    /// What it acknowledges (997, 999, TA1, CONTRL), the first [`MAX_LISTED`] of it.
    pub acknowledgments: Vec<Acknowledgment>,
    /// What is wrong with it, in whole sentences.
    pub defects: Vec<String>,
}

/// A sender or a receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// What kind of id it is.
    pub qualifier: String,
    /// The id, without the spaces that fill it up.
    pub id: String,
}

/// A group of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `GS01`, or the group's type in `UNG`.
    pub kind: String,
    /// The sender's id.
    pub sender: String,
    /// The receiver's id.
    pub receiver: String,
    /// `GS06`, or the reference in `UNG`.
    pub control_number: String,
}

/// A message: a transaction set in X12.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `850`, `ORDERS`.
    pub document_type: String,
    /// `004010`, `D96A`.
    pub version: String,
    /// `ST02`, or the reference in `UNH`.
    pub control_number: String,
    /// The number of the group it is in.
    pub group_control_number: Option<String>,
}

/// What an acknowledgment speaks of, by the numbers that the acknowledged interchange had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// A whole interchange.
    Interchange {
        /// Its number.
        control_number: String,
    },
    /// A group.
    Group {
        /// Its interchange's number, where the acknowledgment names it.
        interchange: Option<String>,
        /// Its kind, where the acknowledgment names it: in X12 each kind may have numbers of its own.
        kind: Option<String>,
        /// Its number.
        control_number: String,
    },
    /// A message.
    Message {
        /// Its interchange's number, where the acknowledgment names it.
        interchange: Option<String>,
        /// Its group's kind, where the acknowledgment names it.
        group_kind: Option<String>,
        /// Its group's number, where the acknowledgment names it.
        group: Option<String>,
        /// Its type.
        document_type: String,
        /// Its number.
        control_number: String,
    },
}

/// One line of an acknowledgment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgment {
    /// What is acknowledged.
    pub what: Acknowledged,
    /// How.
    pub status: Status,
    /// The code that says so in the message.
    pub code: String,
}

/// How something is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is accepted.
    Accepted,
    /// It is accepted, and has errors.
    AcceptedWithErrors,
    /// Some of it is accepted.
    PartiallyAccepted,
    /// It is rejected.
    Rejected,
    /// It was received; nothing more is known.
    Received,
    /// A code of which the standard knows nothing.
    Unknown,
}

/// Why an envelope cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EdiError {
    /// Neither X12 nor EDIFACT.
    #[error("is neither X12 nor EDIFACT")]
    NotEdi,
    /// Cut off or garbled in its first segment.
    #[error("has a first segment ({0}) that cannot be read")]
    Header(&'static str),
}

/// Reads the interchanges of a document; there is at least one.
///
/// # Errors
/// [`EdiError`].
pub fn read(document: &[u8]) -> Result<Vec<Interchange>, EdiError> {
    let document = document.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(document).trim_ascii_start();
    match document {
        [b'I', b'S', b'A', ..] => x12::read(document),
        [b'U', b'N', b'A' | b'B', ..] => edifact::read(document),
        _ => Err(EdiError::NotEdi),
    }
}

impl Interchange {
    fn new(standard: Standard, sender: Party, receiver: Party, control_number: String) -> Self {
        let (groups, messages, acknowledgments, defects) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self {
            standard,
            sender,
            receiver,
            control_number,
            groups,
            messages,
            message_count: 0,
            acknowledgments,
            defects,
        }
    }

    fn note(&mut self, defect: String) {
        if self.defects.len() < MAX_DEFECTS {
            self.defects.push(defect);
        }
    }

    fn add_group(&mut self, group: Group) {
        if self.groups.len() < MAX_LISTED {
            self.groups.push(group);
        }
    }

    fn add_message(&mut self, message: Message) {
        self.message_count += 1;
        if self.messages.len() < MAX_LISTED {
            self.messages.push(message);
        }
    }

    fn acknowledge(&mut self, what: Acknowledged, status: Status, code: &str) {
        if self.acknowledgments.len() < MAX_LISTED {
            self.acknowledgments.push(Acknowledgment { what, status, code: code.to_owned() });
        }
    }

    /// Compares a trailer with what stood before it.
    fn check_trailer(&mut self, trailer: &str, stated: (&str, &str), counted: usize, number: &str) {
        let (count, reference) = stated;
        if count.parse() != Ok(counted) {
            self.note(format!("{trailer} {reference} states a count of {count}, but there are {counted}."));
        }
        if reference != number {
            self.note(format!("{trailer} names {reference}, but its header names {number}."));
        }
    }
}
