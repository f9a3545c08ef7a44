//! One walk over JSON text that a parser has accepted: takes white space out, and refuses what parsers disagree about.
//!
//! Of two values under one name, one parser takes the first and another the last. A validator, a filter and a target
//! must never see different things, so a payload has each name once. The same goes for depth: what nests deeper than
//! [`MAX_DEPTH`] could be published, but neither checked against a schema nor filtered.
//!
//! The walk looks at each byte once and does not recurse. The names of an object are compared when it ends: pairwise
//! where there are few, else sorted. Names that share long beginnings cannot make it slow: a byte takes part in at most
//! [`FEW`] comparisons in the one case, and in O(log n) in the other.

use serde_json::value::RawValue;

/// How deep objects and lists may nest: as deep as `serde_json` reads them.
pub const MAX_DEPTH: usize = 127;
/// Up to so many names are compared pairwise.
const FEW: usize = 16;

/// What is wrong with a text that is JSON all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// The second of two equal names, as a JSON Pointer.
    #[error("is there twice")]
    DuplicateKey {
        /// Where it is.
        pointer: String,
    },
    /// It nests too deep.
    #[error("must not nest deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

/// Walks over texts, one after the other, with the same buffers.
#[derive(Debug, Default)]
pub struct Scanner {
    levels: Vec<Level>,
    /// The names of every open object, those of the innermost last.
    names: Vec<Name>,
    /// What names with escapes stand for.
    unescaped: Vec<u8>,
}

/// An open object or list.
#[derive(Clone, Copy, Debug)]
struct Level {
    is_object: bool,
    /// How many names and unescaped bytes there were before it.
    names: usize,
    unescaped: usize,
    /// The items before the current one.
    items: usize,
}

/// Where a name stands: in the text, or among the unescaped bytes.
#[derive(Clone, Copy, Debug)]
struct Name {
    from: usize,
    to: usize,
    unescaped: bool,
}

impl Scanner {
    /// The same JSON without white space between tokens: one event must stay one line.
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

    /// Whether the text is free of [`JsonFault`]s.
    ///
    /// # Errors
    /// The first of them.
    pub fn check(&mut self, text: &str) -> Result<(), JsonFault> {
        self.walk(text, |_| {})
    }

    /// Walks over the text; `space` gets the place of each byte of white space between tokens.
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
        if self.levels.len() == MAX_DEPTH {
            return Err(JsonFault::TooDeep);
        }
        self.levels.push(Level { is_object, names: self.names.len(), unescaped: self.unescaped.len(), items: 0 });
        Ok(())
    }

    /// Goes on to the next item of the innermost level; tells whether a name comes next.
    fn next_item(&mut self) -> bool {
        let Some(level) = self.levels.last_mut() else { return false };
        level.items += 1;
        level.is_object
    }

    /// Notes the name between two quotes.
    fn name(&mut self, bytes: &[u8], from: usize, to: usize, escapes: bool) {
        if !escapes {
            self.names.push(Name { from, to, unescaped: false });
            return;
        }
        let start = self.unescaped.len();
        unescape(bytes.get(from..to).unwrap_or_default(), &mut self.unescaped);
        self.names.push(Name { from: start, to: self.unescaped.len(), unescaped: true });
    }

    /// Ends the innermost level: an object's names are known now.
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

    /// The first of the innermost names that is there before.
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

    /// The JSON Pointer of a name of the innermost level.
    fn pointer(&self, bytes: &[u8], name: Name) -> String {
        let mut pointer = String::new();
        for (outer, inner) in self.levels.iter().zip(self.levels.iter().skip(1)) {
            // The last name before those of the inner level is the one whose value it is.
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

/// Where the closing quote of a string is, and whether there are escapes before it.
fn end_of_string(bytes: &[u8], from: usize) -> (usize, bool) {
    let (mut at, mut escapes) = (from, false);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return (at, escapes),
            b'\\' => {
                escapes = true;
                at += 2;
            }
            _ => at += 1,
        }
    }
    (bytes.len(), escapes)
}

/// Appends what a string with escapes stands for. Half a surrogate pair becomes three bytes that no other text has.
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

/// The code point of what follows `\u`, of both halves where a pair stands there, and what follows.
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
