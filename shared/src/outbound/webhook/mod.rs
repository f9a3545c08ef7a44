//! Webhooks: one signed POST for each event, after Standard Webhooks.

mod client;
mod client_certificate;
mod failure;
mod headers;
mod kept;
mod oauth2;
mod parameters;
mod response;
mod secrets;
mod signature;
#[cfg(test)]
mod target;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap};
use serde_json::Value;
use tokio::time::Instant;
use url::Url;
use zeroize::Zeroizing;

use super::kind::{Accepted, Kind, KindSettings, Parcel, PrepareError, Refusal, Target};
use super::moved::Origins;
use super::reach::Reach;
use super::vault::Vault;
use super::written::parse;
use crate::domain::attempt::{Attempt, Verdict};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::secrets::KeyError;
use client_certificate::StoredCertificate;
use parameters::{Parameters, StoredHeader, Written};
use secrets::SigningKeys;

pub(super) use failure::of_request;
pub(crate) use oauth2::{AccessToken, AccessTokens, TokenFailure, access_tokens};
pub(crate) use response::{TOO_LARGE, clean, read_whole};

pub use client::{ClientOptions, WebhookClient};
pub use client_certificate::ClientCertificate;
pub use headers::{HeaderError, HeaderTemplate};
pub use oauth2::OAuth2Client;
pub use signature::{SignatureHeaders, SigningKey, SigningKeyError, VerifyError, sign, verify};

/// The kind `webhook`.
pub struct Webhook {
    client: WebhookClient,
    vault: Vault,
    reach: Reach,
    timeout: Duration,
}

impl Webhook {
    /// The kind under these settings.
    ///
    /// # Errors
    /// The HTTP client cannot be built.
    pub fn new(settings: &KindSettings) -> Result<Self, reqwest::Error> {
        let KindSettings { vault, reach, timeout, .. } = settings.clone();
        let client = WebhookClient::new(reach, ClientOptions::default())?;
        Ok(Self { client, vault, reach, timeout })
    }

    /// The client to send with: one of its own if there is a certificate to present.
    fn client(&self, scope: &Scope, certificate: Option<&StoredCertificate>) -> Result<WebhookClient, PrepareError> {
        let Some(certificate) = certificate else { return Ok(self.client.clone()) };
        let identity = certificate.identity(&self.vault, scope)?;
        self.client
            .with_identity(ClientOptions::default(), identity)
            .map_err(|error| unusable("client certificate", error))
    }
}

fn unusable(what: &str, error: impl fmt::Display) -> PrepareError {
    PrepareError::Unusable(format!("{what}: {error}"))
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
        parse::<Written>(written)?.accept(&self.vault, scope, self.reach, kept).await
    }

    fn origins(&self, parameters: &Parameters, pointer: &str) -> Origins {
        parameters.origins(pointer)
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
            .map_err(|error| unusable("header", error))?;
        let client = self.client(scope, parameters.client_certificate.as_ref())?;
        let tokens = parameters.oauth2.as_ref().map(|oauth2| oauth2.tokens(client.clone(), &self.vault, scope));
        Ok(Arc::new(Receiver {
            client,
            tokens: tokens.transpose()?,
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
    tokens: Option<AccessTokens>,
    label: String,
    url: Url,
    headers: HeaderTemplate,
    signing: SigningKeys,
    timeout: Duration,
    max_per_second: Option<u32>,
}

impl Receiver {
    async fn post(&self, headers: HeaderMap, body: Bytes) -> Attempt {
        match &self.tokens {
            Some(tokens) => self.post_with_token(tokens, headers, body).await,
            None => self.client.post(&self.url, headers, body, self.timeout).await,
        }
    }

    /// Posts with an access token. One that the target does not accept is fetched anew, once: it may have been revoked
    /// before it expired.
    async fn post_with_token(&self, tokens: &AccessTokens, mut headers: HeaderMap, body: Bytes) -> Attempt {
        let started = Instant::now();
        let deadline = started + self.timeout;
        let mut refused = None;
        loop {
            let token = match tokens.get(refused.as_ref(), deadline).await {
                Ok(token) => token,
                Err(failure) => return failure.attempt(started.elapsed()),
            };
            headers.insert(AUTHORIZATION, token.authorization.clone());
            let left = deadline.saturating_duration_since(Instant::now());
            let attempt = self.client.post(&self.url, headers.clone(), body.clone(), left).await;
            if attempt.status != Some(401) || refused.is_some() {
                return Attempt { duration: started.elapsed(), ..attempt };
            }
            refused = Some(token);
        }
    }
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
            Ok(headers) => self.post(headers, parcel.body).await,
            // No later attempt can do better.
            Err(_) => Attempt {
                verdict: Verdict::Rejected,
                ..Attempt::failed("the id does not fit a header", Duration::ZERO)
            },
        }
    }
}
