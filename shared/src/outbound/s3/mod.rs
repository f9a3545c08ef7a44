//! Objects in a customer's S3 bucket: files in parts, or one object for each event.

mod client;
mod failure;
mod parameters;
mod writer;

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation, SharedHttpClient};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use md5::{Digest as _, Md5};
use serde_json::Value;
use tokio::time::{Instant, timeout};
use url::Url;

use super::kind::{Accepted, FileWriter, Kind, KindSettings, Parcel, PrepareError, Refusal, Target};
use super::moved::{Origins, origin};
use super::reach::Reach;
use super::vault::Vault;
use super::written::parse;
use crate::domain::attempt::Attempt;
use crate::domain::scope::Scope;
pub(crate) use failure::Failure;
use parameters::{Parameters, Written};
use writer::Writer;

/// The kind `s3`.
pub struct S3 {
    vault: Vault,
    reach: Reach,
    clients: S3Clients,
    timeout: Duration,
}

/// Clients for customers' buckets. Cheap to clone: they share their connections.
#[derive(Clone)]
pub(crate) struct S3Clients {
    http: SharedHttpClient,
    observer: Option<SharedInterceptor>,
}

impl S3Clients {
    /// Clients that reach what `reach` permits; `observer` sees every call.
    pub(crate) fn new(reach: Reach, observer: Option<SharedInterceptor>) -> Self {
        Self { http: client::s3_http_client(reach), observer }
    }

    /// A client of a region or of an endpoint. Without credentials, an id and a key, it reaches what is public.
    pub(crate) fn client(&self, region: &str, endpoint: Option<&str>, credentials: Option<(&str, &str)>) -> Client {
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(self.http.clone())
            .region(Region::new(region.to_owned()));
        config = match credentials {
            Some((id, key)) => config.credentials_provider(Credentials::new(id, key, None, None, "customer")),
            None => config.allow_no_auth(),
        };
        if let Some(endpoint) = endpoint {
            // Services that imitate S3 often know neither trailing checksums nor virtual-hosted names.
            let checksums = RequestChecksumCalculation::WhenRequired;
            config = config.endpoint_url(endpoint).force_path_style(true).request_checksum_calculation(checksums);
        }
        if let Some(observer) = &self.observer {
            config.push_interceptor(observer.clone());
        }
        Client::from_conf(config.build())
    }
}

impl S3 {
    /// The kind under these settings.
    #[must_use]
    pub fn new(settings: &KindSettings) -> Self {
        let KindSettings { vault, reach, timeout, observer } = settings.clone();
        let reach = reach.of_buckets();
        Self { vault, reach, clients: S3Clients::new(reach, observer), timeout }
    }
}

#[async_trait]
impl Kind for S3 {
    type Parameters = Parameters;

    const NAME: &'static str = "s3";

    async fn accept(
        &self,
        scope: &Scope,
        written: Value,
        kept: Option<&Parameters>,
    ) -> Result<Accepted<Parameters>, Refusal> {
        parse::<Written>(written)?.accept(&self.vault, scope, self.reach, kept).await
    }

    fn origins(&self, parameters: &Parameters, _pointer: &str) -> Origins {
        parameters.endpoint_url.iter().map(|url| origin(url.as_str())).collect()
    }

    fn show(&self, parameters: &Parameters) -> Value {
        parameters.show()
    }

    fn prepare(&self, scope: &Scope, parameters: &Parameters) -> Result<Arc<dyn Target>, PrepareError> {
        let id = self.vault.open(scope, &parameters.aws_access_key_id)?;
        let secret = self.vault.open(scope, &parameters.aws_secret_access_key)?;
        let (endpoint, credentials) = (parameters.endpoint_url.as_ref(), Some((id.as_str(), secret.as_str())));
        let client = self.clients.client(&parameters.aws_region, endpoint.map(Url::as_str), credentials);
        let prefix = match parameters.key_prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Ok(Arc::new(Bucket {
            client,
            label: format!("s3://{}/{prefix}", parameters.bucket),
            bucket: parameters.bucket.clone(),
            prefix,
            digests: Digests(endpoint.is_some()),
            timeout: self.timeout,
        }))
    }
}

/// A bucket with its keys opened.
struct Bucket {
    client: Client,
    label: String,
    bucket: String,
    /// Empty, or it ends with `/`.
    prefix: String,
    digests: Digests,
    timeout: Duration,
}

/// Whether requests say the MD5 of their bodies. The SDK sends newer checksums to S3 itself; other services know this one,
/// and a bucket with Object Lock asks for either.
#[derive(Clone, Copy, Debug)]
struct Digests(bool);

impl Digests {
    /// The header's value, if it is sent.
    fn of(self, body: &[u8]) -> Option<String> {
        self.0.then(|| BASE64.encode(Md5::digest(body)))
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("S3").field(&self.label).finish()
    }
}

impl Bucket {
    /// One request, not repeated: retries are the engine's.
    async fn put(&self, key: &str, content_type: &str, body: Bytes) -> Result<(), Failure> {
        let put = self.client.put_object().bucket(&self.bucket).key(key).content_type(content_type);
        let once = aws_sdk_s3::Config::builder().retry_config(RetryConfig::disabled());
        let put = put.set_content_md5(self.digests.of(&body));
        let answer = put.body(ByteStream::from(body)).customize().config_override(once).send().await?;
        // Every S3 gives an ETag: an endpoint that does not has kept nothing.
        answer.e_tag.map(drop).ok_or_else(Failure::not_s3)
    }
}

#[async_trait]
impl Target for Bucket {
    fn label(&self) -> &str {
        &self.label
    }

    async fn send(&self, parcel: Parcel<'_>) -> Attempt {
        let (started, key) = (Instant::now(), format!("{}{}", self.prefix, object_name(parcel.id)));
        let put = timeout(self.timeout, self.put(&key, parcel.content_type, parcel.body)).await;
        match put.unwrap_or_else(|_elapsed| Err(Failure::timeout())) {
            Ok(()) => Attempt::delivered(started.elapsed()),
            Err(failure) => failure.attempt(started.elapsed()),
        }
    }

    fn file_key(&self, name: &str) -> Option<String> {
        Some(format!("{}{name}", self.prefix))
    }

    async fn discard_unfinished(&self, key: &str) {
        writer::discard_unfinished(&self.client, &self.bucket, key).await;
    }

    fn create_file(&self, key: &str) -> Option<Box<dyn FileWriter>> {
        Some(Box::new(Writer::new(self.client.clone(), (&self.bucket, key), self.digests)))
    }
}

/// The name of one event's object: its id, with everything escaped that could mean something in a key.
fn object_name(id: &str) -> String {
    let mut name = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b':' => name.push(byte.into()),
            other => {
                // Writing into a string does not fail.
                let _ = write!(name, "%{other:02X}");
            }
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_leave_its_prefix() {
        assert_eq!(object_name("evt_01:a-B"), "evt_01:a-B");
        assert_eq!(object_name("../a b%"), "%2E%2E%2Fa%20b%25");
    }
}
