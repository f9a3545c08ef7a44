//! The two kinds of target as a user writes them, checks them and sees them.

use std::collections::BTreeMap;

use crate::http::body::pointer;
use crate::http::problem::{FieldError, Problem};
use crate::http::targets;
use serde::{Deserialize, Serialize};
use sluice::app::App;
use sluice::domain::route::{S3Target, WebhookTarget};
use sluice::domain::scope::Scope;
use sluice::domain::sealed::{MASK, Sealed};
use sluice::outbound::{SigningKey, check_api_key, check_header};

/// A webhook target.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallbackParameters {
    /// `https`, and a public address.
    #[schema(example = "https://erp.example.com/events")]
    pub(crate) callback_url: String,
    /// Sent as `Authorization: Bearer`. Secret.
    #[serde(default)]
    pub(crate) api_key: Option<String>,
    /// `whsec_` and base64 of 24 to 64 bytes; made where missing, and then shown in this answer only. Secret.
    #[serde(default)]
    pub(crate) signing_secret: Option<String>,
    /// Further headers of each request; at most 20.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// The target's time to answer: 1 to 60 seconds.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 60)]
    pub(crate) timeout_seconds: Option<u32>,
    /// The most requests in a second: 1 to 10,000.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 10_000)]
    pub(crate) max_per_second: Option<u32>,
}

/// A bucket.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct S3Parameters {
    /// Secret.
    #[schema(min_length = 1, max_length = 128)]
    pub(crate) aws_access_key_id: String,
    /// Secret.
    #[schema(min_length = 1, max_length = 256)]
    pub(crate) aws_secret_access_key: String,
    /// Such as `eu-central-1`.
    #[schema(pattern = "^[a-z0-9-]{1,40}$")]
    pub(crate) aws_region: String,
    /// 3 to 63 of `[a-z0-9.-]`.
    #[schema(pattern = "^[a-z0-9.-]{3,63}$")]
    pub(crate) bucket: String,
    /// What keys begin with.
    #[schema(max_length = 512)]
    pub(crate) key_prefix: String,
    /// An S3 other than AWS's.
    #[serde(default)]
    pub(crate) endpoint_url: Option<String>,
}

/// A webhook target, its secrets masked.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CallbackView {
    pub(crate) callback_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) api_key: Option<String>,
    pub(crate) signing_secret: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 60)]
    pub(crate) timeout_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000)]
    pub(crate) max_per_second: Option<u32>,
}

/// A bucket, its secrets masked.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct S3View {
    #[schema(max_length = 128)]
    aws_access_key_id: &'static str,
    aws_secret_access_key: &'static str,
    aws_region: String,
    bucket: String,
    key_prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_url: Option<String>,
}

impl From<&WebhookTarget> for CallbackView {
    fn from(target: &WebhookTarget) -> Self {
        Self {
            callback_url: target.url.to_string(),
            api_key: target.api_key.as_ref().map(|_| MASK.to_owned()),
            signing_secret: MASK.to_owned(),
            headers: target.headers.iter().cloned().collect(),
            timeout_seconds: target.timeout_seconds,
            max_per_second: target.max_per_second,
        }
    }
}

impl From<&S3Target> for S3View {
    fn from(target: &S3Target) -> Self {
        Self {
            aws_access_key_id: MASK,
            aws_secret_access_key: MASK,
            aws_region: target.region.clone(),
            bucket: target.bucket.clone(),
            key_prefix: target.key_prefix.clone(),
            endpoint_url: target.endpoint_url.as_ref().map(ToString::to_string),
        }
    }
}

/// Secrets are sealed for the scope they belong to.
pub(crate) fn seal(app: &App, scope: &Scope, secret: &str) -> Result<Sealed, Problem> {
    app.keys.seal(scope, secret, &app.ports).map_err(|error| Problem::internal(&error))
}

impl CallbackParameters {
    /// What is wrong with it, but for its URL.
    pub(crate) fn faults(&self) -> Vec<FieldError> {
        let mut faults = Vec::new();
        let mut fault = |path: &[&str], message: String| {
            let path = std::iter::once("callback_parameters").chain(path.iter().copied());
            faults.push(FieldError::new(pointer(path), message));
        };
        if let Some(Err(error)) = self.api_key.as_deref().map(check_api_key) {
            fault(&["api_key"], error.to_string());
        }
        if let Some(Err(error)) = self.signing_secret.as_deref().map(str::parse::<SigningKey>) {
            fault(&["signing_secret"], error.to_string());
        }
        if self.headers.len() > 20 {
            fault(&["headers"], "at most 20".to_owned());
        }
        for (name, value) in &self.headers {
            if let Err(error) = check_header(name, value) {
                fault(&["headers", name], error.to_string());
            }
        }
        if self.timeout_seconds.is_some_and(|seconds| !(1..=60).contains(&seconds)) {
            fault(&["timeout_seconds"], "must be 1 to 60".to_owned());
        }
        if self.max_per_second.is_some_and(|rate| !(1..=10_000).contains(&rate)) {
            fault(&["max_per_second"], "must be 1 to 10000".to_owned());
        }
        faults
    }

    /// The target to store, and the signing secret where one was made.
    pub(crate) async fn target(self, app: &App, scope: &Scope) -> Result<(WebhookTarget, Option<String>), Problem> {
        let url =
            targets::check(&self.callback_url, "callback_parameters/callback_url", app.settings.target_policy).await?;
        let made = match &self.signing_secret {
            Some(_) => None,
            None => Some(SigningKey::generate().map_err(|e| Problem::internal(&e))?.to_secret().to_string()),
        };
        let secret = self.signing_secret.as_deref().or(made.as_deref()).unwrap_or_default();
        let target = WebhookTarget {
            url,
            api_key: self.api_key.as_deref().map(|key| seal(app, scope, key)).transpose()?,
            signing_secrets: vec![seal(app, scope, secret)?],
            headers: self.headers.into_iter().collect(),
            timeout_seconds: self.timeout_seconds,
            max_per_second: self.max_per_second,
        };
        Ok((target, made))
    }
}

impl S3Parameters {
    /// What is wrong with it, but for its URL.
    pub(crate) fn faults(&self) -> Vec<FieldError> {
        let mut faults = Vec::new();
        let mut fault = |field: &str, message: &str| {
            faults.push(FieldError::new(pointer(["s3_parameters", field]), message));
        };
        let visible = |text: &str, max| (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if !visible(&self.aws_access_key_id, 128) {
            fault("aws_access_key_id", "must be 1 to 128 visible ASCII characters");
        }
        if !visible(&self.aws_secret_access_key, 256) {
            fault("aws_secret_access_key", "must be 1 to 256 visible ASCII characters");
        }
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=40).contains(&self.aws_region.len()) || !self.aws_region.bytes().all(plain) {
            fault("aws_region", "is not a region such as eu-central-1");
        }
        let bucket = |b: u8| plain(b) || b == b'.';
        if !(3..=63).contains(&self.bucket.len()) || !self.bucket.bytes().all(bucket) {
            fault("bucket", "must be 3 to 63 of [a-z0-9.-]");
        }
        let prefix = |c: char| !c.is_control();
        let climbs = self.key_prefix.split('/').any(|part| part == "." || part == "..");
        if self.key_prefix.len() > 512 || climbs || !self.key_prefix.chars().all(prefix) {
            fault("key_prefix", "at most 512 bytes, without control characters, . or .. parts");
        }
        faults
    }

    /// The target to store.
    pub(crate) async fn target(self, app: &App, scope: &Scope) -> Result<S3Target, Problem> {
        let endpoint_url = match &self.endpoint_url {
            Some(url) => Some(targets::check(url, "s3_parameters/endpoint_url", app.settings.target_policy).await?),
            None => None,
        };
        Ok(S3Target {
            access_key_id: seal(app, scope, &self.aws_access_key_id)?,
            secret_access_key: seal(app, scope, &self.aws_secret_access_key)?,
            region: self.aws_region,
            bucket: self.bucket,
            key_prefix: self.key_prefix,
            endpoint_url,
        })
    }
}
