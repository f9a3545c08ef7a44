//! X12: `ISA`, `GS`, `ST` and their trailers, and the acknowledgments 997, 999 and `TA1`.

use super::tokens::{Elements, Segments, Separators};
use super::{Acknowledged, EdiError, Group, Interchange, MAX_INTERCHANGES, Message, Party, Standard, Status};

/// The number of elements of `ISA`, whose last is one character, after which the segment ends.
const ISA_ELEMENTS: usize = 16;
/// Longer than any `ISA` that was not garbled.
const MAX_ISA: usize = 512;
/// The segments that are read.
const TAGS: [&str; 12] = ["ISA", "IEA", "TA1", "GS", "GE", "ST", "SE", "AK1", "AK2", "AK5", "IK5", "AK9"];

pub(super) fn read(document: &[u8]) -> Result<Vec<Interchange>, EdiError> {
    let separators = separators(document).ok_or(EdiError::Header("ISA"))?;
    let mut reading = Reading::default();
    for segment in Segments::new(document, separators) {
        let tag = segment.tag();
        reading.segments += 1;
        if tag == "ISA" && reading.done.len() + 1 >= MAX_INTERCHANGES {
            break;
        }
        if TAGS.contains(&tag) {
            reading.segment(tag, &segment.elements());
        }
    }
    reading.finish();
    if reading.done.is_empty() { Err(EdiError::Header("ISA")) } else { Ok(reading.done) }
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
    done: Vec<Interchange>,
    open: Option<Interchange>,
    group: Option<(String, usize)>,
    groups: usize,
    message: Option<String>,
    /// Segments so far, and how many there were before the open message.
    segments: usize,
    before_message: usize,
    /// What the last `AK1` and `AK2` speak of: a group by its kind and its number.
    acknowledged_group: (String, String),
    acknowledged_message: Option<(String, String)>,
    version: String,
}

impl Reading {
    fn segment(&mut self, tag: &str, elements: &Elements<'_>) {
        if tag == "ISA" {
            self.finish();
            let party = |at| Party { qualifier: elements.text(at), id: elements.text(at + 1) };
            self.open = Some(Interchange::new(Standard::X12, party(5), party(7), elements.text(13)));
            return;
        }
        let Some(interchange) = &mut self.open else { return };
        let text = |at| elements.text(at);
        match tag {
            "GS" => {
                self.groups += 1;
                self.version = text(8);
                self.group = Some((text(6), 0));
                let (sender, receiver) = (text(2), text(3));
                interchange.add_group(Group { kind: text(1), sender, receiver, control_number: text(6) });
            }
            "ST" => {
                self.before_message = self.segments - 1;
                self.message = Some(text(2));
                if let Some((_, messages)) = &mut self.group {
                    *messages += 1;
                }
                interchange.add_message(Message {
                    document_type: text(1),
                    version: self.version.clone(),
                    control_number: text(2),
                    group_control_number: self.group.as_ref().map(|(number, _)| number.clone()),
                });
            }
            "SE" => {
                let number = self.message.take().unwrap_or_default();
                let counted = self.segments - self.before_message;
                interchange.check_trailer("SE", (&text(1), &text(2)), counted, &number);
            }
            "GE" => {
                let (number, messages) = self.group.take().unwrap_or_default();
                interchange.check_trailer("GE", (&text(1), &text(2)), messages, &number);
            }
            "IEA" => {
                let number = interchange.control_number.clone();
                interchange.check_trailer("IEA", (&text(1), &text(2)), self.groups, &number);
                self.done.extend(self.open.take());
                self.groups = 0;
            }
            _ => self.acknowledgment(tag, elements),
        }
    }

    fn acknowledgment(&mut self, tag: &str, elements: &Elements<'_>) {
        let Some(interchange) = &mut self.open else { return };
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

    /// Ends an interchange that has no trailer.
    fn finish(&mut self) {
        if let Some(mut interchange) = self.open.take() {
            interchange.note("The interchange has no IEA.".to_owned());
            self.done.push(interchange);
        }
        self.groups = 0;
        self.group = None;
        self.message = None;
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
