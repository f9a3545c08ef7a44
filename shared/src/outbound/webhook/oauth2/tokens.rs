//! The access tokens of one destination: fetched when there is something to send, and kept until shortly before they
//! expire.
//!
//! One fetch is under way at a time, and all that wait for it share its result, a failure too: a token endpoint that is
//! down gets one request at a time, however much there is to send.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};
use zeroize::Zeroizing;

use super::StoredClient;
use super::token_response::read_token;
use crate::domain::attempt::{Attempt, Verdict};
use crate::domain::time::Millis;
use crate::outbound::failure::{TIMEOUT, is_forbidden};
use crate::outbound::retry_after;
use crate::outbound::webhook::client::WebhookClient;
use crate::outbound::webhook::response::read_whole;
use crate::ports::Ports;

/// The most that is read of a token endpoint's response.
const MAX_RESPONSE: usize = 64 * 1024;
/// How long before its end a token is fetched anew; a tenth of its lifetime if that is less.
const MARGIN: Duration = Duration::from_secs(30);

/// The access tokens of one destination.
pub(crate) struct AccessTokens {
    client: WebhookClient,
    ports: Ports,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
    fetches: Mutex<Fetches>,
}

/// What came of the fetches so far.
#[derive(Default)]
struct Fetches {
    /// How many gave a token.
    tokens: u64,
    /// The last one: when it ended, and how.
    last: Option<(Instant, Result<AccessToken, TokenFailure>)>,
}

/// A token to send with a request.
#[derive(Clone, Debug)]
pub(crate) struct AccessToken {
    /// The value of `Authorization`.
    pub(crate) authorization: HeaderValue,
    /// Counts the tokens of the destination.
    number: u64,
    renew_at: Millis,
}

/// Why there is no token, in words fit for the route's log.
#[derive(Clone, Debug)]
pub(crate) struct TokenFailure {
    /// The reason, without secrets.
    pub(crate) reason: Cow<'static, str>,
    /// When the token endpoint wants to be asked again.
    pub(crate) retry_after: Option<Duration>,
    /// Whether the token endpoint does not accept the client, or may not be reached.
    pub(crate) is_refusal: bool,
}

impl TokenFailure {
    fn of(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: reason.into(), retry_after: None, is_refusal: false }
    }

    fn of_request(phrase: &'static str) -> Self {
        let failure = Self::of(format!("the request to the token endpoint failed: {phrase}"));
        Self { is_refusal: is_forbidden(phrase), ..failure }
    }

    /// An attempt that failed for want of a token.
    pub(crate) fn attempt(self, duration: Duration) -> Attempt {
        let verdict = Verdict::Failed { retry_after: self.retry_after };
        Attempt { verdict, ..Attempt::failed(self.reason, duration) }
    }
}

impl AccessTokens {
    /// The tokens of a client whose secret is open.
    pub(super) fn new<S>(client: WebhookClient, ports: Ports, stored: &StoredClient<S>, client_secret: &str) -> Self {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        let optional = [("scope", &stored.scope), ("audience", &stored.audience)];
        form.extend_pairs(optional.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))));
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.extend(basic(&stored.client_id, client_secret).map(|value| (AUTHORIZATION, value)));
        let (url, body) = (stored.token_url.clone(), form.finish().into());
        Self { client, ports, url, headers, body, fetches: Mutex::default() }
    }

    /// A token that is good for now, and another one than `refused`, which the target did not accept.
    pub(crate) async fn get(
        &self,
        refused: Option<&AccessToken>,
        deadline: Instant,
    ) -> Result<AccessToken, TokenFailure> {
        let asked_at = Instant::now();
        let locked = timeout_at(deadline, self.fetches.lock()).await;
        let mut fetches = locked.map_err(|_elapsed| TokenFailure::of_request(TIMEOUT))?;
        let refused = refused.map_or(0, |token| token.number);
        match &fetches.last {
            // It came while this call was waiting for it.
            Some((at, Err(failure))) if *at >= asked_at => return Err(failure.clone()),
            Some((at, Ok(token)))
                if token.number > refused && (*at >= asked_at || self.ports.now() < token.renew_at) =>
            {
                return Ok(token.clone());
            }
            _ => {}
        }
        let fetched = self.fetch(fetches.tokens + 1, deadline).await;
        fetches.tokens += u64::from(fetched.is_ok());
        fetches.last = Some((Instant::now(), fetched.clone()));
        fetched
    }

    async fn fetch(&self, number: u64, deadline: Instant) -> Result<AccessToken, TokenFailure> {
        let fetched_at = self.ports.now();
        let sent = self.client.send(&self.url, self.headers.clone(), self.body.clone(), deadline).await;
        let response = sent.map_err(TokenFailure::of_request)?;
        let status = response.status();
        if !status.is_success() {
            let reason = format!("the token endpoint responded with HTTP status code {}", status.as_u16());
            return Err(TokenFailure {
                reason: reason.into(),
                retry_after: retry_after::of_headers(response.headers()),
                // RFC 6749, section 5.2.
                is_refusal: matches!(status.as_u16(), 400 | 401 | 403),
            });
        }
        let body = read_whole(response, MAX_RESPONSE, deadline).await;
        let body = body.map(Zeroizing::new).map_err(TokenFailure::of_request)?;
        let issued = read_token(&body).map_err(TokenFailure::of)?;
        let renew_at = fetched_at.plus(issued.lifetime - MARGIN.min(issued.lifetime / 10));
        Ok(AccessToken { authorization: issued.authorization, number, renew_at })
    }
}

/// HTTP Basic authentication of a client: both parts are form-encoded first (RFC 6749, section 2.3.1).
fn basic(client_id: &str, client_secret: &str) -> Option<HeaderValue> {
    let encode = |text: &str| Zeroizing::new(byte_serialize(text.as_bytes()).collect::<String>());
    let pair = Zeroizing::new(format!("{}:{}", *encode(client_id), *encode(client_secret)));
    let text = Zeroizing::new(format!("Basic {}", BASE64.encode(pair.as_bytes())));
    // Base64 always fits into a header.
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests;
