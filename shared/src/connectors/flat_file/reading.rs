//! A file that is being read, and where its reading can go on.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::bucket::{Bucket, File};
use crate::connectors::ConnectorError;
use crate::domain::flat_file::{Checkpoint, FileFault, FileFormat, Reader};
use crate::domain::value::Value;

/// Where a page begins: in a file, or at the first file after one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Place {
    pub(super) key: String,
    /// In the file; `None` is after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) within: Option<Within>,
}

/// A place in a file: so many records after a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Within {
    pub(super) etag: String,
    pub(super) size: u64,
    pub(super) checkpoint: Checkpoint,
    pub(super) records: usize,
}

/// A file that is being read.
pub(super) struct Reading {
    file: File,
    /// `None` once it was ended.
    reader: Option<Reader>,
    /// Whether every record was found.
    is_over: bool,
    /// What of the file is read next.
    offset: u64,
    /// Before the records in `found` and those that were given since.
    checkpoint: Checkpoint,
    given: usize,
    found: VecDeque<Value>,
    /// Records that are to be passed over.
    passed: usize,
}

impl Reading {
    /// Begins a file.
    pub(super) fn begin(file: File, format: &FileFormat) -> Self {
        Self::resume(file, format, Checkpoint::default(), 0)
    }

    /// Goes on with a file, so many records after a checkpoint.
    pub(super) fn resume(file: File, format: &FileFormat, checkpoint: Checkpoint, passed: usize) -> Self {
        Self {
            reader: Some(Reader::resume(format, &checkpoint)),
            is_over: false,
            offset: checkpoint.offset,
            file,
            checkpoint,
            given: 0,
            found: VecDeque::new(),
            passed,
        }
    }

    /// Moves at most so many records into `records`; `false` if the file has no more.
    pub(super) async fn some(
        &mut self,
        bucket: &Bucket,
        records: &mut Vec<Value>,
        most: usize,
    ) -> Result<bool, ConnectorError> {
        while self.found.is_empty() {
            if !self.more(bucket).await? {
                return Ok(false);
            }
            let passed = self.passed.min(self.found.len());
            self.found.drain(..passed);
            self.passed -= passed;
            self.given += passed;
        }
        let count = most.min(self.found.len());
        records.extend(self.found.drain(..count));
        self.given += count;
        Ok(true)
    }

    /// Where the next record is.
    pub(super) fn place(&self) -> Place {
        let within = Within {
            etag: self.file.etag.clone(),
            size: self.file.size,
            checkpoint: self.checkpoint.clone(),
            records: self.given + self.passed,
        };
        let is_over = self.is_over && self.found.is_empty();
        Place { key: self.file.key.clone(), within: (!is_over).then_some(within) }
    }

    /// Reads on; `false` at the end of the file.
    async fn more(&mut self, bucket: &Bucket) -> Result<bool, ConnectorError> {
        let key = self.file.key.clone();
        let fault = |fault: FileFault| ConnectorError::Permanent(format!("the file {key}: {fault}"));
        let Some(reader) = &mut self.reader else { return Ok(false) };
        let before = reader.checkpoint().clone();
        if self.offset < self.file.size {
            let bytes = bucket.read(&mut self.file, self.offset).await?;
            self.found = reader.feed(&bytes).map_err(fault)?.into();
            self.offset += bytes.len() as u64;
        } else if let Some(reader) = self.reader.take() {
            self.found = reader.finish().map_err(fault)?.into();
            self.is_over = true;
        }
        (self.checkpoint, self.given) = (before, 0);
        Ok(true)
    }
}
