//! The client that posts webhooks: one attempt in, one verdict out, never an error.
//!
//! It follows no redirect and no proxy setting (both would carry a request past the address check),
//! and it bounds what a hostile target can cost: time by one deadline for the whole attempt, memory
//! by reading no more of a response than is kept.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderMap;
use http::{HeaderValue, Method, StatusCode};
use reqwest::{Client, ClientBuilder, Identity, Request, Response};
use tokio::time::{Instant, timeout_at};
use url::{Position, Url};

use super::failure::of_request;
use super::kept::{Kept, Place};
use super::response::read_excerpt;
use crate::domain::attempt::{Attempt, Verdict};
use crate::outbound::failure::{TIMEOUT, of_status, of_target};
use crate::outbound::reach::Reach;
use crate::outbound::resolver::SafeResolver;
use crate::outbound::retry_after;

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("Sluice/", env!("CARGO_PKG_VERSION")));

/// The numbers of a [`WebhookClient`].
#[derive(Debug, Clone, Copy)]
pub struct ClientOptions {
    /// How long a connection may take to be made, name lookup and TLS included.
    pub connect_timeout: Duration,
    /// How many connections are kept for further requests, to all hosts together. What is under way above that is
    /// connected anew each time.
    pub max_kept: usize,
    /// How long an idle connection is kept.
    pub pool_idle_timeout: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            // As many requests as the workers of one process have under way: 16 messages with 32 each.
            max_kept: 512,
            // Below the 60 s after which most servers and load balancers hang up themselves.
            pool_idle_timeout: Duration::from_secs(30),
        }
    }
}

/// Posts webhooks. Cheap to clone; all clones share one pool of connections.
#[derive(Debug, Clone)]
pub struct WebhookClient {
    client: Client,
    /// The same without a pool.
    once: Client,
    kept: Kept,
    /// Before the names of hosts in `kept`: a client with a certificate has connections of its own.
    own: String,
    reach: Reach,
}

impl WebhookClient {
    /// A client that reaches just this.
    pub fn new(reach: impl Into<Reach>, options: ClientOptions) -> Result<Self, reqwest::Error> {
        let (reach, kept) = (reach.into(), Kept::new(options.max_kept, options.pool_idle_timeout));
        let build = |most| Self::builder(reach, options).pool_max_idle_per_host(most).build();
        Ok(Self { client: build(options.max_kept)?, once: build(0)?, kept, own: String::new(), reach })
    }

    /// The same with a certificate for servers that ask for one. It shares no connections with any other client, but
    /// all count together.
    pub(super) fn with_identity(&self, options: ClientOptions, identity: Identity) -> Result<Self, reqwest::Error> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let build = |most| {
            let builder = Self::builder(self.reach, options).identity(identity.clone());
            builder.pool_max_idle_per_host(most).build()
        };
        let (client, once) = (build(options.max_kept)?, build(0)?);
        let own = format!("{} ", NUMBER.fetch_add(1, Ordering::Relaxed));
        Ok(Self { client, once, own, ..self.clone() })
    }

    pub(in crate::outbound) fn builder(reach: Reach, options: ClientOptions) -> ClientBuilder {
        Client::builder()
            .dns_resolver(Arc::new(SafeResolver::new(reach.policy)))
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
        match self.open(post_of(url, headers, body), deadline).await {
            // Its connection is not free before the whole response has been read.
            Ok((response, _place)) => conclude(response, started, deadline).await,
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
        self.execute(post_of(url, headers, body), deadline).await
    }

    /// Sends one request; gives the response once its head has come. The error is a constant phrase.
    pub(crate) async fn execute(&self, request: Request, deadline: Instant) -> Result<Response, &'static str> {
        Ok(self.open(request, deadline).await?.0)
    }

    async fn open(&self, request: Request, deadline: Instant) -> Result<(Response, Option<Place>), &'static str> {
        let place = self.kept.place(&format!("{}{}", self.own, &request.url()[..Position::BeforePath]));
        let client = if place.is_some() { &self.client } else { &self.once };
        let response = async {
            // A literal address never reaches the resolver.
            self.reach.check(request.url()).await.map_err(of_target)?;
            client.execute(request).await.map_err(|error| of_request(&error))
        };
        match timeout_at(deadline, response).await.unwrap_or(Err(TIMEOUT)) {
            Ok(response) => Ok((response, place)),
            Err(reason) => {
                if let Some(place) = place {
                    place.close();
                }
                Err(reason)
            }
        }
    }
}

fn post_of(url: &Url, headers: HeaderMap, body: Bytes) -> Request {
    let mut request = Request::new(Method::POST, url.clone());
    *request.headers_mut() = headers;
    *request.body_mut() = Some(body.into());
    request
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
