//! Reads BER, of which DER is a part: indefinite lengths and strings in pieces are what streaming partners send.
//!
//! Nothing is copied: a value is two ranges of the bytes it stands in.

use std::borrow::Cow;
use std::ops::Range;

use const_oid::ObjectIdentifier as Oid;

use super::der;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OBJECT_ID: u8 = 0x06;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

const CONSTRUCTED: u8 = 0x20;
/// How deep values may stand in each other where the end of one is looked for.
const MAX_DEPTH: usize = 32;

/// The bytes are not BER, or not the structure that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the ASN.1 that was expected")]
pub(crate) struct Malformed;

type Result<T> = std::result::Result<T, Malformed>;

/// The tag of a context-specific value that holds others.
pub(crate) const fn context(number: u8) -> u8 {
    0x80 | CONSTRUCTED | number
}

/// One value.
#[derive(Clone, Debug)]
pub(crate) struct Value<'a> {
    bytes: &'a [u8],
    pub(crate) tag: u8,
    /// With its header, and the end marker of an indefinite length.
    whole: Range<usize>,
    body: Range<usize>,
    definite: bool,
}

/// Values that follow each other.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, end: bytes.len() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at >= self.end
    }

    pub(crate) fn next(&mut self) -> Result<Value<'a>> {
        let value = read(self.bytes, self.at, self.end, MAX_DEPTH)?;
        self.at = value.whole.end;
        Ok(value)
    }

    /// The next value, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Value<'a>> {
        let value = self.next()?;
        if value.tag == tag { Ok(value) } else { Err(Malformed) }
    }

    /// The next value, which must be an octet string, in one piece or in several.
    pub(crate) fn octets(&mut self) -> Result<Cow<'a, [u8]>> {
        let value = self.next()?;
        if value.tag & !CONSTRUCTED == OCTET_STRING { value.octets() } else { Err(Malformed) }
    }

    /// The next value if it has this tag, in either form.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Value<'a>>> {
        match self.bytes.get(self.at).filter(|_| !self.is_empty()) {
            Some(next) if next & !CONSTRUCTED == tag & !CONSTRUCTED => self.next().map(Some),
            _ => Ok(None),
        }
    }
}

impl<'a> Value<'a> {
    /// The value with which bytes begin; what follows it is ignored.
    pub(crate) fn first(bytes: &'a [u8]) -> Result<Self> {
        Reader::new(bytes).next()
    }

    pub(crate) fn children(&self) -> Result<Reader<'a>> {
        if self.tag & CONSTRUCTED == 0 {
            return Err(Malformed);
        }
        Ok(Reader { bytes: self.bytes, at: self.body.start, end: self.body.end })
    }

    /// As it stands, with its header.
    pub(crate) fn whole(&self) -> &'a [u8] {
        &self.bytes[self.whole.clone()]
    }

    pub(crate) fn body(&self) -> &'a [u8] {
        &self.bytes[self.body.clone()]
    }

    /// Where its bytes stand, if they are in one piece.
    pub(crate) fn piece(&self) -> Option<Range<usize>> {
        (self.tag & CONSTRUCTED == 0).then(|| self.body.clone())
    }

    /// Whether its length is written before it.
    pub(crate) fn is_definite(&self) -> bool {
        self.definite
    }

    pub(crate) fn oid(&self) -> Result<Oid> {
        if self.tag != OBJECT_ID {
            return Err(Malformed);
        }
        Oid::from_bytes(self.body()).map_err(|_| Malformed)
    }

    /// The bytes of an octet string, also of one in pieces.
    pub(crate) fn octets(&self) -> Result<Cow<'a, [u8]>> {
        if self.tag & CONSTRUCTED == 0 {
            return Ok(Cow::Borrowed(self.body()));
        }
        let mut gathered = Vec::new();
        self.gather(&mut gathered, MAX_DEPTH)?;
        Ok(Cow::Owned(gathered))
    }

    fn gather(&self, into: &mut Vec<u8>, depth: usize) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or(Malformed)?;
        let mut pieces = self.children()?;
        while !pieces.is_empty() {
            let piece = pieces.next()?;
            match piece.tag {
                OCTET_STRING => into.extend_from_slice(piece.body()),
                tag if tag == OCTET_STRING | CONSTRUCTED => piece.gather(into, depth)?,
                _ => return Err(Malformed),
            }
        }
        Ok(())
    }

    /// The same in DER: definite lengths, strings in one piece. Sets keep their order.
    pub(crate) fn to_der(&self) -> Result<Vec<u8>> {
        self.der(MAX_DEPTH)
    }

    fn der(&self, depth: usize) -> Result<Vec<u8>> {
        let depth = depth.checked_sub(1).ok_or(Malformed)?;
        if self.tag & CONSTRUCTED == 0 {
            return Ok(der::value(self.tag, &[self.body()]));
        }
        if self.tag == OCTET_STRING | CONSTRUCTED {
            return Ok(der::value(OCTET_STRING, &[&self.octets()?]));
        }
        let mut body = Vec::new();
        let mut children = self.children()?;
        while !children.is_empty() {
            body.extend(children.next()?.der(depth)?);
        }
        Ok(der::value(self.tag, &[&body]))
    }
}

/// Reads the value at a place; it must end before `end`.
fn read(bytes: &[u8], at: usize, end: usize, depth: usize) -> Result<Value<'_>> {
    let tag = *bytes.get(at).filter(|_| at < end).ok_or(Malformed)?;
    let length = *bytes.get(at + 1).filter(|_| at + 1 < end).ok_or(Malformed)?;
    // Tags of several bytes are in nothing that is read here.
    if tag & 0x1F == 0x1F {
        return Err(Malformed);
    }
    let mut start = at + 2;
    let size = match length {
        0x80 => {
            if tag & CONSTRUCTED == 0 {
                return Err(Malformed);
            }
            let (body_end, whole_end) = end_marker(bytes, start, end, depth)?;
            return Ok(Value { bytes, tag, whole: at..whole_end, body: start..body_end, definite: false });
        }
        0x81..=0x88 => {
            let digits = bytes.get(start..start + usize::from(length & 0x7F)).ok_or(Malformed)?;
            start += digits.len();
            let size = digits.iter().fold(0_u64, |sum, digit| sum << 8 | u64::from(*digit));
            usize::try_from(size).map_err(|_| Malformed)?
        }
        0x89.. => return Err(Malformed),
        short => usize::from(short),
    };
    let whole_end = start.checked_add(size).filter(|whole_end| *whole_end <= end).ok_or(Malformed)?;
    Ok(Value { bytes, tag, whole: at..whole_end, body: start..whole_end, definite: true })
}

/// Where a body of indefinite length ends, and where its end marker does.
fn end_marker(bytes: &[u8], mut at: usize, end: usize, depth: usize) -> Result<(usize, usize)> {
    let depth = depth.checked_sub(1).ok_or(Malformed)?;
    loop {
        if bytes.get(at..at + 2) == Some(&[0, 0]) && at + 2 <= end {
            return Ok((at, at + 2));
        }
        at = read(bytes, at, end, depth)?.whole.end;
    }
}
