//! Reads XML.

mod element;
mod tokens;

use quick_xml::events::{BytesDecl, BytesStart};

use self::element::{Element, is_white_space, read_cdata, read_text};
use self::tokens::{CDATA_END, CDATA_START, Token, Tokens};
use super::{Checkpoint, FileFault, MAX_XML_DEPTH, Place, Records};
use crate::value::Value;

pub(super) use self::element::is_character;

pub(super) struct XmlReader {
    record_element: String,
    tokens: Tokens,
    place: Place,
    token_began: Place,
    record_began: Place,
    /// The elements that are open around the record.
    outer: Vec<String>,
    /// The record that is being read, and the elements that are open in it.
    inner: Vec<Element>,
    has_root: bool,
    mark: Checkpoint,
}

impl XmlReader {
    pub(super) fn new(record_element: &str, from: &Checkpoint) -> Self {
        let place = Place::of(from);
        Self {
            record_element: record_element.to_owned(),
            tokens: Tokens::new(),
            place,
            token_began: place,
            record_began: place,
            outer: from.open.clone(),
            inner: Vec::new(),
            has_root: from.offset > 0,
            mark: from.clone(),
        }
    }

    fn token(&mut self, token: Token, bytes: &[u8], found: &mut Vec<Value>) -> Result<(), FileFault> {
        let text = self.token_began.text(bytes)?;
        let result = match token {
            Token::Text => read_text(text).and_then(|read| self.text(&read, text)),
            Token::Cdata => read_cdata(&text[CDATA_START.len()..text.len() - CDATA_END.len()])
                .and_then(|read| self.text(&read, text)),
            Token::Tag => self.tag(&text[1..text.len() - 1], found),
            Token::Instruction => check_instruction(&text[2..text.len() - 2]),
            Token::Comment => Ok(()),
            Token::Declaration => Err("a document type (DOCTYPE) is not accepted".to_owned()),
        };
        result.map_err(|reason| self.token_began.fault(reason))
    }

    /// Outside of the root, only white space can stand: no CDATA, no reference.
    fn text(&mut self, text: &str, written: &str) -> Result<(), String> {
        if let Some(element) = self.inner.last_mut() {
            element.add_text(text);
        } else if self.outer.is_empty() && !written.chars().all(is_white_space) {
            return Err("text outside of the root element".to_owned());
        }
        Ok(())
    }

    fn tag(&mut self, tag: &str, found: &mut Vec<Value>) -> Result<(), String> {
        if let Some(name) = tag.strip_prefix('/') {
            return self.end(name.trim_end_matches(is_white_space), found);
        }
        let content = tag.strip_suffix('/').unwrap_or(tag);
        self.start(Element::read(content)?)?;
        if content.len() < tag.len() { self.end_last(found) } else { Ok(()) }
    }

    fn start(&mut self, element: Element) -> Result<(), String> {
        let depth = self.outer.len() + self.inner.len();
        if depth == 0 && std::mem::replace(&mut self.has_root, true) {
            return Err(format!("a second root element, `{}`", element.name));
        }
        if depth == MAX_XML_DEPTH {
            return Err(format!("elements deeper than {MAX_XML_DEPTH} levels"));
        }
        if self.inner.is_empty() && element.name != self.record_element {
            self.outer.push(element.name);
            return Ok(());
        }
        if self.inner.is_empty() {
            self.record_began = self.token_began;
        }
        self.inner.push(element);
        Ok(())
    }

    fn end(&mut self, name: &str, found: &mut Vec<Value>) -> Result<(), String> {
        match self.innermost() {
            Some(open) if open == name => self.end_last(found),
            Some(open) => Err(format!("`{open}` is open where another element ends")),
            None => Err("an element ends that has not begun".to_owned()),
        }
    }

    fn end_last(&mut self, found: &mut Vec<Value>) -> Result<(), String> {
        match (self.inner.pop(), self.inner.last_mut()) {
            (None, _) => {
                self.outer.pop();
            }
            (Some(element), Some(parent)) => parent.add_child(element),
            (Some(element), None) => {
                found.push(element.into_record());
                self.mark = Checkpoint {
                    offset: self.place.byte,
                    line: self.place.line,
                    open: self.outer.clone(),
                    ..Checkpoint::default()
                };
            }
        }
        Ok(())
    }

    fn innermost(&self) -> Option<&str> {
        self.inner.last().map(|element| element.name.as_str()).or(self.outer.last().map(String::as_str))
    }
}

impl Records for XmlReader {
    fn feed(&mut self, mut bytes: &[u8], found: &mut Vec<Value>) -> Result<(), FileFault> {
        while !bytes.is_empty() {
            let (taken, token) = self.tokens.take(bytes);
            let (passed, rest) = bytes.split_at(taken);
            self.place.pass(passed);
            bytes = rest;
            let began = if self.inner.is_empty() { self.token_began } else { self.record_began };
            began.check_size(self.place.byte)?;
            if let Some(token) = token {
                let text = self.tokens.bytes();
                self.token(token, &text, found)?;
                self.token_began = self.place;
            }
        }
        Ok(())
    }

    fn finish(&mut self, found: &mut Vec<Value>) -> Result<(), FileFault> {
        if self.tokens.is_in_markup() {
            return Err(self.token_began.fault("the file ends within a tag, comment or section"));
        }
        let text = self.tokens.bytes();
        self.token(Token::Text, &text, found)?;
        if let Some(open) = self.innermost() {
            return Err(self.place.fault(format!("the file ends before the element `{open}`")));
        }
        if !self.has_root {
            return Err(self.place.fault("the file has no root element"));
        }
        Ok(())
    }

    fn checkpoint(&self) -> &Checkpoint {
        &self.mark
    }

    fn skip_mark(&mut self) {
        self.place.skip_mark();
        self.token_began = self.place;
    }
}

/// The XML declaration must not claim another encoding. Other instructions are skipped.
fn check_instruction(instruction: &str) -> Result<(), String> {
    let Some(declaration) = instruction.strip_prefix("xml").filter(|rest| rest.starts_with(is_white_space)) else {
        return Ok(());
    };
    let declaration = BytesDecl::from_start(BytesStart::from_content(declaration, 0));
    let encoding = declaration.encoding().transpose().map_err(|error| format!("a bad XML declaration: {error}"))?;
    match encoding {
        Some(name) if !["utf-8", "utf8", "us-ascii", "ascii"].contains(&name.to_ascii_lowercase().as_str()) => {
            Err(format!("the encoding {name} is not supported: only UTF-8"))
        }
        _ => Ok(()),
    }
}
