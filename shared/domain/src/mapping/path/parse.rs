//! The parser of paths: segments and selectors. It reads a text once, from left to right.

use super::{MAX_PATH_BYTES, MAX_PATH_NESTING, PathError, Segment, Selector, Slice, Step};

/// The largest integer of a path, either way: those that JSON's numbers hold exactly.
const MAX_INTEGER: i64 = (1 << 53) - 1;

pub(super) type Parsed<T> = Result<T, PathError>;

pub(super) struct Parser<'t> {
    text: &'t str,
    pub(super) at: usize,
    /// Whether a filter was seen.
    has_filter: bool,
    /// Whether the place is inside a filter, and how deep in it.
    in_filter: bool,
    nesting: usize,
}

/// Parses a path.
pub(super) fn parse(text: &str) -> Parsed<Vec<Segment>> {
    let mut parser = Parser { text, at: 0, has_filter: false, in_filter: false, nesting: 0 };
    if text.len() > MAX_PATH_BYTES {
        parser.at = MAX_PATH_BYTES;
        return parser.refuse(format!("a path may take {MAX_PATH_BYTES} bytes"));
    }
    if !parser.eat("$") {
        return parser.refuse("a path begins with $");
    }
    let segments = parser.segments()?;
    if parser.at < text.len() { parser.refuse("expected . or [ or the end") } else { Ok(segments) }
}

impl Parser<'_> {
    pub(super) fn refuse<T>(&self, reason: impl Into<String>) -> Parsed<T> {
        Err(PathError { offset: self.at, reason: reason.into() })
    }

    pub(super) fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    pub(super) fn expect(&mut self, token: &str) -> Parsed<()> {
        if self.eat(token) { Ok(()) } else { self.refuse(format!("expected {token}")) }
    }

    pub(super) fn skip_blanks(&mut self) {
        self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
    }

    pub(super) fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &str {
        let start = self.at;
        let length = self.rest().find(|c| !belongs(c)).unwrap_or(self.rest().len());
        self.at += length;
        &self.text[start..self.at]
    }

    /// Reads something that stands in parentheses or brackets inside a filter.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting == MAX_PATH_NESTING {
            return self.refuse(format!("nested deeper than {MAX_PATH_NESTING} levels"));
        }
        self.nesting += 1;
        let result = read(self);
        self.nesting -= 1;
        result
    }

    pub(super) fn segments(&mut self) -> Parsed<Vec<Segment>> {
        let mut segments = Vec::new();
        loop {
            let before = self.at;
            self.skip_blanks();
            if self.eat("..") {
                let selectors = if self.peek() == Some('[') { self.bracketed()? } else { vec![self.dotted()?] };
                segments.push(Segment { descendant: true, selectors });
            } else if self.eat(".") {
                let selectors = vec![self.dotted()?];
                segments.push(Segment { descendant: false, selectors });
            } else if self.peek() == Some('[') {
                segments.push(Segment { descendant: false, selectors: self.bracketed()? });
            } else {
                self.at = before;
                return Ok(segments);
            }
        }
    }

    /// What follows a dot: `*` or a name.
    fn dotted(&mut self) -> Parsed<Selector> {
        if self.eat("*") {
            return Ok(Selector::Wildcard);
        }
        if !self.peek().is_some_and(is_name_start) {
            return self.refuse("expected a name or *");
        }
        let name = self.take_while(|c| is_name_start(c) || c.is_ascii_digit()).to_owned();
        Ok(Selector::Step(Step::Name(name)))
    }

    fn bracketed(&mut self) -> Parsed<Vec<Selector>> {
        if self.in_filter { self.nested(Self::selectors) } else { self.selectors() }
    }

    fn selectors(&mut self) -> Parsed<Vec<Selector>> {
        self.expect("[")?;
        let mut selectors = Vec::new();
        loop {
            self.skip_blanks();
            selectors.push(self.selector()?);
            self.skip_blanks();
            if self.eat("]") {
                return Ok(selectors);
            }
            if !self.eat(",") {
                return self.refuse("expected , or ]");
            }
        }
    }

    fn selector(&mut self) -> Parsed<Selector> {
        match self.peek() {
            Some('*') => {
                self.at += 1;
                Ok(Selector::Wildcard)
            }
            Some('\'' | '"') => Ok(Selector::Step(Step::Name(self.string()?))),
            Some('?') => self.filter(),
            Some(':' | '-' | '0'..='9') => self.index_or_slice(),
            _ => self.refuse("expected a quoted name, an index, a slice, * or a filter"),
        }
    }

    fn filter(&mut self) -> Parsed<Selector> {
        if self.has_filter {
            return self.refuse("a path may have one filter");
        }
        self.has_filter = true;
        self.in_filter = true;
        self.at += 1;
        self.skip_blanks();
        let test = self.any()?;
        self.in_filter = false;
        Ok(Selector::Filter(test))
    }

    fn index_or_slice(&mut self) -> Parsed<Selector> {
        let start = self.optional_integer()?;
        let after_start = self.at;
        self.skip_blanks();
        if !self.eat(":") {
            self.at = after_start;
            return match start {
                Some(index) => Ok(Selector::Step(Step::Index(index))),
                None => self.refuse("expected an index"),
            };
        }
        self.skip_blanks();
        let end = self.optional_integer()?;
        let after_end = self.at;
        self.skip_blanks();
        if !self.eat(":") {
            self.at = after_end;
            return Ok(Selector::Slice(Slice { start, end, step: 1 }));
        }
        let after_colon = self.at;
        self.skip_blanks();
        let step = self.optional_integer()?;
        if step.is_none() {
            self.at = after_colon;
        }
        Ok(Selector::Slice(Slice { start, end, step: step.unwrap_or(1) }))
    }

    fn optional_integer(&mut self) -> Parsed<Option<i64>> {
        let start = self.at;
        let negative = self.eat("-");
        let digits = self.take_while(|c| c.is_ascii_digit());
        if digits.is_empty() && !negative {
            return Ok(None);
        }
        let canonical = !digits.is_empty() && (digits == "0" && !negative || !digits.starts_with('0'));
        let size = digits.parse::<i64>().ok().filter(|size| canonical && *size <= MAX_INTEGER);
        let Some(size) = size else {
            self.at = start;
            return self.refuse("not an integer of at most 2^53-1 without leading zeros");
        };
        Ok(Some(if negative { -size } else { size }))
    }

    /// A string in single or double quotes.
    pub(super) fn string(&mut self) -> Parsed<String> {
        let Some(quote) = self.peek() else { return self.refuse("expected a string") };
        self.at += quote.len_utf8();
        let mut text = String::new();
        loop {
            match self.peek() {
                None => return self.refuse("the string does not end"),
                Some(c) if c == quote => {
                    self.at += 1;
                    return Ok(text);
                }
                Some('\\') => text.push(self.escape(quote)?),
                Some(c) if c < ' ' => return self.refuse("a control character must be escaped"),
                Some(c) => {
                    self.at += c.len_utf8();
                    text.push(c);
                }
            }
        }
    }

    fn escape(&mut self, quote: char) -> Parsed<char> {
        let start = self.at;
        self.at += 1;
        let Some(kind) = self.peek() else { return self.refuse("the string does not end") };
        self.at += kind.len_utf8();
        let known = match kind {
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            '/' | '\\' => Some(kind),
            'u' => self.code_point(),
            _ => (kind == quote).then_some(kind),
        };
        if known.is_none() {
            self.at = start;
        }
        known.map_or_else(|| self.refuse("not an escape"), Ok)
    }

    /// Four hexadecimal digits, or a surrogate pair.
    fn code_point(&mut self) -> Option<char> {
        let high = self.unit()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high);
        }
        let low = if self.eat("\\u") { self.unit()? } else { return None };
        (0xdc00..0xe000)
            .contains(&low)
            .then(|| 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
            .and_then(char::from_u32)
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        let unit = u32::from_str_radix(digits, 16).ok()?;
        self.at += 4;
        Some(unit)
    }
}

fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}
