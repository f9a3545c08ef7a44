//! Records as files: one for each batch. A batch that is repeated overwrites its file.

use futures::future::BoxFuture;

use super::bucket::Bucket;
use super::{content_type, extension};
use crate::connectors::parts::TargetSpec;
use crate::connectors::{Batch, ConnectorError, Target, Written};
use crate::domain::flat_file::{FileFormat, Writer};
use crate::domain::pipeline::load::FileLoad;

/// New files in a bucket.
pub(super) struct NewFiles {
    bucket: Bucket,
    writer: Writer,
    /// How the keys of the run's files begin.
    prefix: String,
    extension: &'static str,
    content_type: &'static str,
    batch_size: usize,
}

impl NewFiles {
    pub(super) fn new(bucket: Bucket, format: &FileFormat, load: &FileLoad, spec: &TargetSpec<'_>) -> Self {
        Self {
            writer: Writer::new(format, spec.columns),
            prefix: format!("{}{}/", bucket.prefix, spec.run),
            bucket,
            extension: extension(format),
            content_type: content_type(format),
            batch_size: load.records_per_file.max(1) as usize,
        }
    }

    async fn write(&self, batch: &Batch<'_>) -> Result<Vec<Written>, ConnectorError> {
        let mut content = Vec::new();
        self.writer.header(&mut content);
        let mut write = |body| match self.writer.record(body, &mut content) {
            Ok(()) => Written::Done,
            Err(unwritable) => Written::Refused(unwritable.to_string()),
        };
        let written: Vec<Written> = batch.records.iter().map(|record| write(&record.body)).collect();
        self.writer.footer(&mut content);
        if written.contains(&Written::Done) {
            let key = format!("{}{:08}.{}", self.prefix, batch.number, self.extension);
            self.bucket.write(&key, self.content_type, content.into()).await?;
        }
        Ok(written)
    }
}

impl Target for NewFiles {
    fn write<'a>(&'a self, batch: &'a Batch<'a>) -> BoxFuture<'a, Result<Vec<Written>, ConnectorError>> {
        Box::pin(self.write(batch))
    }

    fn batch_size(&self) -> usize {
        self.batch_size
    }

    fn divides(&self) -> bool {
        false
    }
}
