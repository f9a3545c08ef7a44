//! Webhooks: one signed POST for each event, after Standard Webhooks.

mod client;
mod failure;
mod headers;
mod parameters;
mod response;
mod secrets;
mod signature;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::address::TargetPolicy;
use super::kind::{Accepted, Kind, KindSettings, Parcel, PrepareError, Refusal, Target};
use super::vault::Vault;
use super::written::parse;
use crate::domain::attempt::{Attempt, Verdict};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::secrets::KeyError;
use parameters::{Parameters, StoredHeader, Written};
use secrets::SigningKeys;

pub use client::{ClientOptions, WebhookClient};
pub use headers::{HeaderError, HeaderTemplate};
pub use signature::{SignatureHeaders, SigningKey, SigningKeyError, VerifyError, sign, verify};

/// The kind `webhook`.
pub struct Webhook {
    client: WebhookClient,
    vault: Vault,
    policy: TargetPolicy,
    timeout: Duration,
}

impl Webhook {
    /// The kind under these settings.
    ///
    /// # Errors
    /// The HTTP client cannot be built.
    pub fn new(settings: &KindSettings) -> Result<Self, reqwest::Error> {
        let KindSettings { vault, policy, timeout, .. } = settings.clone();
        let client = WebhookClient::new(policy, ClientOptions::default())?;
        Ok(Self { client, vault, policy, timeout })
    }
}

#[async_trait]
impl Kind for Webhook {
    type Parameters = Parameters;

    const NAME: &'static str = "webhook";

    async fn accept(
        &self,
        scope: &Scope,
        written: Value,
        kept: Option<&Parameters>,
    ) -> Result<Accepted<Parameters>, Refusal> {
        parse::<Written>(written)?.accept(&self.vault, scope, self.policy, kept).await
    }

    fn show(&self, parameters: &Parameters) -> Value {
        parameters.show()
    }

    fn rotate(
        &self,
        scope: &Scope,
        parameters: &Parameters,
        until: Millis,
    ) -> Result<Option<Accepted<Parameters>>, KeyError> {
        parameters.rotated(&self.vault, scope, until).map(Some)
    }

    fn prepare(&self, scope: &Scope, parameters: &Parameters) -> Result<Arc<dyn Target>, PrepareError> {
        let unusable = |what: &str, error: &dyn fmt::Display| PrepareError::Unusable(format!("{what}: {error}"));
        let open = |sealed| self.vault.open(scope, sealed);
        let api_key = parameters.api_key.as_ref().map(open).transpose()?;
        let signing = parameters.signing_secrets.open(&self.vault, scope)?;
        let mut custom = Vec::with_capacity(parameters.headers.len());
        for (name, value) in &parameters.headers {
            let text = match value {
                StoredHeader::Plain(text) => Zeroizing::new(text.clone()),
                StoredHeader::Sealed(sealed) => open(sealed)?,
            };
            custom.push((name.clone(), text));
        }
        let headers = HeaderTemplate::new(api_key.as_ref().map(|key| key.as_str()), &custom)
            .map_err(|error| unusable("header", &error))?;
        Ok(Arc::new(Receiver {
            client: self.client.clone(),
            label: label(&parameters.url),
            url: parameters.url.clone(),
            headers,
            signing,
            timeout: parameters.timeout_seconds.map_or(self.timeout, |seconds| Duration::from_secs(seconds.into())),
            max_per_second: parameters.max_per_second,
        }))
    }
}

/// A URL's query may be a secret.
fn label(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.into()
}

/// A webhook with its secrets opened.
struct Receiver {
    client: WebhookClient,
    label: String,
    url: Url,
    headers: HeaderTemplate,
    signing: SigningKeys,
    timeout: Duration,
    max_per_second: Option<u32>,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Webhook").field(&self.label).finish()
    }
}

#[async_trait]
impl Target for Receiver {
    fn label(&self) -> &str {
        &self.label
    }

    fn max_per_second(&self) -> Option<u32> {
        self.max_per_second
    }

    async fn send(&self, parcel: Parcel<'_>) -> Attempt {
        let keys = self.signing.at(parcel.sent_at);
        let signs = !keys.is_empty();
        let signature = signs.then(|| sign(keys, parcel.id, parcel.sent_at.as_secs(), &parcel.body));
        match self.headers.message(&parcel, signature) {
            Ok(headers) => self.client.post(&self.url, headers, parcel.body, self.timeout).await,
            // No later attempt can do better.
            Err(_) => Attempt {
                verdict: Verdict::Rejected,
                ..Attempt::failed("the id does not fit a header", Duration::ZERO)
            },
        }
    }
}
