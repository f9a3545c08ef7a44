//! A scanner for JSON text that has been parsed already: removes white space, and finds what parsers disagree about.
//!
//! Of two values with the same key, some parsers take the first and others the last. A validator, a filter and a target
//! must never see different values, so duplicate keys are refused. So is nesting deeper than [`MAX_DEPTH`], and in the
//! payload of an event deeper than [`MAX_PAYLOAD_DEPTH`]: targets' parsers take less than ours.
//!
//! The scan is a single pass without recursion. The keys of an object are compared when it ends: pairwise if they are
//! few, otherwise by sorting. Long common prefixes cannot make it slow: a byte is compared at most [`FEW`] times in the
//! first case, and O(log n) times in the second.

use memchr::memchr2;
use serde_json::value::RawValue;

/// The nesting limit of objects and lists. It is the one of `serde_json`.
pub const MAX_DEPTH: usize = 127;
/// The nesting limit of an event's payload.
pub const MAX_PAYLOAD_DEPTH: usize = 64;
/// Up to this many keys are compared pairwise.
const FEW: usize = 16;

/// A fault of valid JSON that parsers do not report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// An object has a key twice.
    #[error("is a duplicate key")]
    DuplicateKey {
        /// The JSON Pointer of the second one.
        pointer: String,
    },
    /// It exceeds this limit.
    #[error("must not nest deeper than {0} levels")]
    TooDeep(usize),
}

/// Scans one text after the other with the same buffers.
#[derive(Debug)]
pub struct Scanner {
    /// The nesting limit.
    most: usize,
    levels: Vec<Level>,
    /// The keys of all open objects, those of the innermost last.
    names: Vec<Name>,
    /// Keys that contain escapes, decoded.
    unescaped: Vec<u8>,
}

/// An open object or list.
#[derive(Clone, Copy, Debug)]
struct Level {
    is_object: bool,
    /// The lengths of `Scanner::names` and `Scanner::unescaped` when it was opened.
    names: usize,
    unescaped: usize,
    /// The index of the current item.
    items: usize,
}

/// The range of a key, in the text or in `Scanner::unescaped`.
#[derive(Clone, Copy, Debug)]
struct Name {
    from: usize,
    to: usize,
    unescaped: bool,
}

impl Default for Scanner {
    fn default() -> Self {
        Self::within(MAX_DEPTH)
    }
}

impl Scanner {
    /// One for texts that nest at most that deep.
    #[must_use]
    pub fn within(most: usize) -> Self {
        Self { most, levels: Vec::new(), names: Vec::new(), unescaped: Vec::new() }
    }

    /// Removes the white space between tokens, so that an event is one line.
    ///
    /// # Errors
    /// [`JsonFault`].
    pub fn compact(&mut self, json: &RawValue) -> Result<Box<RawValue>, JsonFault> {
        let text = json.get();
        let (mut out, mut copied) = (String::new(), 0);
        self.walk(text, |space| {
            out.push_str(&text[copied..space]);
            copied = space + 1;
        })?;
        if copied == 0 {
            return Ok(json.to_owned());
        }
        out.push_str(&text[copied..]);
        Ok(RawValue::from_string(out).unwrap_or_else(|_| json.to_owned()))
    }

    /// Looks for a fault in the text.
    ///
    /// # Errors
    /// The first [`JsonFault`].
    pub fn check(&mut self, text: &str) -> Result<(), JsonFault> {
        self.walk(text, |_| {})
    }

    /// Scans the text and calls `space` with the offset of each white-space byte between tokens.
    fn walk(&mut self, text: &str, mut space: impl FnMut(usize)) -> Result<(), JsonFault> {
        self.levels.clear();
        self.names.clear();
        self.unescaped.clear();
        let bytes = text.as_bytes();
        let (mut at, mut before_name) = (0, false);
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => {
                    let (end, escapes) = end_of_string(bytes, at + 1);
                    if before_name {
                        self.name(bytes, at + 1, end, escapes);
                        before_name = false;
                    }
                    at = end;
                }
                b'{' | b'[' => {
                    before_name = *byte == b'{';
                    self.open(before_name)?;
                }
                b'}' | b']' => {
                    before_name = false;
                    self.close(bytes)?;
                }
                b',' => before_name = self.next_item(),
                b' ' | b'\t' | b'\n' | b'\r' => space(at),
                _ => {}
            }
            at += 1;
        }
        Ok(())
    }

    fn open(&mut self, is_object: bool) -> Result<(), JsonFault> {
        if self.levels.len() == self.most {
            return Err(JsonFault::TooDeep(self.most));
        }
        self.levels.push(Level { is_object, names: self.names.len(), unescaped: self.unescaped.len(), items: 0 });
        Ok(())
    }

    /// Moves to the next item of the innermost level. Returns whether a key is expected next.
    fn next_item(&mut self) -> bool {
        let Some(level) = self.levels.last_mut() else { return false };
        level.items += 1;
        level.is_object
    }

    /// Records the key between two quotes.
    fn name(&mut self, bytes: &[u8], from: usize, to: usize, escapes: bool) {
        if !escapes {
            self.names.push(Name { from, to, unescaped: false });
            return;
        }
        let start = self.unescaped.len();
        unescape(bytes.get(from..to).unwrap_or_default(), &mut self.unescaped);
        self.names.push(Name { from: start, to: self.unescaped.len(), unescaped: true });
    }

    /// Closes the innermost level and compares its keys.
    fn close(&mut self, bytes: &[u8]) -> Result<(), JsonFault> {
        let Some(level) = self.levels.last().copied() else { return Ok(()) };
        if let Some(name) = self.repeated(bytes, level.names) {
            return Err(JsonFault::DuplicateKey { pointer: self.pointer(bytes, name) });
        }
        self.levels.pop();
        self.names.truncate(level.names);
        self.unescaped.truncate(level.unescaped);
        Ok(())
    }

    /// The first key of the innermost object that occurred before.
    fn repeated(&self, bytes: &[u8], first: usize) -> Option<Name> {
        let names = self.names.get(first..).unwrap_or_default();
        let text = |name: &Name| self.text(bytes, *name);
        if names.len() <= FEW {
            let repeats = |(at, name): &(usize, &Name)| names[..*at].iter().any(|before| text(before) == text(name));
            return names.iter().enumerate().find(repeats).map(|(_, name)| *name);
        }
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_unstable_by(|a, b| text(&names[*a]).cmp(text(&names[*b])).then(a.cmp(b)));
        let later = order.windows(2).filter(|pair| text(&names[pair[0]]) == text(&names[pair[1]])).map(|pair| pair[1]);
        later.min().map(|at| names[at])
    }

    fn text<'a>(&'a self, bytes: &'a [u8], name: Name) -> &'a [u8] {
        let within = if name.unescaped { &self.unescaped } else { bytes };
        within.get(name.from..name.to).unwrap_or_default()
    }

    /// The JSON Pointer of a key of the innermost object.
    fn pointer(&self, bytes: &[u8], name: Name) -> String {
        let mut pointer = String::new();
        for (outer, inner) in self.levels.iter().zip(self.levels.iter().skip(1)) {
            // The inner level is the value of the last key before its own keys.
            match inner.names.checked_sub(1).and_then(|at| self.names.get(at)).filter(|_| outer.is_object) {
                Some(name) => push_segment(&mut pointer, self.text(bytes, *name)),
                None => push_segment(&mut pointer, outer.items.to_string().as_bytes()),
            }
        }
        push_segment(&mut pointer, self.text(bytes, name));
        pointer
    }
}

fn push_segment(pointer: &mut String, segment: &[u8]) {
    pointer.push('/');
    pointer.push_str(&String::from_utf8_lossy(segment).replace('~', "~0").replace('/', "~1"));
}

/// The offset of the closing quote of a string, and whether the string contains escapes.
fn end_of_string(bytes: &[u8], from: usize) -> (usize, bool) {
    let (mut at, mut escapes) = (from, false);
    while let Some(next) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += next;
        if bytes[at] == b'"' {
            return (at, escapes);
        }
        escapes = true;
        at += 2;
    }
    (bytes.len(), escapes)
}

/// Decodes a string with escapes. A lone surrogate becomes three bytes that do not occur in UTF-8.
fn unescape(escaped: &[u8], out: &mut Vec<u8>) {
    let mut rest = escaped;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let Some((kind, tail)) = rest.split_first() else { return };
        rest = tail;
        match kind {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let Some((code, tail)) = code_point(rest) else { return };
                rest = tail;
                push_code_point(code, out);
            }
            other => out.push(*other),
        }
    }
}

/// The code point after `\u`, which may be a surrogate pair, and the rest of the text.
fn code_point(rest: &[u8]) -> Option<(u32, &[u8])> {
    let unit = |rest: &[u8]| u32::from_str_radix(std::str::from_utf8(rest.get(..4)?).ok()?, 16).ok();
    let (high, after) = (unit(rest)?, rest.get(4..)?);
    let low = after.strip_prefix(br"\u").and_then(|next| Some((unit(next)?, next.get(4..)?)));
    match (high, low) {
        (0xd800..=0xdbff, Some((low @ 0xdc00..=0xdfff, after))) => {
            Some((0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00), after))
        }
        _ => Some((high, after)),
    }
}

fn push_code_point(code: u32, out: &mut Vec<u8>) {
    match char::from_u32(code) {
        Some(character) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        None => out.extend([(code >> 12) as u8 | 0xe0, (code >> 6) as u8 & 0x3f | 0x80, code as u8 & 0x3f | 0x80]),
    }
}

#[cfg(test)]
mod tests;
