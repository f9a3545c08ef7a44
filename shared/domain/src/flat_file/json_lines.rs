//! Reads JSON lines.

use super::{Checkpoint, FileFault, Place, Records};
use crate::value::Value;

pub(super) struct JsonLinesReader {
    /// The beginning of the line that is being read.
    line: Vec<u8>,
    began: Place,
    mark: Checkpoint,
}

impl JsonLinesReader {
    pub(super) fn new(from: &Checkpoint) -> Self {
        Self { line: Vec::new(), began: Place::of(from), mark: from.clone() }
    }

    fn line(&mut self, line: &[u8], found: &mut Vec<Value>) -> Result<(), FileFault> {
        let mut end = self.began;
        end.pass(line);
        self.began.check_size(end.byte)?;
        if !line.trim_ascii().is_empty() {
            let text = self.began.text(line)?;
            let value = Value::parse(text.trim_end().as_bytes())
                .map_err(|error| self.began.fault(format!("{} in column {}", error.reason, error.column)))?;
            found.push(value);
            self.mark = Checkpoint { offset: end.byte, line: end.line, ..Checkpoint::default() };
        }
        self.began = end;
        Ok(())
    }
}

impl Records for JsonLinesReader {
    fn feed(&mut self, mut bytes: &[u8], found: &mut Vec<Value>) -> Result<(), FileFault> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end + 1);
            if self.line.is_empty() {
                self.line(line, found)?;
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend(line);
                self.line(&whole, found)?;
            }
            bytes = rest;
        }
        self.began.check_size(self.began.byte + (self.line.len() + bytes.len()) as u64)?;
        self.line.extend(bytes);
        Ok(())
    }

    fn finish(&mut self, found: &mut Vec<Value>) -> Result<(), FileFault> {
        let line = std::mem::take(&mut self.line);
        self.line(&line, found)
    }

    fn checkpoint(&self) -> &Checkpoint {
        &self.mark
    }

    fn skip_mark(&mut self) {
        self.began.skip_mark();
    }
}
