//! The parameters of a bucket: as a user writes them, as they are stored, as they are shown.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use crate::domain::scope::Scope;
use crate::domain::sealed::{MASK, Sealed};
use crate::outbound::kind::{Accepted, Refusal};
use crate::outbound::reach::Reach;
use crate::outbound::vault::{Secret, Vault};
use crate::outbound::written::Faults;

/// A bucket as a user writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    aws_access_key_id: String,
    aws_secret_access_key: String,
    aws_region: String,
    bucket: String,
    key_prefix: String,
    #[serde(default)]
    endpoint_url: Option<String>,
}

/// A bucket as it is stored.
#[derive(Serialize, Deserialize)]
pub struct Parameters {
    pub(super) aws_access_key_id: Sealed,
    pub(super) aws_secret_access_key: Sealed,
    /// Such as `eu-central-1`.
    pub(super) aws_region: String,
    pub(super) bucket: String,
    /// The prefix of keys.
    pub(super) key_prefix: String,
    /// The endpoint of an S3-compatible service; AWS if missing.
    pub(super) endpoint_url: Option<Url>,
}

impl Written {
    /// Checks everything, and seals the secrets.
    pub(super) async fn accept(
        self,
        vault: &Vault,
        scope: &Scope,
        reach: Reach,
        kept: Option<&Parameters>,
    ) -> Result<Accepted<Parameters>, Refusal> {
        let key_id = Secret::read(self.aws_access_key_id, kept.map(|kept| kept.aws_access_key_id.clone()));
        let key = Secret::read(self.aws_secret_access_key, kept.map(|kept| kept.aws_secret_access_key.clone()));
        let mut faults = Faults::default();
        check_secret(&mut faults, "/aws_access_key_id", &key_id, 128);
        check_secret(&mut faults, "/aws_secret_access_key", &key, 256);
        if !is_region(&self.aws_region) {
            faults.add("/aws_region", "is not a region such as eu-central-1");
        }
        if !is_bucket(&self.bucket) {
            faults.add("/bucket", "must be 3 to 63 of [a-z0-9.-]");
        }
        if !is_prefix(&self.key_prefix) {
            faults.add("/key_prefix", "at most 512 bytes, without control characters, . or .. parts");
        }
        let endpoint_url = match &self.endpoint_url {
            Some(url) => faults.url("/endpoint_url", url, reach).await,
            None => None,
        };
        faults.finish(Some(()))?;

        let parameters = Parameters {
            aws_access_key_id: vault.store(scope, key_id)?,
            aws_secret_access_key: vault.store(scope, key)?,
            aws_region: self.aws_region,
            bucket: self.bucket,
            key_prefix: self.key_prefix,
            endpoint_url,
        };
        Ok(Accepted { parameters, generated: serde_json::Map::new() })
    }
}

fn check_secret(faults: &mut Faults, pointer: &str, secret: &Secret<Sealed>, max: usize) {
    let is_visible = |text: &str| (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if secret.text().is_some_and(|text| !is_visible(text)) {
        faults.add(pointer, format!("must be 1 to {max} visible ASCII characters"));
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

fn is_prefix(text: &str) -> bool {
    let climbs = text.split('/').any(|part| part == "." || part == "..");
    text.len() <= 512 && !climbs && !text.contains(char::is_control)
}

impl Parameters {
    /// As a user may see them; reads as [`Written`].
    pub(super) fn show(&self) -> Value {
        let mut shown = json!({
            "aws_access_key_id": MASK, "aws_secret_access_key": MASK, "aws_region": self.aws_region,
            "bucket": self.bucket, "key_prefix": self.key_prefix,
        });
        if let Some(url) = &self.endpoint_url {
            shown["endpoint_url"] = url.as_str().into();
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_into_hosts_and_keys_is_narrow() {
        assert!(is_region("eu-central-1") && is_bucket("my.bucket-1") && is_prefix("") && is_prefix("a/b c/ü"));
        for bad in ["", "eu central", "evil.example/?", "EU"] {
            assert!(!is_region(bad), "{bad:?}");
        }
        for bad in ["ab", "UP-case", "a/b", "a_b"] {
            assert!(!is_bucket(bad), "{bad:?}");
        }
        for bad in ["a/../b", ".", "..", "./a", "a\nb"] {
            assert!(!is_prefix(bad), "{bad:?}");
        }
        assert!(is_prefix(&"p".repeat(512)) && !is_prefix(&"p".repeat(513)));
    }
}
