//! Cuts a document into segments, and segments into elements.

use std::borrow::Cow;

/// The most bytes of an element that are kept.
const MAX_ELEMENT: usize = 128;
/// The most elements of a segment that are read.
const MAX_ELEMENTS: usize = 24;

/// The characters that separate things.
#[derive(Clone, Copy, Debug)]
pub(super) struct Separators {
    pub(super) segment: u8,
    pub(super) element: u8,
    pub(super) component: u8,
    /// Before a separator, it makes the separator a letter.
    pub(super) release: Option<u8>,
}

/// The segments of a document, without the line breaks between them.
pub(super) struct Segments<'a> {
    rest: &'a [u8],
    separators: Separators,
}

/// One segment.
#[derive(Clone, Copy)]
pub(super) struct Segment<'a> {
    bytes: &'a [u8],
    separators: Separators,
}

impl<'a> Segments<'a> {
    pub(super) fn new(rest: &'a [u8], separators: Separators) -> Self {
        Self { rest, separators }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        self.rest = self.rest.trim_ascii_start();
        if self.rest.is_empty() {
            return None;
        }
        let end = end_of(self.rest, self.separators.segment, self.separators.release).unwrap_or(self.rest.len());
        let (bytes, rest) = self.rest.split_at(end);
        self.rest = rest.get(1..).unwrap_or_default();
        Some(Segment { bytes, separators: self.separators })
    }
}

impl<'a> Segment<'a> {
    /// Its name, if it is short enough for one.
    pub(super) fn tag(&self) -> &'a str {
        let name = &self.bytes[..self.bytes.len().min(4)];
        let end = name.iter().position(|byte| *byte == self.separators.element).unwrap_or(name.len());
        std::str::from_utf8(&name[..end]).unwrap_or_default()
    }

    /// Its elements; the first is its name.
    pub(super) fn elements(&self) -> Elements<'a> {
        let Separators { element, release, .. } = self.separators;
        Elements { elements: pieces(self.bytes, element, release), separators: self.separators }
    }
}

/// The elements of a segment; those that are missing are empty.
pub(super) struct Elements<'a> {
    elements: Vec<&'a [u8]>,
    separators: Separators,
}

impl Elements<'_> {
    /// An element as text, without the spaces around it.
    pub(super) fn text(&self, number: usize) -> String {
        self.elements.get(number).map(|element| self.plain(element)).unwrap_or_default()
    }

    /// A component of an element, counted from 0.
    pub(super) fn component(&self, number: usize, component: usize) -> String {
        let Separators { component: separator, release, .. } = self.separators;
        let element = self.elements.get(number).copied().unwrap_or_default();
        pieces(element, separator, release).get(component).map(|component| self.plain(component)).unwrap_or_default()
    }

    fn plain(&self, bytes: &[u8]) -> String {
        let bytes = &bytes[..bytes.len().min(MAX_ELEMENT)];
        let released = match self.separators.release {
            Some(release) if bytes.contains(&release) => Cow::Owned(without_release(bytes, release)),
            _ => Cow::Borrowed(bytes),
        };
        String::from_utf8_lossy(&released).trim().to_owned()
    }
}

fn without_release(bytes: &[u8], release: u8) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        plain.extend(if *byte == release { rest.next() } else { Some(byte) });
    }
    plain
}

fn pieces(bytes: &[u8], separator: u8, release: Option<u8>) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while let Some(end) = end_of(rest, separator, release) {
        pieces.push(&rest[..end]);
        rest = &rest[end + 1..];
        if pieces.len() == MAX_ELEMENTS {
            return pieces;
        }
    }
    pieces.push(rest);
    pieces
}

/// Where the next separator is that no release character stands before.
fn end_of(bytes: &[u8], separator: u8, release: Option<u8>) -> Option<usize> {
    let Some(release) = release else { return memchr::memchr(separator, bytes) };
    let mut at = 0;
    loop {
        let found = at + memchr::memchr2(separator, release, &bytes[at..])?;
        if bytes[found] == separator {
            return Some(found);
        }
        at = found + 2;
        if at > bytes.len() {
            return None;
        }
    }
}
