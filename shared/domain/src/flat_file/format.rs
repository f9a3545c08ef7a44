//! How a file's records are written, as a connection profile says it.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::MAX_COLUMNS;

/// The format of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
pub enum FileFormat {
    /// Comma-separated values, quoted with `"` where needed.
    Csv {
        /// What separates the cells: one ASCII character, `,` by default.
        #[serde(default)]
        #[schema(value_type = String, min_length = 1, max_length = 1, default = ",")]
        delimiter: Delimiter,
        /// Whether the first row names the columns.
        #[serde(default = "yes")]
        #[schema(default = true)]
        header: bool,
        /// The names of the columns of a file that is read, instead of the header's. Without header and names they are
        /// `column1`, `column2` and so on. A file that is written has the mapping's columns.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Vec<String>>)]
        columns: Option<Columns>,
    },
    /// One JSON text a line.
    JsonLines {},
    /// XML in UTF-8, without a document type.
    #[serde(rename_all = "camelCase")]
    Xml {
        /// The name of the elements that are records, with its prefix.
        #[schema(value_type = String)]
        record_element: ElementName,
        /// The name of the root element of a file that is written: `records` by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        root_element: Option<ElementName>,
    },
}

const fn yes() -> bool {
    true
}

/// Why a part of a format is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFormat {
    /// No delimiter.
    #[error("a delimiter is one ASCII character other than a quote or a line break")]
    Delimiter,
    /// No columns, or too many.
    #[error("a file has 1 to {MAX_COLUMNS} columns")]
    ColumnCount,
    /// Two columns of one name.
    #[error("two columns are called `{0}`")]
    SameColumn(String),
    /// Not a name in XML.
    #[error("not the name of an XML element")]
    ElementName,
}

/// What separates the cells of a row: one ASCII character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub struct Delimiter(u8);

impl Delimiter {
    /// The character.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }
}

impl Default for Delimiter {
    fn default() -> Self {
        Self(b',')
    }
}

impl TryFrom<char> for Delimiter {
    type Error = BadFormat;

    fn try_from(character: char) -> Result<Self, BadFormat> {
        let byte = u8::try_from(character).ok().filter(u8::is_ascii).ok_or(BadFormat::Delimiter)?;
        if matches!(byte, b'"' | b'\r' | b'\n' | 0) { Err(BadFormat::Delimiter) } else { Ok(Self(byte)) }
    }
}

impl From<Delimiter> for char {
    fn from(delimiter: Delimiter) -> Self {
        Self::from(delimiter.0)
    }
}

/// The names of a file's columns, no two of them the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Columns(Vec<String>);

impl Columns {
    /// The names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl TryFrom<Vec<String>> for Columns {
    type Error = BadFormat;

    fn try_from(names: Vec<String>) -> Result<Self, BadFormat> {
        if names.is_empty() || names.len() > MAX_COLUMNS {
            return Err(BadFormat::ColumnCount);
        }
        let mut known = HashSet::new();
        if let Some(name) = names.iter().find(|name| !known.insert(name.as_str())) {
            return Err(BadFormat::SameColumn(name.clone()));
        }
        Ok(Self(names))
    }
}

impl From<Columns> for Vec<String> {
    fn from(columns: Columns) -> Self {
        columns.0
    }
}

/// The name of an XML element, with its prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ElementName(String);

/// The longest name of an element or attribute, in bytes.
const MAX_NAME_BYTES: usize = 1_000;

impl ElementName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an element or attribute can have this name. Beyond ASCII, any letter will do.
    pub(super) fn is_valid(name: &str) -> bool {
        let first = |c: char| c.is_alphabetic() || c == '_' || c == ':';
        let further = |c: char| first(c) || c.is_alphanumeric() || matches!(c, '-' | '.' | '·');
        name.starts_with(first) && name.chars().all(further) && name.len() <= MAX_NAME_BYTES
    }
}

impl TryFrom<String> for ElementName {
    type Error = BadFormat;

    fn try_from(name: String) -> Result<Self, BadFormat> {
        if Self::is_valid(&name) { Ok(Self(name)) } else { Err(BadFormat::ElementName) }
    }
}

impl From<ElementName> for String {
    fn from(name: ElementName) -> Self {
        name.0
    }
}

impl fmt::Display for ElementName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
