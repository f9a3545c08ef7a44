//! Elements of an XML file as they become values.

use std::borrow::Cow;
use std::collections::HashMap;

use quick_xml::XmlVersion;
use quick_xml::escape::unescape;
use quick_xml::events::attributes::Attributes;

use crate::flat_file::ElementName;
use crate::value::Value;

/// An element whose end has not come yet.
pub(super) struct Element {
    pub(super) name: String,
    members: Members,
    text: String,
}

impl Element {
    /// Reads a start tag: what is between `<` and `>`, or `/>`.
    pub(super) fn read(tag: &str) -> Result<Self, String> {
        let name_length = tag.find(is_white_space).unwrap_or(tag.len());
        let name = &tag[..name_length];
        check_name(name)?;
        let mut element = Self { name: name.to_owned(), members: Members::default(), text: String::new() };
        // `Members` finds attributes that are there twice.
        for attribute in Attributes::new(tag, name_length).with_checks(false) {
            let attribute = attribute.map_err(|error| format!("a bad attribute of `{name}`: {error}"))?;
            let key = attribute.key.into_inner();
            check_name(key)?;
            if attribute.value.contains('<') {
                return Err(format!("`<` in the attribute `{key}`"));
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
            check_characters(&value)?;
            element.members.add_attribute(format!("@{key}"), value.into_owned())?;
        }
        Ok(element)
    }

    pub(super) fn add_text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn add_child(&mut self, child: Self) {
        let name = child.name.clone();
        self.members.add_child(name, child.into_value());
    }

    /// The element as a member of another.
    fn into_value(self) -> Value {
        if self.members.list.is_empty() { Value::String(self.text) } else { self.into_record() }
    }

    /// The element as an object.
    pub(super) fn into_record(self) -> Value {
        let blank = self.text.bytes().all(|byte| byte.is_ascii_whitespace());
        let text = (!blank).then(|| ("#text".to_owned(), Value::String(self.text)));
        Value::Object(self.members.list.into_iter().chain(text).collect())
    }
}

/// Attributes and children by their names, in the order in which those came first.
#[derive(Default)]
struct Members {
    list: Vec<(String, Value)>,
    /// Where in the list a name is, once there are many.
    places: HashMap<String, usize>,
}

/// Up to so many members, the list itself is searched.
const MANY: usize = 16;

impl Members {
    fn find(&mut self, name: &str) -> Option<&mut Value> {
        let place = if self.list.len() <= MANY {
            self.list.iter().position(|(known, _)| known == name)
        } else {
            for (place, (known, _)) in self.list.iter().enumerate().skip(self.places.len()) {
                self.places.insert(known.clone(), place);
            }
            self.places.get(name).copied()
        };
        place.map(|place| &mut self.list[place].1)
    }

    fn add_attribute(&mut self, name: String, value: String) -> Result<(), String> {
        if self.find(&name).is_some() {
            return Err(format!("two attributes `{}`", &name[1..]));
        }
        self.list.push((name, Value::String(value)));
        Ok(())
    }

    fn add_child(&mut self, name: String, value: Value) {
        match self.find(&name) {
            None => self.list.push((name, value)),
            // A child itself is never an array: these are the children of that name so far.
            Some(Value::Array(children)) => children.push(value),
            Some(first) => *first = Value::Array(vec![std::mem::replace(first, Value::Null), value]),
        }
    }
}

/// The text that characters and references stand for.
pub(super) fn read_text(text: &str) -> Result<Cow<'_, str>, String> {
    let text = match line_breaks(text) {
        Cow::Borrowed(text) => unescape(text).map_err(|error| error.to_string())?,
        Cow::Owned(text) => Cow::Owned(unescape(&text).map_err(|error| error.to_string())?.into_owned()),
    };
    check_characters(&text)?;
    Ok(text)
}

/// The text of a CDATA section.
pub(super) fn read_cdata(text: &str) -> Result<Cow<'_, str>, String> {
    check_characters(text)?;
    Ok(line_breaks(text))
}

/// Every line break is one `\n`.
fn line_breaks(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { Cow::Borrowed(text) }
}

pub(super) fn is_white_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

fn check_name(name: &str) -> Result<(), String> {
    if ElementName::is_valid(name) {
        return Ok(());
    }
    let start: String = name.chars().take(40).collect();
    Err(format!("`{start}` is not a name"))
}

fn check_characters(text: &str) -> Result<(), String> {
    match text.chars().find(|character| !is_character(*character)) {
        Some(character) => Err(format!("the character U+{:04X} is not allowed in XML", u32::from(character))),
        None => Ok(()),
    }
}

/// Whether XML can hold this character at all.
pub(in crate::flat_file) fn is_character(character: char) -> bool {
    !matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}
