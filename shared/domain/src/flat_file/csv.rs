//! Reads CSV.

use std::collections::HashSet;

use csv_core::ReadRecordResult;

use super::{Checkpoint, Columns, Delimiter, FileFault, MAX_COLUMNS, Place, Records};
use crate::value::{Object, Value};

pub(super) struct CsvReader {
    parser: csv_core::Reader,
    /// Whether the next row is the header.
    header_due: bool,
    /// The columns' names, if they are known.
    names: Option<Vec<String>>,
    row: Row,
    /// Where the row that is being read begins. Between two rows, it is where the reader is.
    began: Place,
    place: Place,
    mark: Checkpoint,
}

/// The cells of a row, as far as it was read: their text, one after the other, and where each ends.
struct Row {
    text: Vec<u8>,
    text_len: usize,
    ends: Vec<usize>,
    cells: usize,
}

impl CsvReader {
    pub(super) fn new(delimiter: Delimiter, header: bool, columns: Option<&Columns>, from: &Checkpoint) -> Self {
        let mut parser = csv_core::ReaderBuilder::new().delimiter(delimiter.byte()).build();
        // The parser drops a byte order mark from the first bytes that it sees. That is done already.
        parser.read_record(b"\n", &mut [0; 4], &mut [0; 4]);
        let read_before = (!from.header.is_empty()).then(|| from.header.clone());
        Self {
            parser,
            header_due: header && read_before.is_none(),
            names: columns.map(|columns| columns.names().to_vec()).or(read_before),
            row: Row { text: vec![0; 4_096], text_len: 0, ends: vec![0; 64], cells: 0 },
            began: Place::of(from),
            place: Place::of(from),
            mark: from.clone(),
        }
    }

    const fn is_in_row(&self) -> bool {
        self.place.byte > self.began.byte
    }

    /// Reads to the end of the bytes or of the row, and returns what is left of the bytes.
    fn read_row<'b>(&mut self, bytes: &'b [u8]) -> Result<(&'b [u8], ReadRecordResult), FileFault> {
        let Row { text, text_len, ends, cells } = &mut self.row;
        let (result, read, written, ended) =
            self.parser.read_record(bytes, &mut text[*text_len..], &mut ends[*cells..]);
        *text_len += written;
        *cells += ended;
        let (passed, rest) = bytes.split_at(read);
        self.place.pass(passed);
        self.began.check_size(self.place.byte)?;
        match result {
            ReadRecordResult::OutputFull => text.resize(text.len() * 2, 0),
            ReadRecordResult::OutputEndsFull if ends.len() == MAX_COLUMNS => {
                return Err(self.began.fault(format!("more than {MAX_COLUMNS} cells in a row")));
            }
            ReadRecordResult::OutputEndsFull => ends.resize((ends.len() * 2).min(MAX_COLUMNS), 0),
            _ => {}
        }
        Ok((rest, result))
    }

    /// The row is complete. `ended` is whether a line break ended it, rather than the file.
    fn complete(&mut self, ended: bool, found: &mut Vec<Value>) -> Result<(), FileFault> {
        let cells = self.row.take(self.began)?;
        if self.header_due {
            self.take_header(cells)?;
        } else {
            found.push(self.record(cells, ended)?);
        }
        self.mark.offset = self.place.byte;
        self.mark.line = self.place.line;
        self.began = self.place;
        Ok(())
    }

    fn take_header(&mut self, cells: Vec<String>) -> Result<(), FileFault> {
        self.header_due = false;
        if self.names.is_none() {
            let mut known = HashSet::new();
            if let Some(name) = cells.iter().find(|name| !known.insert(name.as_str())) {
                return Err(self.began.fault(format!("the header has two columns `{name}`")));
            }
            self.names = Some(cells.clone());
        }
        self.mark.header = cells;
        Ok(())
    }

    fn record(&self, cells: Vec<String>, ended: bool) -> Result<Value, FileFault> {
        let Some(names) = &self.names else {
            let members = (1..).zip(cells).map(|(number, cell)| (format!("column{number}"), Value::String(cell)));
            return Ok(Value::Object(members.collect()));
        };
        let (count, expected) = (cells.len(), names.len());
        if count > expected {
            return Err(self.began.fault(format!("{count} cells in a row of {expected} columns")));
        }
        if count < expected && !ended {
            return Err(self.began.fault(format!("the file ends after {count} of {expected} cells of a row")));
        }
        Ok(Value::Object(names.iter().cloned().zip(cells.into_iter().map(Value::String)).collect::<Object>()))
    }
}

impl Records for CsvReader {
    fn feed(&mut self, mut bytes: &[u8], found: &mut Vec<Value>) -> Result<(), FileFault> {
        while !bytes.is_empty() {
            if !self.is_in_row() {
                let rest = skip_line_breaks(bytes);
                self.place.pass(&bytes[..bytes.len() - rest.len()]);
                self.began = self.place;
                bytes = rest;
                if bytes.is_empty() {
                    break;
                }
            }
            let (rest, result) = self.read_row(bytes)?;
            bytes = rest;
            if matches!(result, ReadRecordResult::Record) {
                self.complete(true, found)?;
            }
        }
        Ok(())
    }

    /// The last row may lack its line break. Within quotes, a line break would not end the row.
    fn finish(&mut self, found: &mut Vec<Value>) -> Result<(), FileFault> {
        if !self.is_in_row() {
            return Ok(());
        }
        let mut bytes = &b"\n"[..];
        while !bytes.is_empty() {
            let (rest, result) = self.read_row(bytes)?;
            bytes = rest;
            if matches!(result, ReadRecordResult::Record) {
                return self.complete(false, found);
            }
        }
        Err(self.began.fault("a quote is not closed before the file ends"))
    }

    fn checkpoint(&self) -> &Checkpoint {
        &self.mark
    }

    fn skip_mark(&mut self) {
        self.place.skip_mark();
        self.began = self.place;
    }
}

impl Row {
    fn take(&mut self, began: Place) -> Result<Vec<String>, FileFault> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let cells = starts.zip(&self.ends[..self.cells]).map(|(start, end)| began.text(&self.text[start..*end]));
        let cells = cells.map(|cell| cell.map(str::to_owned)).collect();
        self.text_len = 0;
        self.cells = 0;
        cells
    }
}

fn skip_line_breaks(mut bytes: &[u8]) -> &[u8] {
    while let [b'\r' | b'\n', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}
