//! Writes files of records.

mod csv;
mod xml;

use super::{ElementName, FileFormat};
use crate::value::Value;

/// Writes the records of one file. What it writes, a [`Reader`](super::Reader) of the same format can read.
///
/// - CSV: the columns are those that the caller names, whatever a record has. `address.city` is the member `city` of the
///   member `address`. Missing and null are empty; an object or array is its JSON text.
/// - JSON lines: a record is one line.
/// - XML: the inverse of reading. Null is an empty element, an array is repeated, and an array directly within an array
///   has elements called `item`.
pub struct Writer {
    format: Format,
}

enum Format {
    Csv { delimiter: u8, header: bool, columns: Vec<String> },
    JsonLines,
    Xml { record_element: String, root_element: String },
}

/// Why a record cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unwritable {
    /// What is wrong with it, in words.
    pub reason: String,
}

impl Writer {
    /// A writer of a file. Only CSV has columns.
    #[must_use]
    pub fn new(format: &FileFormat, columns: &[String]) -> Self {
        let format = match format {
            FileFormat::Csv { delimiter, header, .. } => {
                Format::Csv { delimiter: delimiter.byte(), header: *header, columns: columns.to_vec() }
            }
            FileFormat::JsonLines {} => Format::JsonLines,
            FileFormat::Xml { record_element, root_element } => Format::Xml {
                record_element: record_element.to_string(),
                root_element: root_name(record_element, root_element.as_ref()).to_owned(),
            },
        };
        Self { format }
    }

    /// Appends what comes before the first record.
    pub fn header(&self, out: &mut Vec<u8>) {
        match &self.format {
            Format::Csv { delimiter, header: true, columns } => csv::write_header(columns, *delimiter, out),
            Format::Csv { .. } | Format::JsonLines => {}
            Format::Xml { root_element, .. } => {
                out.extend(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root_element}>\n").as_bytes());
            }
        }
    }

    /// Appends a record.
    ///
    /// # Errors
    /// [`Unwritable`], if the format has no way to write it. Then nothing is appended.
    pub fn record(&self, record: &Value, out: &mut Vec<u8>) -> Result<(), Unwritable> {
        let length = out.len();
        let written = match &self.format {
            Format::Csv { delimiter, columns, .. } => csv::write_record(record, columns, *delimiter, out),
            Format::JsonLines => {
                record.write(out);
                out.push(b'\n');
                Ok(())
            }
            Format::Xml { record_element, .. } => xml::write_record(record, record_element, out),
        };
        written.map_err(|reason| {
            out.truncate(length);
            Unwritable { reason }
        })
    }

    /// Appends what comes after the last record.
    pub fn footer(&self, out: &mut Vec<u8>) {
        if let Format::Xml { root_element, .. } = &self.format {
            out.extend(format!("</{root_element}>\n").as_bytes());
        }
    }
}

/// A root with the records' name would be read as a record.
fn root_name<'n>(record: &ElementName, root: Option<&'n ElementName>) -> &'n str {
    match root {
        Some(root) if root != record => root.as_str(),
        _ if record.as_str() == "records" => "root",
        _ => "records",
    }
}
