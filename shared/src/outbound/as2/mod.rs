//! The client that posts AS2 messages and receipts: HTTP/1.1 as old servers know it.

mod tls;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use reqwest::{Client, ClientBuilder, Identity, Request, Response};
use tokio::time::{Instant, timeout_at};
use url::Url;
use zeroize::Zeroizing;

use super::failure::{TIMEOUT, of_target};
use super::reach::Reach;
use super::retry_after;
use super::webhook::{ClientOptions, WebhookClient, of_request, read_whole};

pub use tls::TlsTerms;

/// The most bytes of a receipt: it repeats no document.
const MAX_RECEIPT_BYTES: usize = 1024 * 1024;

const BAD_CERTIFICATE: &str = "a certificate for TLS cannot be used";

/// A message as it goes over HTTP.
#[derive(Clone, PartialEq, Eq)]
pub struct Posting {
    /// Where to.
    pub url: Url,
    /// The headers of the message.
    pub headers: Vec<(String, String)>,
    /// `Authorization`, if the partner's server asks for it.
    pub authorization: Option<String>,
    /// How the server is believed, and we are by it.
    pub tls: TlsTerms,
    /// The body.
    pub body: Bytes,
}

/// A response to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// How long it asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// Posts messages and receipts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct As2Client {
    /// For servers that need nothing unusual. It is made when the first message is posted: most functions post none.
    usual: Arc<OnceLock<Client>>,
    reach: Reach,
}

impl As2Client {
    /// A client that reaches just this. It keeps no connections: messages are few, and partners many.
    #[must_use]
    pub fn new(reach: Reach) -> Self {
        Self { usual: Arc::default(), reach }
    }

    /// The client for a partner's server.
    fn of(&self, tls: &TlsTerms) -> Result<Client, &'static str> {
        if tls.is_usual() {
            return match self.usual.get() {
                Some(usual) => Ok(usual.clone()),
                None => {
                    let usual = builder(self.reach).build().map_err(|_| "the HTTP client cannot be built")?;
                    Ok(self.usual.get_or_init(|| usual).clone())
                }
            };
        }
        let builder = match &tls.own {
            Some((certificate, key)) if tls.pinned.is_empty() => {
                let both = Zeroizing::new(format!("{}\n{certificate}", **key));
                builder(self.reach).identity(Identity::from_pem(both.as_bytes()).map_err(|_| BAD_CERTIFICATE)?)
            }
            _ => builder(self.reach).tls_backend_preconfigured(tls.config().map_err(|_| BAD_CERTIFICATE)?),
        };
        builder.build().map_err(|_| BAD_CERTIFICATE)
    }

    /// Posts a message, and reads the response to its end. The error is a constant phrase.
    ///
    /// # Errors
    /// No response.
    pub async fn post(&self, posting: Posting, deadline: Instant) -> Result<Answer, &'static str> {
        let Posting { url, headers, authorization, tls, body } = posting;
        let client = self.of(&tls)?;
        let mut request = Request::new(Method::POST, url);
        *request.headers_mut() = header_map(headers, authorization).ok_or("a header that HTTP cannot carry")?;
        *request.body_mut() = Some(Bytes::into(body));
        let response = async {
            self.reach.check(request.url()).await.map_err(of_target)?;
            client.execute(request).await.map_err(|error| of_request(&error))
        };
        answer(timeout_at(deadline, response).await.unwrap_or(Err(TIMEOUT))?, deadline).await
    }
}

fn builder(reach: Reach) -> ClientBuilder {
    let builder = WebhookClient::builder(reach, ClientOptions::default()).pool_max_idle_per_host(0);
    // Some servers look for headers by the case that standards write them in, and fold long ones in responses.
    builder.http1_title_case_headers().http1_allow_obsolete_multiline_headers_in_responses(true)
}

async fn answer(response: Response, deadline: Instant) -> Result<Answer, &'static str> {
    let (status, retry_after): (StatusCode, _) = (response.status(), retry_after::of_headers(response.headers()));
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers = response.headers().iter().map(text).collect();
    let body = read_whole(response, MAX_RECEIPT_BYTES, deadline).await?;
    Ok(Answer { status, headers, body, retry_after })
}

fn header_map(headers: Vec<(String, String)>, authorization: Option<String>) -> Option<HeaderMap> {
    let mut map = HeaderMap::with_capacity(headers.len() + 1);
    for (name, value) in headers {
        map.append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(&value).ok()?);
    }
    if let Some(authorization) = authorization {
        let mut value = HeaderValue::from_str(&authorization).ok()?;
        value.set_sensitive(true);
        map.insert(AUTHORIZATION, value);
    }
    Some(map)
}
