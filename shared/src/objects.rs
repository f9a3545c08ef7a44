//! Writing one object into a customer's bucket, in parts, with bounded memory.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation, SharedHttpClient};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;

use crate::domain::route::S3Target;
use crate::domain::scope::Scope;
use crate::outbound::{TargetPolicy, s3_http_client};
use crate::secrets::{KeyError, Keyring};

/// Each part but the last; S3's least is 5 MiB.
const PART_BYTES: usize = 5 * 1024 * 1024;

/// Why an object could not be written, in words fit for the integration's log: no secrets, no internals.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The bucket's service refused or could not be reached.
    #[error("{0}")]
    Target(String),
    /// The stored credentials cannot be opened.
    #[error("the stored S3 credentials cannot be read")]
    Keys(#[from] KeyError),
}

impl<E, R> From<SdkError<E, R>> for ObjectError
where
    E: ProvideErrorMetadata,
{
    fn from(error: SdkError<E, R>) -> Self {
        let words = match &error {
            SdkError::ServiceError(service) => {
                let (code, message) = (service.err().code(), service.err().message());
                format!("the bucket answered {}: {}", code.unwrap_or("an error"), message.unwrap_or("no reason given"))
            }
            SdkError::TimeoutError(_) => "the bucket did not answer in time".to_owned(),
            SdkError::DispatchFailure(_) => "the bucket's service cannot be reached".to_owned(),
            _ => "the bucket's answer cannot be read".to_owned(),
        };
        Self::Target(words)
    }
}

/// Makes clients for customers' buckets, through the same address rules as webhooks.
#[derive(Clone)]
pub struct Buckets {
    keys: Keyring,
    http: SharedHttpClient,
    observer: Option<SharedInterceptor>,
}

impl Buckets {
    /// `observer` sees every call, to count it.
    #[must_use]
    pub fn new(keys: Keyring, policy: TargetPolicy, observer: Option<SharedInterceptor>) -> Self {
        Self { keys, http: s3_http_client(policy), observer }
    }

    /// A client for one customer's bucket.
    ///
    /// # Errors
    /// [`ObjectError::Keys`].
    pub fn client(&self, scope: &Scope, target: &S3Target) -> Result<Client, ObjectError> {
        let id = self.keys.open(scope, &target.access_key_id)?;
        let secret = self.keys.open(scope, &target.secret_access_key)?;
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(self.http.clone())
            .region(Region::new(target.region.clone()))
            .credentials_provider(Credentials::new(id.as_str(), secret.as_str(), None, None, "customer"))
            // Services that imitate S3 often know neither trailing checksums nor virtual-hosted names.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
        if let Some(endpoint) = &target.endpoint_url {
            config = config.endpoint_url(endpoint.as_str()).force_path_style(true);
        }
        if let Some(observer) = &self.observer {
            config.push_interceptor(observer.clone());
        }
        Ok(Client::from_conf(config.build()))
    }
}

/// An object being written: small ones in one request, large ones in parts.
#[derive(Debug)]
pub struct ObjectWriter {
    client: Client,
    bucket: String,
    key: String,
    buffer: Vec<u8>,
    upload: Option<String>,
    parts: Vec<CompletedPart>,
    written: u64,
}

impl ObjectWriter {
    /// An object of that key; nothing is sent yet.
    #[must_use]
    pub fn new(client: Client, bucket: &str, key: &str) -> Self {
        Self {
            client,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            buffer: Vec::new(),
            upload: None,
            parts: Vec::new(),
            written: 0,
        }
    }

    /// Bytes taken so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Adds a line and its end.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub async fn line(&mut self, line: &[u8]) -> Result<(), ObjectError> {
        self.buffer.extend_from_slice(line);
        self.buffer.push(b'\n');
        self.written += line.len() as u64 + 1;
        if self.buffer.len() >= PART_BYTES { self.send_part().await } else { Ok(()) }
    }

    async fn send_part(&mut self) -> Result<(), ObjectError> {
        let upload = match &self.upload {
            Some(upload) => upload.clone(),
            None => self.begin().await?,
        };
        let number = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        let body = ByteStream::from(std::mem::take(&mut self.buffer));
        let part = self.client.upload_part().bucket(&self.bucket).key(&self.key).upload_id(upload).part_number(number);
        let answer = part.body(body).send().await?;
        self.parts.push(CompletedPart::builder().part_number(number).set_e_tag(answer.e_tag).build());
        Ok(())
    }

    async fn begin(&mut self) -> Result<String, ObjectError> {
        let create = self.client.create_multipart_upload().bucket(&self.bucket).key(&self.key);
        let answer = create.content_type("application/x-ndjson").send().await?;
        let upload = answer.upload_id.ok_or_else(|| ObjectError::Target("the bucket gave no upload id".to_owned()))?;
        self.upload = Some(upload.clone());
        Ok(upload)
    }

    /// Closes the object: from now on it is there, whole.
    ///
    /// # Errors
    /// [`ObjectError`]; then nothing is there, and the parts are discarded.
    pub async fn finish(mut self) -> Result<(), ObjectError> {
        let result = self.try_finish().await;
        if result.is_err() {
            self.abort().await;
        }
        result
    }

    async fn try_finish(&mut self) -> Result<(), ObjectError> {
        if self.upload.is_none() {
            let body = ByteStream::from(std::mem::take(&mut self.buffer));
            let put = self.client.put_object().bucket(&self.bucket).key(&self.key).content_type("application/x-ndjson");
            let answer = put.body(body).send().await?;
            // Every S3 gives one: what does not has kept nothing.
            let confirmed = answer.e_tag.is_some();
            return confirmed.then_some(()).ok_or_else(|| ObjectError::Target("what answered is no S3".to_owned()));
        }
        if !self.buffer.is_empty() {
            self.send_part().await?;
        }
        let parts = CompletedMultipartUpload::builder().set_parts(Some(std::mem::take(&mut self.parts))).build();
        let complete = self.client.complete_multipart_upload().bucket(&self.bucket).key(&self.key);
        complete.set_upload_id(self.upload.clone()).multipart_upload(parts).send().await?;
        Ok(())
    }

    /// Gives the object up; a bucket's own lifecycle rule takes what this cannot reach.
    pub async fn abort(&self) {
        let Some(upload) = &self.upload else { return };
        let abort = self.client.abort_multipart_upload().bucket(&self.bucket).key(&self.key).upload_id(upload);
        if let Err(error) = abort.send().await {
            tracing::warn!(code = error.code().unwrap_or("unreachable"), "an unfinished upload could not be aborted");
        }
    }
}
