//! The bucket that files are in.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::connectors::ConnectorError;
use crate::connectors::parts::ConnectorParts;
use crate::domain::pipeline::system::FlatFile;
use crate::outbound::{S3Failure, is_forbidden};

/// The bytes of a file that are read at once.
pub(super) const PART: u64 = 4 * 1024 * 1024;

const CHANGED: &str = "the file changed while it was read";

/// A bucket, and how the keys of its files begin.
pub(super) struct Bucket {
    client: Client,
    bucket: String,
    pub(super) prefix: String,
    timeout: Duration,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) key: String,
    /// What its content is known by; empty before the file was read, for not every service lists it.
    pub(super) etag: String,
    pub(super) size: u64,
}

impl Bucket {
    pub(super) fn new(parts: &ConnectorParts, system: &FlatFile<Zeroizing<String>>) -> Self {
        let credentials = system.access_key_id.as_ref().zip(system.secret_access_key.as_ref());
        let credentials = credentials.map(|(id, key)| (id.as_str(), key.as_str()));
        Self {
            client: parts.s3.client(&system.region, system.endpoint_url.as_deref(), credentials),
            bucket: system.bucket.clone(),
            prefix: system.prefix.clone(),
            timeout: parts.timeout,
        }
    }

    /// The next files after a key, in the order of their keys; none after the last.
    pub(super) async fn list(&self, after: Option<&str>) -> Result<Vec<File>, ConnectorError> {
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(&self.prefix);
        let list = list.set_start_after(after.map(str::to_owned)).customize().config_override(once());
        let answer = self.within("listing the bucket", async { Ok(list.send().await?) }).await?;
        let file = |object: aws_sdk_s3::types::Object| {
            let size = u64::try_from(object.size?).ok()?;
            Some(File { key: object.key?, etag: object.e_tag.unwrap_or_default(), size })
        };
        let files: Vec<File> = answer.contents.unwrap_or_default().into_iter().filter_map(file).collect();
        Ok(files)
    }

    /// The bytes of a file from `offset` on, at most [`PART`]. From then on the file must stay what it is.
    pub(super) async fn read(&self, file: &mut File, offset: u64) -> Result<Bytes, ConnectorError> {
        let last = (offset + PART).min(file.size).saturating_sub(1);
        let get = self.client.get_object().bucket(&self.bucket).key(&file.key).range(format!("bytes={offset}-{last}"));
        let known = Some(file.etag.clone()).filter(|etag| !etag.is_empty());
        let get = get.set_if_match(known).customize().config_override(once());
        let read = async {
            let answer = get.send().await?;
            let etag = answer.e_tag.unwrap_or_default();
            let total = answer.content_range.as_deref().and_then(|range| range.rsplit('/').next()?.parse().ok());
            // Not every service knows conditions.
            let is_other = !etag.is_empty() && !file.etag.is_empty() && file.etag != etag;
            if is_other || total.is_some_and(|total: u64| total != file.size) {
                return Err(S3Failure::new(CHANGED));
            }
            // A service that knows no ranges would send a file of any size.
            let wanted = last + 1 - offset;
            if answer.content_length.and_then(|length| u64::try_from(length).ok()) != Some(wanted) {
                return Err(S3Failure::new("the endpoint gave another part of the file than was asked for"));
            }
            let body = answer.body.collect().await.map_err(|_| S3Failure::new("connection closed"))?;
            Ok((body.into_bytes(), etag))
        };
        let (bytes, etag) = self.within(&format!("reading {}", file.key), read).await?;
        if bytes.len() as u64 == last + 1 - offset {
            if file.etag.is_empty() {
                file.etag = etag;
            }
            return Ok(bytes);
        }
        Err(ConnectorError::transient(format!("reading {} failed: connection closed", file.key)))
    }

    /// Writes a whole file over what is there.
    pub(super) async fn write(&self, key: &str, content_type: &str, content: Bytes) -> Result<(), ConnectorError> {
        let put = self.client.put_object().bucket(&self.bucket).key(key).content_type(content_type);
        let put = put.body(ByteStream::from(content)).customize().config_override(once());
        let write = async {
            // Every S3 gives an ETag: an endpoint that does not has kept nothing.
            put.send().await?.e_tag.map(drop).ok_or_else(S3Failure::not_s3)
        };
        self.within(&format!("writing {key}"), write).await
    }

    async fn within<T>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T, S3Failure>>,
    ) -> Result<T, ConnectorError> {
        let called = timeout(self.timeout, call).await.unwrap_or_else(|_elapsed| Err(S3Failure::timeout()));
        called.map_err(|failure| of_failure(what, failure))
    }
}

/// One request, not repeated: retries are the engine's.
fn once() -> aws_sdk_s3::config::Builder {
    aws_sdk_s3::Config::builder().retry_config(RetryConfig::disabled())
}

fn of_failure(what: &str, failure: S3Failure) -> ConnectorError {
    let S3Failure { status, retry_after, .. } = failure;
    let reason = format!("{what} failed: {}", failure.reason());
    match status {
        // S3 says `SlowDown` so.
        Some(429 | 503) => ConnectorError::throttled(reason, retry_after),
        Some(412) => ConnectorError::Permanent(format!("{what} failed: {CHANGED}")),
        Some(408 | 500..=599) => ConnectorError::transient(reason),
        Some(_) => ConnectorError::Permanent(reason),
        None if is_forbidden(failure.reason()) || failure.reason() == CHANGED => ConnectorError::Permanent(reason),
        None => ConnectorError::transient(reason),
    }
}
