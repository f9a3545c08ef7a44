//! The client that posts webhooks: one attempt in, one verdict out, never an error.
//!
//! It follows no redirect and no proxy setting (both would carry a request past the address check),
//! and it bounds what a hostile target can cost: time by one deadline for the whole attempt, memory
//! by reading no more of a response than is kept.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderMap;
use http::{HeaderValue, Method, StatusCode};
use reqwest::{Client, ClientBuilder, Identity, Request, Response};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::failure::of_request;
use super::response::read_excerpt;
use crate::domain::attempt::{Attempt, Verdict};
use crate::outbound::address::{TargetPolicy, check_target};
use crate::outbound::failure::{TIMEOUT, of_status, of_target};
use crate::outbound::resolver::SafeResolver;
use crate::outbound::retry_after;

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("Sluice/", env!("CARGO_PKG_VERSION")));

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
            // As many as one process has under way to one host: whatever is above is connected anew each time.
            pool_max_idle_per_host: 1_024,
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
        let client = Self::builder(policy, options).build()?;
        Ok(Self { client, policy })
    }

    /// The same with a certificate for servers that ask for one. It shares no connections with any other client.
    pub(super) fn with_identity(
        policy: TargetPolicy,
        options: ClientOptions,
        identity: Identity,
    ) -> Result<Self, reqwest::Error> {
        let client = Self::builder(policy, options).identity(identity).build()?;
        Ok(Self { client, policy })
    }

    fn builder(policy: TargetPolicy, options: ClientOptions) -> ClientBuilder {
        Client::builder()
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
    }

    /// Sends one webhook and reports what came of it.
    ///
    /// `timeout` bounds everything from the name lookup to the last byte read of the response. Once
    /// the status has arrived it decides: a body that drips or never ends is cut, and a 2xx counts.
    pub async fn post(&self, url: &Url, headers: HeaderMap, body: Bytes, timeout: Duration) -> Attempt {
        let started = Instant::now();
        let deadline = started + timeout;
        match self.send(url, headers, body, deadline).await {
            Ok(response) => conclude(response, started, deadline).await,
            Err(reason) => Attempt::failed(reason, started.elapsed()),
        }
    }

    /// Sends one POST; gives the response once its head has come. The error is a constant phrase.
    pub(super) async fn send(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
        deadline: Instant,
    ) -> Result<Response, &'static str> {
        let mut request = Request::new(Method::POST, url.clone());
        *request.headers_mut() = headers;
        *request.body_mut() = Some(body.into());
        self.execute(request, deadline).await
    }

    /// Sends one request; gives the response once its head has come. The error is a constant phrase.
    pub(crate) async fn execute(&self, request: Request, deadline: Instant) -> Result<Response, &'static str> {
        // A literal address never reaches the resolver.
        check_target(request.url(), self.policy).map_err(of_target)?;
        let response = timeout_at(deadline, self.client.execute(request)).await;
        response.map_err(|_elapsed| TIMEOUT)?.map_err(|error| of_request(&error))
    }
}

async fn conclude(response: Response, started: Instant, deadline: Instant) -> Attempt {
    let status = response.status();
    let verdict = verdict(status, response.headers());
    let excerpt = read_excerpt(response, deadline).await;
    Attempt { verdict, status: Some(status.as_u16()), reason: reason(status), excerpt, duration: started.elapsed() }
}

/// How the contract reads a response.
fn verdict(status: StatusCode, headers: &HeaderMap) -> Verdict {
    match status {
        StatusCode::BAD_REQUEST => Verdict::Rejected,
        StatusCode::GONE => Verdict::Gone,
        status if status.is_success() => Verdict::Delivered,
        _ => Verdict::Failed { retry_after: retry_after::of_headers(headers) },
    }
}

fn reason(status: StatusCode) -> Cow<'static, str> {
    if status.is_success() {
        Cow::Borrowed("")
    } else if status.is_redirection() {
        format!("redirect refused (HTTP status code {})", status.as_u16()).into()
    } else {
        of_status(status)
    }
}

#[cfg(test)]
mod tests;
