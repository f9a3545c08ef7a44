//! The parameters of a webhook: as a user writes them, as they are stored, as they are shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;

use super::client_certificate::{ClientCertificate, StoredCertificate};
use super::headers::{self, check_api_key, check_header};
use super::oauth2::{OAuth2Client, StoredClient};
use super::secrets::SigningSecrets;
use super::signature::SigningKey;
use crate::domain::scope::Scope;
use crate::domain::sealed::{MASK, Sealed};
use crate::domain::time::Millis;
use crate::outbound::kind::{Accepted, Refusal};
use crate::outbound::moved::{Origins, origin};
use crate::outbound::reach::Reach;
use crate::outbound::vault::{Secret, Vault};
use crate::outbound::written::{Faults, pointer};
use crate::secrets::KeyError;

const MAX_HEADERS: usize = 20;

/// A webhook as a user writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    url: String,
    #[serde(default)]
    api_key: Option<String>,
    #[serde(default)]
    oauth2: Option<OAuth2Client>,
    #[serde(default)]
    client_certificate: Option<ClientCertificate>,
    #[serde(default)]
    signing_secret: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Headers whose values are secrets, besides those whose names say so.
    #[serde(default)]
    secret_headers: Vec<String>,
    #[serde(default)]
    timeout_seconds: Option<u32>,
    #[serde(default)]
    max_per_second: Option<u32>,
}

/// A webhook as it is stored.
#[derive(Clone, Serialize, Deserialize)]
pub struct Parameters {
    /// Checked against the address rules when it was registered, and again at each attempt.
    pub(super) url: Url,
    /// Sent as `Authorization: Bearer`.
    pub(super) api_key: Option<Sealed>,
    /// Whose access tokens are sent instead.
    pub(super) oauth2: Option<StoredClient>,
    /// Presented to servers that ask for it.
    pub(super) client_certificate: Option<StoredCertificate>,
    /// The signing secrets, newest first.
    pub(super) signing_secrets: SigningSecrets,
    pub(super) headers: BTreeMap<String, StoredHeader>,
    secret_headers: Vec<String>,
    pub(super) timeout_seconds: Option<u32>,
    pub(super) max_per_second: Option<u32>,
}

/// The value of a header of the user's own.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StoredHeader {
    Plain(String),
    Sealed(Sealed),
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
        let api_key = self.api_key.map(|text| Secret::read(text, kept.and_then(|kept| kept.api_key.clone())));
        let signing = self.signing_secret.map(|text| Secret::read(text, kept.map(|kept| kept.signing_secrets.clone())));
        let headers = Headers::read(self.headers, self.secret_headers, kept);
        let mut faults = Faults::default();
        if let Some(text) = api_key.as_ref().and_then(Secret::text) {
            faults.check("/api_key", check_api_key(text));
        }
        if let Some(text) = signing.as_ref().and_then(Secret::text) {
            faults.check("/signing_secret", text.parse::<SigningKey>().map(drop));
        }
        headers.check(&mut faults);
        if self.timeout_seconds.is_some_and(|seconds| !(1..=60).contains(&seconds)) {
            faults.add("/timeout_seconds", "must be 1 to 60");
        }
        if self.max_per_second.is_some_and(|rate| !(1..=10_000).contains(&rate)) {
            faults.add("/max_per_second", "must be 1 to 10000");
        }
        if api_key.is_some() && self.oauth2.is_some() {
            faults.add("/oauth2", "api_key and oauth2 cannot be used together");
        }
        let oauth2 = match self.oauth2 {
            Some(client) => client.check(&mut faults, reach, kept.and_then(|kept| kept.oauth2.as_ref())).await,
            None => None,
        };
        let client_certificate = match self.client_certificate {
            Some(certificate) => {
                let kept = kept.and_then(|kept| kept.client_certificate.as_ref());
                certificate.check(&mut faults, vault, scope, kept)?
            }
            None => None,
        };
        let url = faults.url("/url", &self.url, reach).await;
        let url = faults.finish(url)?;

        let (signing_secrets, generated) = signing_secrets(vault, scope, signing)?;
        let (headers, secret_headers) = headers.store(vault, scope)?;
        let api_key = api_key.map(|secret| vault.store(scope, secret)).transpose()?;
        let parameters = Parameters {
            url,
            api_key,
            oauth2: oauth2.map(|client| client.seal(vault, scope)).transpose()?,
            client_certificate: client_certificate.map(|certificate| certificate.seal(vault, scope)).transpose()?,
            signing_secrets,
            headers,
            secret_headers,
            timeout_seconds: self.timeout_seconds,
            max_per_second: self.max_per_second,
        };
        Ok(Accepted { parameters, generated })
    }
}

/// The secrets to store; one that had to be made is shown once.
fn signing_secrets(
    vault: &Vault,
    scope: &Scope,
    written: Option<Secret<SigningSecrets>>,
) -> Result<(SigningSecrets, Map<String, Value>), KeyError> {
    match written {
        Some(Secret::Kept(secrets)) => Ok((secrets, Map::new())),
        Some(Secret::New(text)) => Ok((SigningSecrets::chosen(vault, scope, &text)?, Map::new())),
        None => SigningSecrets::generated(vault, scope).map(|(secrets, text)| (secrets, shown_once(&text))),
    }
}

fn shown_once(secret: &str) -> Map<String, Value> {
    Map::from_iter([("signing_secret".to_owned(), secret.into())])
}

/// Headers of the user's own, on their way in.
struct Headers {
    values: BTreeMap<String, Secret<Sealed>>,
    secret: Vec<String>,
}

impl Headers {
    fn read(written: BTreeMap<String, String>, mut secret: Vec<String>, kept: Option<&Parameters>) -> Self {
        let kept = |name: &str| kept.and_then(|kept| kept.sealed_header(name)).cloned();
        let read = |(name, text): (String, String)| {
            let value = Secret::read(text, kept(&name));
            (name, value)
        };
        let values: BTreeMap<_, _> = written.into_iter().map(read).collect();
        // A value that is kept stays a secret: else taking its name off the list would show it.
        let stays = values.iter().filter(|(name, value)| value.text().is_none() && !is_secret(&secret, name));
        let stays: Vec<String> = stays.map(|(name, _)| name.clone()).collect();
        secret.extend(stays);
        Self { values, secret }
    }

    fn check(&self, faults: &mut Faults) {
        for (field, count) in [("/headers", self.values.len()), ("/secret_headers", self.secret.len())] {
            if count > MAX_HEADERS {
                faults.add(field, "at most 20");
            }
        }
        for (name, value) in &self.values {
            let field = format!("/headers{}", pointer(name));
            faults.check(&field, check_header(name, value.text().unwrap_or_default()));
        }
        for (place, name) in self.secret.iter().enumerate() {
            faults.check(&format!("/secret_headers/{place}"), headers::check_name(name));
        }
    }

    fn store(self, vault: &Vault, scope: &Scope) -> Result<(BTreeMap<String, StoredHeader>, Vec<String>), KeyError> {
        let mut headers = BTreeMap::new();
        for (name, value) in self.values {
            let stored = match value.text() {
                Some(text) if !is_secret(&self.secret, &name) => StoredHeader::Plain(text.to_owned()),
                _ => StoredHeader::Sealed(vault.store(scope, value)?),
            };
            headers.insert(name, stored);
        }
        Ok((headers, self.secret))
    }
}

fn is_secret(listed: &[String], name: &str) -> bool {
    headers::is_secret(name) || listed.iter().any(|listed| listed.eq_ignore_ascii_case(name))
}

impl Parameters {
    /// The same with a new signing secret; those before it sign until then.
    pub(super) fn rotated(&self, vault: &Vault, scope: &Scope, until: Millis) -> Result<Accepted<Self>, KeyError> {
        let (signing_secrets, text) = self.signing_secrets.rotated(vault, scope, until)?;
        Ok(Accepted { parameters: Self { signing_secrets, ..self.clone() }, generated: shown_once(&text) })
    }

    /// Where the secret at a pointer is sent. An OAuth 2.0 client's goes to the token endpoint, and its tokens to the
    /// webhook.
    pub(super) fn origins(&self, pointer: &str) -> Origins {
        let oauth2 = self.oauth2.iter().filter(|_| pointer.starts_with("/oauth2/")).map(StoredClient::origin);
        std::iter::once(origin(self.url.as_str())).chain(oauth2).collect()
    }

    fn sealed_header(&self, name: &str) -> Option<&Sealed> {
        self.headers.iter().find_map(|(stored, value)| match value {
            StoredHeader::Sealed(sealed) if stored.eq_ignore_ascii_case(name) => Some(sealed),
            _ => None,
        })
    }

    /// As a user may see them; reads as [`Written`].
    pub(super) fn show(&self) -> Value {
        let mut shown = Map::new();
        shown.insert("url".to_owned(), self.url.as_str().into());
        if self.api_key.is_some() {
            shown.insert("api_key".to_owned(), MASK.into());
        }
        if let Some(client) = &self.oauth2 {
            shown.insert("oauth2".to_owned(), json!(client.show()));
        }
        if let Some(certificate) = &self.client_certificate {
            shown.insert("client_certificate".to_owned(), json!(certificate.show()));
        }
        shown.insert("signing_secret".to_owned(), MASK.into());
        if !self.headers.is_empty() {
            let value = |value: &StoredHeader| match value {
                StoredHeader::Plain(text) => text.clone(),
                StoredHeader::Sealed(_) => MASK.to_owned(),
            };
            let headers: BTreeMap<_, _> = self.headers.iter().map(|(name, stored)| (name, value(stored))).collect();
            shown.insert("headers".to_owned(), json!(headers));
        }
        if !self.secret_headers.is_empty() {
            shown.insert("secret_headers".to_owned(), json!(self.secret_headers));
        }
        let numbers = [("timeout_seconds", self.timeout_seconds), ("max_per_second", self.max_per_second)];
        shown.extend(numbers.into_iter().filter_map(|(name, number)| Some((name.to_owned(), number?.into()))));
        Value::Object(shown)
    }
}
