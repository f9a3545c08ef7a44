//! What a document says of itself: the envelopes of X12 and EDIFACT.

use sluice_as2::edi::{self, Interchange, Standard};

use crate::domain::document::{ControlNumbers, DocumentFacts, MAX_NUMBERS};

/// The most letters of a number, an id or a defect.
const MAX_PRINTABLE: usize = 100;
/// The most letters of a reason: partners write sentences.
const MAX_REASON: usize = 1_000;

/// The word for a syntax.
pub(super) const fn standard(standard: Standard) -> &'static str {
    match standard {
        Standard::X12 => "x12",
        Standard::Edifact => "edifact",
    }
}

/// Adds to the facts what the envelope says; gives the interchanges. Anything else is a document too.
pub(super) fn read(facts: &mut DocumentFacts, bytes: &[u8]) -> Vec<Interchange> {
    let Ok(interchanges) = edi::read(bytes) else { return Vec::new() };
    if facts.document_type.is_none() {
        let first = interchanges.iter().flat_map(|one| &one.messages).next();
        facts.document_type = first.map(|message| printable(&message.document_type)).filter(|kind| !kind.is_empty());
    }
    facts.control_numbers = interchanges.iter().take(MAX_NUMBERS).map(numbers).collect();
    let defects = interchanges.iter().flat_map(|one| &one.defects).take(MAX_NUMBERS);
    facts.defects = defects.map(|defect| printable(defect)).collect();
    interchanges
}

/// The media type of a document of which nobody said it (RFC 1767).
pub(super) fn media_type(interchanges: &[Interchange]) -> &'static str {
    match interchanges.first().map(|one| one.standard) {
        Some(Standard::X12) => "application/EDI-X12",
        Some(Standard::Edifact) => "application/EDIFACT",
        None => "application/octet-stream",
    }
}

fn numbers(interchange: &Interchange) -> ControlNumbers {
    ControlNumbers {
        standard: standard(interchange.standard).to_owned(),
        interchange: printable(&interchange.control_number),
        groups: interchange.groups.iter().take(MAX_NUMBERS).map(|group| printable(&group.control_number)).collect(),
        messages: interchange.messages.iter().take(MAX_NUMBERS).map(|one| printable(&one.control_number)).collect(),
    }
}

/// A short text without control characters: partners write what they like.
pub(super) fn printable(text: &str) -> String {
    cut(text, MAX_PRINTABLE)
}

/// Why a partner did not accept something, on one line.
pub(super) fn reason(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    cut(&words.join(" "), MAX_REASON)
}

fn cut(text: &str, most: usize) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVOICE: &[u8] =
        b"ISA*00*          *00*          *ZZ*US             *ZZ*THEM           *261127*1000*U*00401*000000905*0*P*>~\
GS*IN*US*THEM*20261127*1000*77*X*004010~ST*810*0001~BIG*20261127*1~SE*3*0001~GE*1*77~IEA*1*000000905~";

    #[test]
    fn the_envelope_tells_type_and_numbers() {
        let mut facts = DocumentFacts::default();
        assert_eq!(read(&mut facts, INVOICE).len(), 1);
        assert_eq!(facts.document_type.as_deref(), Some("810"));
        let expected = ControlNumbers {
            standard: "x12".to_owned(),
            interchange: "000000905".to_owned(),
            groups: vec!["77".to_owned()],
            messages: vec!["0001".to_owned()],
        };
        assert_eq!((facts.control_numbers, facts.defects), (vec![expected], Vec::new()));
    }

    #[test]
    fn a_reason_is_longer_than_a_number() {
        let long = "words ".repeat(1_000);
        assert_eq!((printable(&long).len(), reason(&long).len()), (100, 1_000));
        assert_eq!(reason("\r\nThe order is closed.\r\n\tAsk \u{7}us. "), "The order is closed. Ask us.");
    }

    #[test]
    fn what_the_user_says_counts_and_anything_is_a_document() {
        let mut facts = DocumentFacts { document_type: Some("invoice".to_owned()), ..DocumentFacts::default() };
        read(&mut facts, INVOICE);
        assert_eq!(facts.document_type.as_deref(), Some("invoice"));
        let mut facts = DocumentFacts::default();
        assert!(read(&mut facts, b"{}").is_empty());
        assert_eq!(facts, DocumentFacts::default());
    }
}
