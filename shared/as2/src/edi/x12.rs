//! X12: `ISA`, `GS`, `ST` and their trailers, and the acknowledgments 997, 999 and `TA1`.

use super::nesting::{self, Nesting};
use super::tokens::{Elements, Segments, Separators};
use super::{Acknowledged, EdiError, Group, Interchange, Message, Party, Standard, Status};

/// The number of elements of `ISA`, whose last is one character, after which the segment ends.
const ISA_ELEMENTS: usize = 16;
/// Longer than any `ISA` that was not garbled.
const MAX_ISA: usize = 512;
/// The segments that are read.
const TAGS: [&str; 12] = ["ISA", "IEA", "TA1", "GS", "GE", "ST", "SE", "AK1", "AK2", "AK5", "IK5", "AK9"];

pub(super) fn read(document: &[u8]) -> Result<Vec<Interchange>, EdiError> {
    let separators = separators(document).ok_or(EdiError::Header("ISA"))?;
    let mut reading = Reading::default();
    nesting::read(Segments::new(document, separators), ("ISA", "IEA"), &TAGS, |nesting, tag, elements| {
        reading.segment(nesting, tag, elements);
    })
}

/// The separators are where `ISA` has them: after its name, and behind its last element.
fn separators(document: &[u8]) -> Option<Separators> {
    let element = *document.get(3)?;
    let header = &document[..document.len().min(MAX_ISA)];
    let last = memchr::memchr_iter(element, header).nth(ISA_ELEMENTS - 1)?;
    let (component, segment) = (*header.get(last + 1)?, *header.get(last + 2)?);
    let distinct = component != element && segment != element && !element.is_ascii_alphanumeric();
    (distinct && !segment.is_ascii_alphanumeric()).then_some(Separators { segment, element, component, release: None })
}

#[derive(Default)]
struct Reading {
    /// What the last `AK1` and `AK2` speak of: a group by its kind and its number.
    acknowledged_group: (String, String),
    acknowledged_message: Option<(String, String)>,
    version: String,
}

impl Reading {
    fn segment(&mut self, nesting: &mut Nesting, tag: &str, elements: &Elements<'_>) {
        let text = |at| elements.text(at);
        if tag == "ISA" {
            let party = |at| Party { qualifier: text(at), id: text(at + 1) };
            nesting.open = Some(Interchange::new(Standard::X12, party(5), party(7), text(13)));
            return;
        }
        let Some(interchange) = &mut nesting.open else { return };
        match tag {
            "GS" => {
                self.version = text(8);
                let (sender, receiver) = (text(2), text(3));
                nesting.begin_group(Group { kind: text(1), sender, receiver, control_number: text(6) });
            }
            "ST" => nesting.begin_message(Message {
                document_type: text(1),
                version: self.version.clone(),
                control_number: text(2),
                group_control_number: None,
            }),
            "SE" => nesting.end_message(tag, &(text(1), text(2))),
            "GE" => nesting.end_group(tag, &(text(1), text(2))),
            "IEA" => nesting.end(tag, &(text(1), text(2)), nesting.groups),
            _ => self.acknowledgment(interchange, tag, elements),
        }
    }

    fn acknowledgment(&mut self, interchange: &mut Interchange, tag: &str, elements: &Elements<'_>) {
        let text = |at| elements.text(at);
        match tag {
            "TA1" => {
                let what = Acknowledged::Interchange { control_number: text(1) };
                interchange.acknowledge(what, status(&text(4)), &text(4));
            }
            "AK1" => self.acknowledged_group = (text(1), text(2)),
            "AK2" => self.acknowledged_message = Some((text(1), text(2))),
            "AK5" | "IK5" => {
                let Some((document_type, control_number)) = self.acknowledged_message.take() else { return };
                let (kind, number) = self.acknowledged_group.clone();
                let (group_kind, group) = (Some(kind), Some(number));
                let what =
                    Acknowledged::Message { interchange: None, group_kind, group, document_type, control_number };
                interchange.acknowledge(what, status(&text(1)), &text(1));
            }
            "AK9" => {
                let (kind, control_number) = std::mem::take(&mut self.acknowledged_group);
                let what = Acknowledged::Group { interchange: None, kind: Some(kind), control_number };
                interchange.acknowledge(what, status(&text(1)), &text(1));
            }
            _ => {}
        }
    }
}

fn status(code: &str) -> Status {
    match code {
        "A" => Status::Accepted,
        "E" => Status::AcceptedWithErrors,
        "P" => Status::PartiallyAccepted,
        "R" | "M" | "W" | "X" => Status::Rejected,
        _ => Status::Unknown,
    }
}
