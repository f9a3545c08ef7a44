//! Files of records: CSV, JSON lines and XML, read and written piece by piece.
//!
//! A [`Reader`] is given a file's bytes as they arrive and returns the records that are complete. It holds one record at
//! most, whatever the file's size. A file that is cut off or damaged is a [`FileFault`], never a silent end.

mod csv;
mod format;
mod json_lines;
mod writer;
mod xml;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::format::{BadFormat, Columns, Delimiter, ElementName, FileFormat};
pub use self::writer::{Unwritable, Writer};
use crate::value::Value;

/// The most bytes of a record in a file.
pub const MAX_RECORD_BYTES: u64 = 10 * 1024 * 1024;

/// The most columns of a CSV file.
pub const MAX_COLUMNS: usize = 16_384;

/// The most elements within each other in an XML file, the root included.
pub const MAX_XML_DEPTH: usize = 64;

/// Why a file cannot be read further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}, at line {line} (byte {byte})")]
pub struct FileFault {
    /// The line, from 1, on which the record or the tag at fault begins.
    pub line: u64,
    /// How many bytes of the file come before it.
    pub byte: u64,
    /// What is wrong, in words.
    pub reason: String,
}

/// A place between two records, from which another reader can go on: see [`Reader::resume`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// How many bytes of the file come before.
    pub offset: u64,
    /// The line, from 1.
    pub line: u64,
    /// CSV: the columns that the header named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub header: Vec<String>,
    /// XML: the elements that are open here, from the root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
}

impl Default for Checkpoint {
    /// The file's beginning.
    fn default() -> Self {
        Self { offset: 0, line: 1, header: Vec::new(), open: Vec::new() }
    }
}

/// Reads the records of one file.
///
/// - CSV: a record is an object of strings; an empty cell is an empty string. A row with fewer cells than the header
///   lacks the last ones; one with more is a fault. Empty lines are skipped.
/// - JSON lines: a record is the line's value. Blank lines are skipped.
/// - XML: a record is an element of the format's name, at any depth; one within another is that record's child. It
///   becomes an object: an attribute is `@name`, a child its name, several children of one name an array. An element
///   with neither attributes nor children is its text; otherwise the text is the member `#text`, left out if it is only
///   white space. Prefixes stay in the names.
///
/// How the bytes are split among the calls makes no difference.
pub struct Reader {
    records: Box<dyn Records + Send + Sync>,
    /// The file's first bytes, until it is known whether they are a byte order mark.
    first: Option<Vec<u8>>,
    fault: Option<FileFault>,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Reader {
    /// A reader of a file from its beginning.
    #[must_use]
    pub fn new(format: &FileFormat) -> Self {
        Self::resume(format, &Checkpoint::default())
    }

    /// A reader of the rest of a file: its first byte is the one at `from.offset`.
    ///
    /// What it returns is what the first reader would have returned. In XML, this is between two records: the elements
    /// that were open go on being open, and have to be closed.
    #[must_use]
    pub fn resume(format: &FileFormat, from: &Checkpoint) -> Self {
        let records: Box<dyn Records + Send + Sync> = match format {
            FileFormat::Csv { delimiter, header, columns } => {
                Box::new(csv::CsvReader::new(*delimiter, *header, columns.as_ref(), from))
            }
            FileFormat::JsonLines {} => Box::new(json_lines::JsonLinesReader::new(from)),
            FileFormat::Xml { record_element, .. } => Box::new(xml::XmlReader::new(record_element.as_str(), from)),
        };
        Self { records, first: (from.offset == 0).then(Vec::new), fault: None }
    }

    /// Takes the next bytes, and returns the records that end in them.
    ///
    /// # Errors
    /// [`FileFault`]. The records before the fault are returned first: then the fault is the next call's error. After a
    /// fault, every call fails with it.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Value>, FileFault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let mut found = Vec::new();
        if let Err(fault) = self.feed_after_mark(bytes, &mut found) {
            self.fault = Some(fault.clone());
            if found.is_empty() {
                return Err(fault);
            }
        }
        Ok(found)
    }

    /// Ends the file, and returns the record that its end completes.
    ///
    /// # Errors
    /// [`FileFault`], also if the file is cut off.
    pub fn finish(mut self) -> Result<Vec<Value>, FileFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let mut found = Vec::new();
        if let Some(first) = self.first.take() {
            self.records.feed(&first, &mut found)?;
        }
        self.records.finish(&mut found)?;
        Ok(found)
    }

    /// The place after the last record that was returned, or after the header.
    ///
    /// One call of [`Reader::feed`] can return several records, and this is the place after the last of them. To stop
    /// at an earlier one, keep the checkpoint from before the call and count the records since.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        self.records.checkpoint()
    }

    /// How many bytes of the file come before [`Reader::checkpoint`].
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.checkpoint().offset
    }

    fn feed_after_mark(&mut self, bytes: &[u8], found: &mut Vec<Value>) -> Result<(), FileFault> {
        let Some(mut first) = self.first.take() else { return self.records.feed(bytes, found) };
        first.extend(bytes);
        if first.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(&first) {
            self.first = Some(first);
            return Ok(());
        }
        let Some(rest) = first.strip_prefix(BYTE_ORDER_MARK) else { return self.records.feed(&first, found) };
        self.records.skip_mark();
        self.records.feed(rest, found)
    }
}

/// What a format does with a file's bytes.
trait Records {
    fn feed(&mut self, bytes: &[u8], found: &mut Vec<Value>) -> Result<(), FileFault>;

    fn finish(&mut self, found: &mut Vec<Value>) -> Result<(), FileFault>;

    fn checkpoint(&self) -> &Checkpoint;

    /// The file began with a byte order mark.
    fn skip_mark(&mut self);
}

/// A place in a file.
#[derive(Clone, Copy)]
struct Place {
    byte: u64,
    line: u64,
}

impl Place {
    const fn of(checkpoint: &Checkpoint) -> Self {
        Self { byte: checkpoint.offset, line: checkpoint.line }
    }

    /// Goes on behind these bytes.
    fn pass(&mut self, bytes: &[u8]) {
        self.byte += bytes.len() as u64;
        self.line += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    }

    fn skip_mark(&mut self) {
        self.byte += BYTE_ORDER_MARK.len() as u64;
    }

    fn fault(self, reason: impl Into<String>) -> FileFault {
        FileFault { line: self.line, byte: self.byte, reason: reason.into() }
    }

    /// The record that begins here ends before `end`, unless it is too large.
    fn check_size(self, end: u64) -> Result<(), FileFault> {
        if end - self.byte > MAX_RECORD_BYTES {
            return Err(self.fault(format!("a record larger than {MAX_RECORD_BYTES} bytes")));
        }
        Ok(())
    }

    fn text(self, bytes: &[u8]) -> Result<&str, FileFault> {
        std::str::from_utf8(bytes).map_err(|_| self.fault("not UTF-8"))
    }
}
