//! Files in a bucket.

use serde::{Deserialize, Serialize};

use super::urls::check_base;
use super::{check_secret, urls};
use crate::flat_file::FileFormat;
use crate::problems::Problems;

const KEY_ID: &str = "/accessKeyId";
const KEY: &str = "/secretAccessKey";
/// The longest prefix of keys, in bytes.
const MAX_PREFIX: usize = 512;

// There is no `Debug`: it is never printed.
/// Files in a bucket of S3, or of a service that speaks like it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = FlatFile)]
pub struct FlatFile<S> {
    /// The bucket.
    #[schema(example = "example-exchange", min_length = 3, max_length = 63)]
    pub bucket: String,
    /// How the keys of the files begin, such as `orders/`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 512)]
    pub prefix: String,
    /// The bucket's region.
    #[schema(example = "eu-central-1")]
    pub region: String,
    /// The endpoint of a service that speaks like S3; AWS if it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2048)]
    pub endpoint_url: Option<String>,
    /// The id of an access key, if the bucket is not public. Secret.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub access_key_id: Option<S>,
    /// The access key. Secret.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub secret_access_key: Option<S>,
    /// What the files look like.
    pub format: FileFormat,
}

fn none<S>() -> Option<S> {
    None
}

impl<S> FlatFile<S> {
    pub(super) fn secrets(&self) -> impl Iterator<Item = (&'static str, &S)> {
        let id = self.access_key_id.iter().map(|secret| (KEY_ID, secret));
        id.chain(self.secret_access_key.iter().map(|secret| (KEY, secret)))
    }

    pub(super) fn map_secrets<T, E>(self, form: &mut impl FnMut(&str, S) -> Result<T, E>) -> Result<FlatFile<T>, E> {
        Ok(FlatFile {
            bucket: self.bucket,
            prefix: self.prefix,
            region: self.region,
            endpoint_url: self.endpoint_url,
            access_key_id: self.access_key_id.map(|secret| form(KEY_ID, secret)).transpose()?,
            secret_access_key: self.secret_access_key.map(|secret| form(KEY, secret)).transpose()?,
            format: self.format,
        })
    }
}

impl FlatFile<String> {
    pub(super) fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        problems.unless(is_bucket(&self.bucket), "/bucket", "must be 3 to 63 of [a-z0-9.-]");
        let prefix = "at most 512 bytes, without control characters, . or .. parts";
        problems.unless(is_prefix(&self.prefix), "/prefix", prefix);
        problems.unless(is_region(&self.region), "/region", "is not a region such as eu-central-1");
        if let Some(url) = &self.endpoint_url {
            check_base(&mut problems, "/endpointUrl", url);
            let root = url.trim_end_matches('/') == urls::origin(url);
            problems.unless(root, "/endpointUrl", "must not have a path");
        }
        let both = self.access_key_id.is_some() == self.secret_access_key.is_some();
        problems.unless(both, "", "accessKeyId and secretAccessKey belong together");
        for (pointer, text) in self.secrets() {
            check_secret(&mut problems, pointer, text);
        }
        problems
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

/// It becomes part of a host name.
fn is_region(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(is_plain)
}

fn is_bucket(text: &str) -> bool {
    (3..=63).contains(&text.len()) && text.bytes().all(|byte| is_plain(byte) || byte == b'.')
}

/// Whether keys can begin with it.
pub(crate) fn is_prefix(text: &str) -> bool {
    let climbs = text.split('/').any(|part| part == "." || part == "..");
    text.len() <= MAX_PREFIX && !climbs && !text.contains(char::is_control) && !text.starts_with('/')
}
