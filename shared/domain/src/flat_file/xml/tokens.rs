//! Splits the bytes of an XML file into tags, texts and the rest.

use quick_xml::parser::{ElementParser, Parser};

/// The token that is being read.
pub(super) struct Tokens {
    bytes: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Text,
    /// After `<`.
    Opened,
    Tag(ElementParser),
    /// After `<!` or `<?`.
    Markup,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Text,
    Tag,
    Comment,
    Cdata,
    Instruction,
    /// `<!DOCTYPE` and the like.
    Declaration,
}

pub(super) const CDATA_START: &[u8] = b"<![CDATA[";
pub(super) const CDATA_END: &[u8] = b"]]>";

impl Tokens {
    pub(super) const fn new() -> Self {
        Self { bytes: Vec::new(), state: State::Text }
    }

    /// Takes bytes up to the end of the token, or all of them; returns how many, and the token if it is complete.
    pub(super) fn take(&mut self, bytes: &[u8]) -> (usize, Option<Token>) {
        let end = match &mut self.state {
            State::Text => return self.take_text(bytes),
            State::Opened => {
                let markup = matches!(bytes.first(), Some(b'!' | b'?'));
                self.state = if markup { State::Markup } else { State::Tag(ElementParser::default()) };
                return (0, None);
            }
            State::Tag(parser) => parser.feed(bytes),
            State::Markup => bytes.iter().position(|byte| *byte == b'>'),
        };
        let Some(end) = end else {
            self.bytes.extend(bytes);
            return (bytes.len(), None);
        };
        self.bytes.extend(&bytes[..=end]);
        let token = if self.state == State::Markup { self.markup() } else { Some(Token::Tag) };
        if token.is_some() {
            self.state = State::Text;
        }
        (end + 1, token)
    }

    /// The bytes of a complete token.
    pub(super) fn bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Whether a tag or the like has begun.
    pub(super) fn is_in_markup(&self) -> bool {
        self.state != State::Text
    }

    fn take_text(&mut self, bytes: &[u8]) -> (usize, Option<Token>) {
        let end = bytes.iter().position(|byte| *byte == b'<');
        self.bytes.extend(&bytes[..end.unwrap_or(bytes.len())]);
        match end {
            None => (bytes.len(), None),
            Some(0) if self.bytes.is_empty() => {
                self.bytes.push(b'<');
                self.state = State::Opened;
                (1, None)
            }
            Some(end) => (end, Some(Token::Text)),
        }
    }

    /// What has ended with this `>`, if anything.
    fn markup(&self) -> Option<Token> {
        let ends = |start: &[u8], end: &[u8]| self.bytes.len() >= start.len() + end.len() && self.bytes.ends_with(end);
        let (token, ended) = if self.bytes.starts_with(b"<!--") {
            (Token::Comment, ends(b"<!--", b"-->"))
        } else if self.bytes.starts_with(CDATA_START) {
            (Token::Cdata, ends(CDATA_START, CDATA_END))
        } else if self.bytes.starts_with(b"<?") {
            (Token::Instruction, ends(b"<?", b"?>"))
        } else {
            (Token::Declaration, true)
        };
        ended.then_some(token)
    }
}
