//! EDIFACT: `UNA`, `UNB`, `UNG`, `UNH` and their trailers, and the acknowledgment CONTRL.

use super::tokens::{Elements, Segments, Separators};
use super::{Acknowledged, EdiError, Group, Interchange, MAX_INTERCHANGES, Message, Party, Standard, Status};

/// What holds without `UNA`.
const STANDARD: Separators = Separators { segment: b'\'', element: b'+', component: b':', release: Some(b'?') };
const UNA: usize = 9;
/// The segments that are read.
const TAGS: [&str; 9] = ["UNB", "UNZ", "UNG", "UNE", "UNH", "UNT", "UCI", "UCF", "UCM"];

pub(super) fn read(document: &[u8]) -> Result<Vec<Interchange>, EdiError> {
    let (separators, segments) = separators(document)?;
    let mut reading = Reading::default();
    for segment in Segments::new(segments, separators) {
        reading.segments += 1;
        let tag = segment.tag();
        if tag == "UNB" && reading.done.len() + 1 >= MAX_INTERCHANGES {
            break;
        }
        if TAGS.contains(&tag) {
            reading.segment(tag, &segment.elements());
        }
    }
    reading.finish();
    if reading.done.is_empty() { Err(EdiError::Header("UNB")) } else { Ok(reading.done) }
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
    done: Vec<Interchange>,
    open: Option<Interchange>,
    group: Option<(String, usize)>,
    groups: usize,
    message: Option<String>,
    /// Segments so far, and how many there were before the open message.
    segments: usize,
    before_message: usize,
    /// The interchange that the last `UCI` speaks of, and the group of the last `UCF`.
    acknowledged: Option<String>,
    acknowledged_group: Option<String>,
}

impl Reading {
    fn segment(&mut self, tag: &str, elements: &Elements<'_>) {
        if tag == "UNB" {
            self.finish();
            let party = |at| Party { qualifier: elements.component(at, 1), id: elements.component(at, 0) };
            self.open = Some(Interchange::new(Standard::Edifact, party(2), party(3), elements.text(5)));
            return;
        }
        let Some(interchange) = &mut self.open else { return };
        let text = |at| elements.text(at);
        match tag {
            "UNG" => {
                self.groups += 1;
                self.group = Some((text(5), 0));
                let (sender, receiver) = (elements.component(2, 0), elements.component(3, 0));
                interchange.add_group(Group { kind: text(1), sender, receiver, control_number: text(5) });
            }
            "UNH" => {
                self.before_message = self.segments - 1;
                self.message = Some(text(1));
                if let Some((_, messages)) = &mut self.group {
                    *messages += 1;
                }
                interchange.add_message(Message {
                    document_type: elements.component(2, 0),
                    version: elements.component(2, 1) + &elements.component(2, 2),
                    control_number: text(1),
                    group_control_number: self.group.as_ref().map(|(number, _)| number.clone()),
                });
            }
            "UNT" => {
                let number = self.message.take().unwrap_or_default();
                let counted = self.segments - self.before_message;
                interchange.check_trailer("UNT", (&text(1), &text(2)), counted, &number);
            }
            "UNE" => {
                let (number, messages) = self.group.take().unwrap_or_default();
                interchange.check_trailer("UNE", (&text(1), &text(2)), messages, &number);
            }
            "UNZ" => {
                let number = interchange.control_number.clone();
                let counted = if self.groups > 0 { self.groups } else { interchange.message_count };
                interchange.check_trailer("UNZ", (&text(1), &text(2)), counted, &number);
                self.done.extend(self.open.take());
                self.groups = 0;
            }
            _ => self.acknowledgment(tag, elements),
        }
    }

    fn acknowledgment(&mut self, tag: &str, elements: &Elements<'_>) {
        let Some(interchange) = &mut self.open else { return };
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

    /// Ends an interchange that has no trailer.
    fn finish(&mut self) {
        if let Some(mut interchange) = self.open.take() {
            interchange.note("The interchange has no UNZ.".to_owned());
            self.done.push(interchange);
        }
        self.groups = 0;
        self.group = None;
        self.message = None;
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
