//! EDIFACT: `UNA`, `UNB`, `UNG`, `UNH` and their trailers, and the acknowledgment CONTRL.

use super::nesting::{self, Nesting};
use super::tokens::{Elements, Segments, Separators};
use super::{Acknowledged, EdiError, Group, Interchange, Message, Party, Standard, Status};

/// What holds without `UNA`.
const STANDARD: Separators = Separators { segment: b'\'', element: b'+', component: b':', release: Some(b'?') };
const UNA: usize = 9;
/// The segments that are read.
const TAGS: [&str; 9] = ["UNB", "UNZ", "UNG", "UNE", "UNH", "UNT", "UCI", "UCF", "UCM"];

pub(super) fn read(document: &[u8]) -> Result<Vec<Interchange>, EdiError> {
    let (separators, segments) = separators(document)?;
    let mut reading = Reading::default();
    nesting::read(Segments::new(segments, separators), ("UNB", "UNZ"), &TAGS, |nesting, tag, elements| {
        reading.segment(nesting, tag, elements);
    })
}

fn separators(document: &[u8]) -> Result<(Separators, &[u8]), EdiError> {
    if !document.starts_with(b"UNA") {
        return Ok((STANDARD, document));
    }
    let [_, _, _, component, element, _, release, _, segment] = *document.get(..UNA).ok_or(EdiError::Header("UNA"))?
    else {
        return Err(EdiError::Header("UNA"));
    };
    let release = (release != b' ').then_some(release);
    let characters = [Some(segment), Some(element), Some(component), release];
    let distinct = characters.iter().enumerate().all(|(at, one)| !characters[..at].contains(one));
    if !distinct || characters.iter().flatten().any(u8::is_ascii_alphanumeric) {
        return Err(EdiError::Header("UNA"));
    }
    Ok((Separators { segment, element, component, release }, &document[UNA..]))
}

#[derive(Default)]
struct Reading {
    /// The interchange that the last `UCI` speaks of, and the group of the last `UCF`.
    acknowledged: Option<String>,
    acknowledged_group: Option<String>,
}

impl Reading {
    fn segment(&mut self, nesting: &mut Nesting, tag: &str, elements: &Elements<'_>) {
        let text = |at| elements.text(at);
        if tag == "UNB" {
            let party = |at| Party { qualifier: elements.component(at, 1), id: elements.component(at, 0) };
            nesting.open = Some(Interchange::new(Standard::Edifact, party(2), party(3), text(5)));
            return;
        }
        let Some(interchange) = &mut nesting.open else { return };
        match tag {
            "UNG" => {
                let (sender, receiver) = (elements.component(2, 0), elements.component(3, 0));
                nesting.begin_group(Group { kind: text(1), sender, receiver, control_number: text(5) });
            }
            "UNH" => nesting.begin_message(Message {
                document_type: elements.component(2, 0),
                version: elements.component(2, 1) + &elements.component(2, 2),
                control_number: text(1),
                group_control_number: None,
            }),
            "UNT" => nesting.end_message(tag, &(text(1), text(2))),
            "UNE" => nesting.end_group(tag, &(text(1), text(2))),
            "UNZ" => {
                let messages = interchange.message_count;
                let counted = if nesting.groups > 0 { nesting.groups } else { messages };
                nesting.end(tag, &(text(1), text(2)), counted);
            }
            _ => self.acknowledgment(interchange, tag, elements),
        }
    }

    fn acknowledgment(&mut self, interchange: &mut Interchange, tag: &str, elements: &Elements<'_>) {
        let number = elements.text(1);
        let (what, code) = match tag {
            "UCI" => {
                self.acknowledged = Some(number.clone());
                self.acknowledged_group = None;
                (Acknowledged::Interchange { control_number: number }, elements.text(4))
            }
            "UCF" => {
                self.acknowledged_group = Some(number.clone());
                let interchange = self.acknowledged.clone();
                (Acknowledged::Group { interchange, kind: None, control_number: number }, elements.text(4))
            }
            _ => {
                let (interchange, group) = (self.acknowledged.clone(), self.acknowledged_group.clone());
                let document_type = elements.component(2, 0);
                let what = Acknowledged::Message {
                    interchange,
                    group_kind: None,
                    group,
                    document_type,
                    control_number: number,
                };
                (what, elements.text(3))
            }
        };
        interchange.acknowledge(what, status(&code), &code);
    }
}

fn status(code: &str) -> Status {
    match code {
        "1" | "2" | "7" => Status::Accepted,
        "5" => Status::PartiallyAccepted,
        "4" | "6" => Status::Rejected,
        "8" => Status::Received,
        _ => Status::Unknown,
    }
}
