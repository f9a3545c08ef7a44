//! The client that posts webhooks: one attempt in, one verdict out, never an error.
//!
//! It follows no redirect and no proxy setting (both would carry a request past the address check),
//! and it bounds what a hostile target can cost: time by one deadline for the whole attempt, memory
//! by reading no more of an answer than is kept.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::HeaderMap;
use http::{HeaderValue, Method, StatusCode};
use reqwest::{Client, Request, Response};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::address::{TargetPolicy, check_target};
use super::resolver::SafeResolver;
use super::{answer, failure};

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("Sluice/", env!("CARGO_PKG_VERSION")));

/// What an attempt came to, as the contract reads the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptClass {
    /// 2xx: delivered.
    Delivered,
    /// 400: the target will never take this event; keep it among the rejected and go on.
    Rejected,
    /// 410: the target is gone; stop the route.
    Gone,
    /// Anything else, or no answer at all: try again later.
    Retry,
}

impl AttemptClass {
    fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::BAD_REQUEST => Self::Rejected,
            StatusCode::GONE => Self::Gone,
            status if status.is_success() => Self::Delivered,
            _ => Self::Retry,
        }
    }
}

/// One request and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The answer's status; none where there was no answer.
    pub status: Option<u16>,
    /// What the attempt came to.
    pub class: AttemptClass,
    /// How long the target asked to be left alone, at most a day.
    pub retry_after: Option<Duration>,
    /// The first 4 KiB of the answer as printable text.
    pub excerpt: String,
    /// A few stable words where there was no answer or a redirect. A constant, so it can hold
    /// neither a secret nor the query of a URL.
    pub error: Option<&'static str>,
    /// How long the attempt took, the reading of the answer included.
    pub duration: Duration,
}

impl Attempt {
    fn failed(error: &'static str, started: Instant) -> Self {
        Self {
            status: None,
            class: AttemptClass::Retry,
            retry_after: None,
            excerpt: String::new(),
            error: Some(error),
            duration: started.elapsed(),
        }
    }
}

/// The numbers of a [`WebhookClient`].
#[derive(Debug, Clone, Copy)]
pub struct ClientOptions {
    /// How long a connection may take to be made, name lookup and TLS included.
    pub connect_timeout: Duration,
    /// How many idle connections are kept to one host.
    pub pool_max_idle_per_host: usize,
    /// How long an idle connection is kept.
    pub pool_idle_timeout: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            pool_max_idle_per_host: 32,
            // Below the 60 s after which most servers and load balancers hang up themselves.
            pool_idle_timeout: Duration::from_secs(30),
        }
    }
}

/// Posts webhooks. Cheap to clone; all clones share one pool of connections.
#[derive(Debug, Clone)]
pub struct WebhookClient {
    client: Client,
    policy: TargetPolicy,
}

impl WebhookClient {
    /// A client that reaches what `policy` permits.
    pub fn new(policy: TargetPolicy, options: ClientOptions) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .dns_resolver(Arc::new(SafeResolver::new(policy)))
            .redirect(reqwest::redirect::Policy::none())
            // An attempt is one request: retries are the engine's. Zero also spares a clone of
            // every request.
            .retry(reqwest::retry::never().max_retries_per_request(0))
            .no_proxy()
            .referer(false)
            .tls_version_min(reqwest::tls::Version::TLS_1_2)
            .http1_only()
            .tcp_nodelay(true)
            .connect_timeout(options.connect_timeout)
            .pool_max_idle_per_host(options.pool_max_idle_per_host)
            .pool_idle_timeout(options.pool_idle_timeout)
            .user_agent(USER_AGENT)
            .build()?;
        Ok(Self { client, policy })
    }

    /// Sends one webhook and reports what came of it.
    ///
    /// `timeout` bounds everything from the name lookup to the last byte read of the answer. Once
    /// the status has come it decides: a body that drips or never ends is cut, and a 2xx counts.
    pub async fn post(&self, url: &Url, headers: HeaderMap, body: Bytes, timeout: Duration) -> Attempt {
        let started = Instant::now();
        // A literal address never reaches the resolver.
        if let Err(error) = check_target(url, self.policy) {
            return Attempt::failed(failure::of_target(error), started);
        }
        let mut request = Request::new(Method::POST, url.clone());
        *request.headers_mut() = headers;
        *request.body_mut() = Some(body.into());
        let deadline = started + timeout;
        match timeout_at(deadline, self.client.execute(request)).await {
            Err(_elapsed) => Attempt::failed(failure::TIMEOUT, started),
            Ok(Err(error)) => Attempt::failed(failure::of_request(&error), started),
            Ok(Ok(response)) => conclude(response, started, deadline).await,
        }
    }
}

async fn conclude(response: Response, started: Instant, deadline: Instant) -> Attempt {
    let status = response.status();
    let class = AttemptClass::of(status);
    let retry_after = match class {
        AttemptClass::Delivered => None,
        _ => answer::retry_after(response.headers(), SystemTime::now()),
    };
    let excerpt = answer::read_excerpt(response, deadline).await;
    Attempt {
        status: Some(status.as_u16()),
        class,
        retry_after,
        excerpt,
        error: status.is_redirection().then_some(failure::REDIRECT),
        duration: started.elapsed(),
    }
}

#[cfg(test)]
mod target;
#[cfg(test)]
mod tests;
