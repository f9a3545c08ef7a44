//! What X12 and EDIFACT have in common: an interchange holds groups, these hold messages, and each ends with a trailer
//! that counts what it holds and names its header's number.

use super::tokens::{Elements, Segments};
use super::{EdiError, Group, Interchange, MAX_INTERCHANGES, Message};

/// What is open at a segment.
#[derive(Default)]
pub(super) struct Nesting {
    done: Vec<Interchange>,
    pub(super) open: Option<Interchange>,
    /// Its number, and the messages in it.
    group: Option<(String, usize)>,
    pub(super) groups: usize,
    message: Option<String>,
    /// Segments so far, and how many there were before the open message.
    segments: usize,
    before_message: usize,
}

/// The count and the number that a trailer states.
pub(super) type Stated = (String, String);

/// Reads interchanges, each from its header to its trailer. `each` is given the segments of these tags.
pub(super) fn read(
    segments: Segments<'_>,
    (header, trailer): (&'static str, &'static str),
    tags: &[&str],
    mut each: impl FnMut(&mut Nesting, &str, &Elements<'_>),
) -> Result<Vec<Interchange>, EdiError> {
    let mut nesting = Nesting::default();
    for segment in segments {
        nesting.segments += 1;
        let tag = segment.tag();
        if tag == header {
            if nesting.done.len() + 1 >= MAX_INTERCHANGES {
                break;
            }
            nesting.finish(trailer);
        }
        if tags.contains(&tag) {
            each(&mut nesting, tag, &segment.elements());
        }
    }
    nesting.finish(trailer);
    if nesting.done.is_empty() { Err(EdiError::Header(header)) } else { Ok(nesting.done) }
}

impl Nesting {
    pub(super) fn begin_group(&mut self, group: Group) {
        let Some(interchange) = &mut self.open else { return };
        self.groups += 1;
        self.group = Some((group.control_number.clone(), 0));
        interchange.add_group(group);
    }

    /// Begins a message, which is of the open group.
    pub(super) fn begin_message(&mut self, mut message: Message) {
        let Some(interchange) = &mut self.open else { return };
        self.before_message = self.segments - 1;
        self.message = Some(message.control_number.clone());
        if let Some((number, messages)) = &mut self.group {
            *messages += 1;
            message.group_control_number = Some(number.clone());
        }
        interchange.add_message(message);
    }

    pub(super) fn end_message(&mut self, trailer: &str, stated: &Stated) {
        let number = self.message.take().unwrap_or_default();
        self.check(trailer, stated, (self.segments - self.before_message, &number));
    }

    pub(super) fn end_group(&mut self, trailer: &str, stated: &Stated) {
        let (number, messages) = self.group.take().unwrap_or_default();
        self.check(trailer, stated, (messages, &number));
    }

    /// Ends the interchange, whose trailer should count so many.
    pub(super) fn end(&mut self, trailer: &str, stated: &Stated, counted: usize) {
        let number = self.open.as_ref().map(|interchange| interchange.control_number.clone()).unwrap_or_default();
        self.check(trailer, stated, (counted, &number));
        self.done.extend(self.open.take());
        self.groups = 0;
    }

    fn check(&mut self, trailer: &str, (count, reference): &Stated, (counted, number): (usize, &str)) {
        if let Some(interchange) = &mut self.open {
            interchange.check_trailer(trailer, (count, reference), counted, number);
        }
    }

    /// Ends an interchange that has no trailer.
    fn finish(&mut self, trailer: &str) {
        if let Some(mut interchange) = self.open.take() {
            interchange.note(format!("The interchange has no {trailer}."));
            self.done.push(interchange);
        }
        self.groups = 0;
        self.group = None;
        self.message = None;
    }
}
