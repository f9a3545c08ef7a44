//! JSON values that keep the text of their numbers: no digit of an amount is lost, whatever its size.

use std::fmt;

use jiter::{Jiter, JiterError, Peek};

/// The nesting limit of objects and lists.
pub const MAX_DEPTH: usize = 127;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it was written.
    Number(String),
    /// A string.
    String(String),
    /// A list.
    Array(Vec<Value>),
    /// An object.
    Object(Object),
}

/// The members of an object, in the order in which they were written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object(Vec<(String, Value)>);

/// Why a text is no JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at line {line}, column {column}")]
pub struct NotJson {
    /// What was found, in words.
    pub reason: String,
    /// Whether it may be JSON, but nests too deep.
    pub too_deep: bool,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in bytes.
    pub column: usize,
}

impl Value {
    /// Reads a value. Of two members with the same name the last one counts, as for most readers.
    ///
    /// # Errors
    /// [`NotJson`], also for nesting beyond [`MAX_DEPTH`].
    pub fn parse(text: &[u8]) -> Result<Self, NotJson> {
        Self::parse_within(text, MAX_DEPTH)
    }

    /// The same with another limit of nesting.
    ///
    /// # Errors
    /// [`NotJson`].
    pub fn parse_within(text: &[u8], most: usize) -> Result<Self, NotJson> {
        let mut reader = Jiter::new(text);
        let read = |reader: &mut Jiter<'_>| {
            let next = reader.peek()?;
            let value = read(reader, next, most)?;
            reader.finish().map(|()| value).map_err(Fault::from)
        };
        read(&mut reader).map_err(|fault| {
            let too_deep = matches!(fault, Fault::TooDeep);
            let (reason, index) = match fault {
                Fault::Syntax(error) => (error.error_type.to_string(), error.index),
                Fault::TooDeep => (format!("nesting deeper than {most} levels"), reader.current_index()),
            };
            let place = reader.error_position(index);
            NotJson { reason, too_deep, line: place.line, column: place.column }
        })
    }

    /// The member of that name, if it is an object that has one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        if let Self::Object(object) = self { object.get(name) } else { None }
    }

    /// The text, if it is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The items, if it is a list.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    /// The members, if it is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// What kind of value it is, in words.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// About how many bytes of memory it takes.
    #[must_use]
    pub fn weight(&self) -> usize {
        const OWN: usize = size_of::<Value>();
        OWN + match self {
            Self::Null | Self::Bool(_) => 0,
            Self::Number(text) | Self::String(text) => text.len(),
            Self::Array(items) => items.iter().map(Self::weight).sum(),
            Self::Object(object) => object.iter().map(|(name, value)| OWN + name.len() + value.weight()).sum(),
        }
    }

    /// Appends its JSON text, without white space.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend(b"null"),
            Self::Bool(true) => out.extend(b"true"),
            Self::Bool(false) => out.extend(b"false"),
            Self::Number(text) => out.extend(text.as_bytes()),
            Self::String(text) => write_string(text, out),
            Self::Array(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Object(object) => {
                out.push(b'{');
                for (index, (name, value)) in object.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write_string(name, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }

    /// Its JSON text, without white space.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        self.write(&mut out);
        // Only whole texts were written.
        String::from_utf8(out).unwrap_or_default()
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

impl From<&serde_json::Value> for Value {
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => Self::Number(number.to_string()),
            serde_json::Value::String(text) => Self::String(text.clone()),
            serde_json::Value::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            serde_json::Value::Object(members) => {
                Self::Object(members.iter().map(|(name, value)| (name.clone(), Self::from(value))).collect())
            }
        }
    }
}

impl Object {
    /// An object without members, with room for so many.
    #[must_use]
    pub fn with_capacity(members: usize) -> Self {
        Self(Vec::with_capacity(members))
    }

    /// The member of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The member of that name; `null` is made if there is none.
    pub fn entry(&mut self, name: &str) -> &mut Value {
        let place = self.0.iter().rposition(|(known, _)| known == name).unwrap_or_else(|| {
            self.0.push((name.to_owned(), Value::Null));
            self.0.len() - 1
        });
        &mut self.0[place].1
    }

    /// Adds a member whose name it does not have.
    pub fn push(&mut self, name: String, value: Value) {
        self.0.push((name, value));
    }

    /// The members in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many members it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, Value)> for Object {
    fn from_iter<T: IntoIterator<Item = (String, Value)>>(members: T) -> Self {
        Self(members.into_iter().collect())
    }
}

enum Fault {
    Syntax(JiterError),
    TooDeep,
}

impl From<JiterError> for Fault {
    fn from(error: JiterError) -> Self {
        Self::Syntax(error)
    }
}

fn read(reader: &mut Jiter<'_>, next: Peek, depth: usize) -> Result<Value, Fault> {
    Ok(match next {
        Peek::Null => reader.known_null().map(|()| Value::Null)?,
        Peek::True | Peek::False => Value::Bool(reader.known_bool(next)?),
        Peek::String => Value::String(reader.known_str()?.to_owned()),
        Peek::Array => {
            let depth = depth.checked_sub(1).ok_or(Fault::TooDeep)?;
            let mut items = Vec::new();
            let mut next = reader.known_array()?;
            while let Some(item) = next {
                items.push(read(reader, item, depth)?);
                next = reader.array_step()?;
            }
            Value::Array(items)
        }
        Peek::Object => {
            let depth = depth.checked_sub(1).ok_or(Fault::TooDeep)?;
            let mut members = Vec::new();
            let mut name = reader.known_object()?.map(str::to_owned);
            while let Some(known) = name {
                let value = reader.peek()?;
                members.push((known, read(reader, value, depth)?));
                name = reader.next_key()?.map(str::to_owned);
            }
            Value::Object(Object(members))
        }
        number => {
            let text = reader.known_number_bytes(number)?;
            Value::Number(String::from_utf8_lossy(text).into_owned())
        }
    })
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    // Writing a string to memory does not fail.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_text() {
        let text =
            r#"{"a":1234567890123456789.10,"b":[-0.00,1e400,12345678901234567890123456789],"c":"x\"\u00e9","d":null}"#;
        let value = Value::parse(text.as_bytes()).expect("JSON");
        assert_eq!(value.get("a"), Some(&Value::Number("1234567890123456789.10".into())));
        assert_eq!(value.to_json(), text.replace("\\u00e9", "é"));
        assert_eq!(value.get("b").and_then(Value::as_array).map(<[_]>::len), Some(3));
    }

    #[test]
    fn what_is_no_json_is_refused_where_it_stops() {
        for text in
            ["", "{", "[1,]", "nul", "{\"a\":1,}", "01", "1.", "NaN", "-", "\"\u{1}\"", "{} x", "'a'", "-Infinity"]
        {
            assert!(Value::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Value::parse(b"\"\xff\"").is_err());
        let error = Value::parse(b"{\n \"a\": <html>}").expect_err("no JSON");
        assert_eq!(error.line, 2);
        let deep = |depth| [vec![b'['; depth], vec![b']'; depth]].concat();
        assert!(Value::parse(&deep(MAX_DEPTH)).is_ok());
        assert!(Value::parse(&deep(MAX_DEPTH + 1)).is_err() && Value::parse(&vec![b'['; 1_000_000]).is_err());
    }

    #[test]
    fn the_last_of_two_members_counts() {
        let value = Value::parse(br#"{"a":1,"a":2}"#).expect("JSON");
        assert_eq!(value.get("a"), Some(&Value::Number("2".into())));
    }

    mod fuzz {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn what_is_read_is_written_alike(text in "\\PC{0,200}") {
                let quoted = Value::String(text.clone()).to_json();
                prop_assert_eq!(Value::parse(quoted.as_bytes()), Ok(Value::String(text.clone())));
                if let Ok(value) = Value::parse(text.as_bytes()) {
                    prop_assert_eq!(Value::parse(value.to_json().as_bytes()), Ok(value));
                }
            }
        }
    }
}
