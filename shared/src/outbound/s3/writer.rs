//! Writing one object into a customer's bucket, in parts, with bounded memory.

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use super::Digests;
use super::failure::Failure;
use crate::outbound::kind::{FileError, FileWriter};

/// Each part but the last; S3's least is 5 MiB.
const PART_BYTES: usize = 5 * 1024 * 1024;
const CONTENT_TYPE: &str = "application/x-ndjson";

/// An object being written: small ones in one request, large ones in parts.
pub(super) struct Writer {
    client: Client,
    bucket: String,
    key: String,
    buffer: Vec<u8>,
    upload: Option<String>,
    parts: Vec<CompletedPart>,
    digests: Digests,
    written: u64,
}

/// Aborts the uploads of a key that were begun and never finished: whoever began them is gone. Where uploads cannot be
/// listed, the bucket's own lifecycle rule removes them.
pub(super) async fn discard_unfinished(client: &Client, bucket: &str, key: &str) {
    let Ok(listed) = client.list_multipart_uploads().bucket(bucket).prefix(key).send().await else { return };
    for upload in listed.uploads().iter().filter(|upload| upload.key() == Some(key)) {
        let abort = client.abort_multipart_upload().bucket(bucket).key(key).set_upload_id(upload.upload_id.clone());
        if let Err(error) = abort.send().await {
            tracing::warn!(code = error.code().unwrap_or("unreachable"), "an unfinished upload could not be aborted");
        }
    }
}

impl Writer {
    /// An object of that key; nothing is sent yet.
    pub(super) fn new(client: Client, (bucket, key): (&str, &str), digests: Digests) -> Self {
        Self {
            client,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            buffer: Vec::new(),
            upload: None,
            parts: Vec::new(),
            digests,
            written: 0,
        }
    }

    async fn send_part(&mut self) -> Result<(), Failure> {
        let upload = match &self.upload {
            Some(upload) => upload.clone(),
            None => self.begin().await?,
        };
        let number = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        let digest = self.digests.of(&self.buffer);
        let body = ByteStream::from(std::mem::take(&mut self.buffer));
        let part = self.client.upload_part().bucket(&self.bucket).key(&self.key).upload_id(upload).part_number(number);
        let answer = part.set_content_md5(digest).body(body).send().await?;
        let part = CompletedPart::builder().part_number(number).set_e_tag(answer.e_tag);
        self.parts.push(part.set_checksum_crc32(answer.checksum_crc32).build());
        Ok(())
    }

    async fn begin(&mut self) -> Result<String, Failure> {
        let create = self.client.create_multipart_upload().bucket(&self.bucket).key(&self.key);
        let answer = create.content_type(CONTENT_TYPE).send().await?;
        let upload = answer.upload_id.ok_or_else(Failure::not_s3)?;
        self.upload = Some(upload.clone());
        Ok(upload)
    }

    async fn close(&mut self) -> Result<(), Failure> {
        if self.upload.is_none() {
            let digest = self.digests.of(&self.buffer);
            let body = ByteStream::from(std::mem::take(&mut self.buffer));
            let put = self.client.put_object().bucket(&self.bucket).key(&self.key).content_type(CONTENT_TYPE);
            let answer = put.set_content_md5(digest).body(body).send().await?;
            // Every S3 gives an ETag: an endpoint that does not has kept nothing.
            return answer.e_tag.map(drop).ok_or_else(Failure::not_s3);
        }
        if !self.buffer.is_empty() {
            self.send_part().await?;
        }
        let parts = CompletedMultipartUpload::builder().set_parts(Some(std::mem::take(&mut self.parts))).build();
        let complete = self.client.complete_multipart_upload().bucket(&self.bucket).key(&self.key);
        complete.set_upload_id(self.upload.clone()).multipart_upload(parts).send().await?;
        Ok(())
    }

    /// Discards the parts; a bucket's own lifecycle rule removes what this cannot reach.
    async fn discard(&self) {
        let Some(upload) = &self.upload else { return };
        let abort = self.client.abort_multipart_upload().bucket(&self.bucket).key(&self.key).upload_id(upload);
        if let Err(error) = abort.send().await {
            tracing::warn!(code = error.code().unwrap_or("unreachable"), "an unfinished upload could not be aborted");
        }
    }

    fn error(&self, failure: &Failure) -> FileError {
        FileError(format!("Writing to bucket {} failed. Reason: {}.", self.bucket, failure.reason()))
    }
}

#[async_trait]
impl FileWriter for Writer {
    fn written(&self) -> u64 {
        self.written
    }

    async fn line(&mut self, line: &[u8]) -> Result<(), FileError> {
        self.buffer.extend_from_slice(line);
        self.buffer.push(b'\n');
        self.written += line.len() as u64 + 1;
        if self.buffer.len() < PART_BYTES {
            return Ok(());
        }
        self.send_part().await.map_err(|failure| self.error(&failure))
    }

    async fn finish(mut self: Box<Self>) -> Result<(), FileError> {
        let closed = self.close().await;
        if closed.is_err() {
            self.discard().await;
        }
        closed.map_err(|failure| self.error(&failure))
    }

    async fn abort(self: Box<Self>) {
        self.discard().await;
    }
}
