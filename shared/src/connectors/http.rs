//! Requests to the HTTP API of a system: with its credentials, within bounds, and with errors that tell no secret.

mod secrets;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::Request;
use tokio::time::Instant;
use url::Url;
use zeroize::Zeroizing;

use super::ConnectorError;
use crate::domain::pipeline::system::is_path;
use crate::outbound::{
    AccessToken, AccessTokens, TOO_LARGE, TokenFailure, WebhookClient, clean, is_forbidden, of_status, read_whole,
    retry_after_of,
};
use secrets::Secrets;

/// The most bytes of a response.
pub(super) const MAX_RESPONSE: usize = 32 * 1024 * 1024;
/// The most bytes of a response that an error shows.
const MAX_EXCERPT: usize = 300;

/// How requests are authenticated.
pub(super) enum Credentials {
    None,
    Header(HeaderName, Zeroizing<String>),
    Query(Vec<(String, Zeroizing<String>)>),
    Basic(String, Zeroizing<String>),
    Tokens(Box<AccessTokens>),
}

/// The HTTP API of a system.
pub(super) struct HttpApi {
    client: WebhookClient,
    timeout: Duration,
    base: Url,
    headers: HeaderMap,
    /// Parameters that authenticate.
    query: Vec<(String, Zeroizing<String>)>,
    tokens: Option<AccessTokens>,
    secrets: Secrets,
}

/// A response.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// The request, without its query.
    label: String,
}

impl Reply {
    /// Its content type, without parameters; empty if it has none.
    pub(super) fn content_type(&self) -> &str {
        let text = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        text.split(';').next().unwrap_or_default().trim()
    }
}

impl HttpApi {
    /// An API below `base`, with these headers in each request.
    pub(super) fn new(
        client: WebhookClient,
        timeout: Duration,
        base: &str,
        headers: impl IntoIterator<Item = (String, String)>,
        credentials: Credentials,
    ) -> Result<Self, ConnectorError> {
        let base = Url::parse(base).map_err(|_| ConnectorError::Permanent("the URL cannot be read".to_owned()))?;
        let mut api = Self {
            client,
            timeout,
            base,
            headers: HeaderMap::new(),
            query: Vec::new(),
            tokens: None,
            secrets: Secrets::default(),
        };
        api.add_headers(headers)?;
        api.authenticate(credentials)?;
        Ok(api)
    }

    /// Adds headers to each request.
    pub(super) fn add_headers(
        &mut self,
        headers: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), ConnectorError> {
        for (name, value) in headers {
            let name = HeaderName::try_from(name).map_err(|_| unusable("a header"))?;
            // What authenticates stays.
            if self.headers.get(&name).is_some_and(HeaderValue::is_sensitive) {
                continue;
            }
            self.headers.insert(name, HeaderValue::try_from(value).map_err(|_| unusable("a header"))?);
        }
        Ok(())
    }

    fn authenticate(&mut self, credentials: Credentials) -> Result<(), ConnectorError> {
        match credentials {
            Credentials::None => {}
            Credentials::Header(name, text) => {
                self.insert_secret(name, &text)?;
                self.secrets.add(text.strip_prefix("Bearer ").unwrap_or(&text));
            }
            Credentials::Query(parameters) => {
                for (_, text) in &parameters {
                    self.secrets.add(text);
                }
                self.query = parameters;
            }
            Credentials::Basic(user, password) => {
                let pair = Zeroizing::new(BASE64.encode(format!("{user}:{}", *password)));
                self.insert_secret(AUTHORIZATION, &Zeroizing::new(format!("Basic {}", *pair)))?;
                self.secrets.add(&pair);
                self.secrets.add(&password);
            }
            Credentials::Tokens(tokens) => self.tokens = Some(*tokens),
        }
        Ok(())
    }

    fn insert_secret(&mut self, name: HeaderName, text: &str) -> Result<(), ConnectorError> {
        let mut value = HeaderValue::from_str(text).map_err(|_| unusable("a credential"))?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(())
    }

    /// More that no error may tell.
    pub(super) fn hide(&mut self, secret: &str) {
        self.secrets.add(secret);
    }

    /// The URL of a path below the base, with parameters.
    pub(super) fn url<'q>(
        &self,
        path: &str,
        query: impl IntoIterator<Item = (&'q str, &'q str)>,
    ) -> Result<Url, ConnectorError> {
        let base = self.base.as_str().trim_end_matches('/');
        let unreadable = || ConnectorError::Permanent(format!("{path} is no path"));
        let mut url = Url::parse(&format!("{base}{path}")).map_err(|_| unreadable())?;
        let is_below = path.is_empty() || is_path(path);
        if !is_below || url.origin() != self.base.origin() {
            return Err(unreadable());
        }
        for (name, value) in query {
            url.query_pairs_mut().append_pair(name, value);
        }
        Ok(url)
    }

    /// A URL as a source gave it: it must have the scheme, the host and the port of the API.
    pub(super) fn follow(&self, from: &Url, link: &str) -> Result<Url, ConnectorError> {
        let refused = |why: &str| ConnectorError::Permanent(format!("the link to the next page {why}"));
        let url = from.join(link).map_err(|_| refused("is no URL"))?;
        if url.origin() != self.base.origin() || !url.username().is_empty() || url.password().is_some() {
            return Err(refused("leads to another host"));
        }
        Ok(self.without_credentials(url))
    }

    /// A URL without the parameters that authenticate: they are added again when it is sent.
    fn without_credentials(&self, mut url: Url) -> Url {
        let is_own = |name: &str| self.query.iter().any(|(own, _)| own == name);
        if !self.query.is_empty() && url.query_pairs().any(|(name, _)| is_own(&name)) {
            let kept: Vec<_> = url.query_pairs().filter(|(name, _)| !is_own(name)).map(pair).collect();
            url.query_pairs_mut().clear().extend_pairs(kept);
        }
        url
    }

    /// Sends a request without a body.
    pub(super) async fn get(&self, url: Url) -> Result<Reply, ConnectorError> {
        self.send(Method::GET, url, None).await
    }

    /// Sends a request; gives the response whatever its status.
    pub(super) async fn send(&self, method: Method, url: Url, body: Option<Bytes>) -> Result<Reply, ConnectorError> {
        let deadline = Instant::now() + self.timeout;
        let label = label(&method, &url);
        let Some(tokens) = &self.tokens else { return self.once(method, url, body, None, deadline).await };
        let mut refused: Option<AccessToken> = None;
        loop {
            let token = tokens.get(refused.as_ref(), deadline).await;
            let token = token.map_err(|failure| of_token(&label, failure))?;
            let sent = self.once(method.clone(), url.clone(), body.clone(), Some(&token), deadline).await?;
            // A token may have been revoked before it expired: another one is fetched, once.
            if sent.status != StatusCode::UNAUTHORIZED || refused.is_some() {
                return Ok(sent);
            }
            refused = Some(token);
        }
    }

    async fn once(
        &self,
        method: Method,
        mut url: Url,
        body: Option<Bytes>,
        token: Option<&AccessToken>,
        deadline: Instant,
    ) -> Result<Reply, ConnectorError> {
        let label = label(&method, &url);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(self.query.iter().map(|(name, text)| (name.as_str(), text.as_str())));
        }
        let mut request = Request::new(method, url);
        request.headers_mut().clone_from(&self.headers);
        if let Some(token) = token {
            self.secrets.add_token(token.authorization.to_str().unwrap_or_default().trim_start_matches("Bearer "));
            request.headers_mut().insert(AUTHORIZATION, token.authorization.clone());
        }
        if let Some(body) = body {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.into());
        }
        let response = self.client.execute(request, deadline).await;
        let response = response.map_err(|phrase| of_phrase(&label, phrase))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_whole(response, MAX_RESPONSE, deadline).await;
        Ok(Reply { status, headers, body: body.map_err(|phrase| of_phrase(&label, phrase))?, label })
    }

    /// A response that is a success, or why it is none.
    pub(super) fn success(&self, reply: Reply) -> Result<Reply, ConnectorError> {
        if reply.status.is_success() { Ok(reply) } else { Err(self.failure(&reply)) }
    }

    /// What a response without success means.
    pub(super) fn failure(&self, reply: &Reply) -> ConnectorError {
        let (code, retry_after) = (reply.status.as_u16(), retry_after_of(&reply.headers));
        let status = of_status(reply.status);
        let reason = match self.excerpt(reply) {
            excerpt if excerpt.is_empty() => format!("{} failed: {status}", reply.label),
            excerpt => format!("{} failed: {status}: {excerpt}", reply.label),
        };
        match code {
            429 => ConnectorError::throttled(reason, retry_after),
            503 if retry_after.is_some() => ConnectorError::throttled(reason, retry_after),
            408 | 425 | 500..=599 => ConnectorError::Transient { reason, retry_after, throttled: false },
            300..=399 => ConnectorError::Permanent(format!("{} failed: redirect refused: {status}", reply.label)),
            _ => ConnectorError::Permanent(reason),
        }
    }

    /// A response that cannot be used, and why.
    pub(super) fn unusable(&self, reply: &Reply, why: &str) -> ConnectorError {
        ConnectorError::Permanent(format!("{} gave a response that cannot be used: {why}", reply.label))
    }

    /// The beginning of a response's text, without secrets. Pages for people are left out.
    fn excerpt(&self, reply: &Reply) -> String {
        if reply.content_type().eq_ignore_ascii_case("text/html") {
            return String::new();
        }
        self.hidden(&clean(&reply.body))
    }

    /// The beginning of a text, without secrets.
    pub(super) fn hidden(&self, text: &str) -> String {
        let text = self.secrets.hide(text.trim());
        let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= MAX_EXCERPT);
        end.map_or_else(|| text.clone(), |end| format!("{}…", &text[..end]))
    }
}

/// A query may be a secret.
fn label(method: &Method, url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    format!("{method} {url}")
}

fn pair((name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)) -> (String, String) {
    (name.into_owned(), value.into_owned())
}

fn of_phrase(label: &str, phrase: &'static str) -> ConnectorError {
    let reason = format!("{label} failed: {phrase}");
    let is_final = is_forbidden(phrase) || phrase == TOO_LARGE;
    if is_final { ConnectorError::Permanent(reason) } else { ConnectorError::transient(reason) }
}

fn of_token(label: &str, failure: TokenFailure) -> ConnectorError {
    let TokenFailure { reason, retry_after, is_refusal } = failure;
    let reason = format!("{label} was not sent: {reason}");
    if is_refusal {
        return ConnectorError::Permanent(reason);
    }
    ConnectorError::Transient { reason, retry_after, throttled: retry_after.is_some() }
}

fn unusable(what: &str) -> ConnectorError {
    ConnectorError::Permanent(format!("{what} cannot be sent: it has characters that do not fit"))
}

/// A text as a part of a path or of a query: only letters, digits and `-_.~` stay as they are.
pub(super) fn escape(text: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(byte.into()),
            // Writing into a string does not fail.
            other => drop(write!(escaped, "%{other:02X}")),
        }
    }
    escaped
}
