//! `Idempotency-Key`: a repeated POST gets the first answer again, and does nothing a second time.
//!
//! Only an answer that did something (2xx) is remembered. Any other changed nothing: the key is free again, and a
//! mistake can be put right under the same key. A request that died on its way holds its key for
//! [`HELD`](sluice::store::idempotency::HELD), no longer. Publishing goes further: a repetition of a request that died,
//! or failed halfway, finds its events by the key ([`Keyed`]), and so does handing in a document.
//!
//! The body is never held for this: its digest is taken as the endpoint reads it, and again as a repetition arrives.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{OriginalUri, Request};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sluice::app::App;
use sluice::domain::chunk;
use sluice::domain::scope::Scope;
use sluice::domain::sealed::Sealed;
use sluice::ports::Ports;
use sluice::secrets::Keyring;
use sluice::store::StoreError;
use sluice::store::idempotency::{BodyPrint, Entry, Fingerprint, IdempotencyRecords, KeptResponse, Reservation};
use sluice::store::requests::RequestKey;
use tracing::Instrument as _;

use super::auth::Caller;
use super::body::READ_TIMEOUT;
use super::problem::Problem;

/// The request's header.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is a first one given again.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const MAX_KEY_LENGTH: usize = 255;
/// The largest answer that is read back.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// The key of a request, if it has one.
///
/// # Errors
/// 400 where it is none: not 1 to 255 printable ASCII characters, or sent twice.
pub fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (first, second) = (values.next(), values.next());
    let Some(first) = first else { return Ok(None) };
    // `to_str` lets visible ASCII, spaces and tabs through.
    let text = first.to_str().ok().filter(|text| (1..=MAX_KEY_LENGTH).contains(&text.len()) && !text.contains('\t'));
    let text = text.filter(|_| second.is_none()).ok_or_else(|| {
        Problem::bad_request("invalid_idempotency_key", "An Idempotency-Key has 1 to 255 printable ASCII characters.")
    })?;
    Ok(Some(text.to_owned()))
}

/// A first answer as it is stored, compressed and sealed.
#[derive(Serialize, Deserialize)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// The key of a request that is carried out, for endpoints whose effects are to be found by it.
#[derive(Clone)]
pub(crate) struct Keyed {
    key: String,
    print: SharedPrint,
}

impl Keyed {
    /// What a repetition has too; `None` before the body was read.
    pub(crate) fn request(&self) -> Option<RequestKey> {
        let body = self.print.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(RequestKey { key: self.key.clone(), body })
    }
}

/// One key of one caller.
pub struct Once {
    answers: IdempotencyRecords,
    keys: Keyring,
    ports: Ports,
    scope: Scope,
    key: String,
}

impl Once {
    /// The request that the caller's key stands for. Another client or key of the same tenant has keys of its own, and
    /// so have the same client's tokens of another scope: what a first answer holds, they may not be allowed to see.
    #[must_use]
    pub fn new(app: &App, caller: Caller, key: &str) -> Self {
        let Caller { scope, actor, permissions, .. } = caller;
        let key = digest(&[actor.as_bytes(), permissions.to_string().as_bytes(), key.as_bytes()]);
        Self { answers: app.stores.answers.clone(), keys: app.keys.clone(), ports: app.ports.clone(), scope, key }
    }

    /// Carries the request out if it is the first with its key, else gives the first answer again.
    ///
    /// # Errors
    /// 422 `idempotency_key_reused`, 409 `request_in_progress`.
    pub async fn run<F>(self, request: Request, carry_out: impl FnOnce(Request) -> F) -> Result<Response, Problem>
    where
        F: Future<Output = Response> + Send + 'static,
    {
        let fingerprint = fingerprint(&request);
        match self.answers.reserve(&self.scope, &self.key, fingerprint, self.ports.now()).await? {
            Entry::Reused => Err(reused()),
            Entry::Running => Err(running()),
            Entry::Answered(kept) => self.repeat(kept, request).await,
            Entry::Reserved(holder) => {
                let print = SharedPrint::default();
                let watched = Arc::clone(&print);
                let mut request =
                    request.map(|body| Body::new(Watched { body, meter: Meter::default(), print: watched }));
                request.extensions_mut().insert(Keyed { key: self.key.clone(), print: Arc::clone(&print) });
                let first = carry_out(request);
                // A task of its own: a client that hangs up and comes back wants this answer.
                let task = async move { self.settle(holder, first.await, &print).await };
                tokio::spawn(task.in_current_span()).await.map_err(|error| Problem::internal(&error))
            }
        }
    }

    /// Keeps the first answer, or frees the key.
    async fn settle(&self, holder: Reservation, response: Response, print: &SharedPrint) -> Response {
        let (settled, response) = if response.status().is_success() {
            self.keep(holder, response, print).await
        } else {
            (self.answers.release(holder).await, response)
        };
        match settled {
            // The claim was taken over: that answer counts.
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(error) => tracing::error!(%error, "the claim on an idempotency key stays until it expires"),
        }
        response
    }

    async fn keep(
        &self,
        holder: Reservation,
        response: Response,
        print: &SharedPrint,
    ) -> (Result<(), StoreError>, Response) {
        let (parts, body) = response.into_parts();
        let Ok(bytes) = to_bytes(body, usize::MAX).await else {
            let message = StoreError::Malformed("an answer that cannot be read".to_owned());
            return (Err(message), Problem::internal(&"an answer that cannot be read").into_response());
        };
        let text =
            |(name, value): (&HeaderName, &HeaderValue)| Some((name.to_string(), value.to_str().ok()?.to_owned()));
        let answer = Answer {
            status: parts.status.as_u16(),
            headers: parts
                .headers
                .iter()
                .filter(|(name, _)| *name != header::CONTENT_LENGTH)
                .filter_map(text)
                .collect(),
            body: String::from_utf8_lossy(&bytes).into_owned(),
        };
        let body = print.lock().unwrap_or_else(PoisonError::into_inner).take();
        let kept = match self.seal(&answer) {
            Ok(answer) => Ok(KeptResponse { body, answer: Some(answer) }),
            Err(error) => Err(StoreError::Malformed(error)),
        };
        let settled = match kept {
            Ok(kept) => self.answers.keep(holder, kept, self.ports.now()).await,
            Err(error) => Err(error),
        };
        (settled, Response::from_parts(parts, Body::from(bytes)))
    }

    fn seal(&self, answer: &Answer) -> Result<Sealed, String> {
        let text = serde_json::to_vec(answer).map_err(|error| error.to_string())?;
        let packed = chunk::compress(&text).map_err(|error| error.to_string())?;
        self.keys.seal(&self.scope, packed, &self.ports).map_err(|error| error.to_string())
    }

    fn open(&self, sealed: &Sealed) -> Result<Answer, String> {
        let packed = self.keys.open_bytes(&self.scope, sealed).map_err(|error| error.to_string())?;
        let text = chunk::decompress(&packed, MAX_ANSWER_BYTES).map_err(|error| error.to_string())?;
        serde_json::from_slice(&text).map_err(|error| error.to_string())
    }

    /// The first answer, if this is the same request.
    async fn repeat(&self, kept: KeptResponse, request: Request) -> Result<Response, Problem> {
        if let Some(first) = kept.body
            && !same_body(&first, request.into_body()).await?
        {
            return Err(reused());
        }
        let Some(sealed) = kept.answer else { return Err(too_large()) };
        let answer = self.open(&sealed).map_err(|error| Problem::internal(&error))?;
        let mut response = Response::new(Body::from(answer.body));
        *response.status_mut() = StatusCode::from_u16(answer.status).map_err(|error| Problem::internal(&error))?;
        for (name, value) in &answer.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                response.headers_mut().append(name, value);
            }
        }
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }
}

/// 422: the key stands for another request.
pub(crate) fn reused() -> Problem {
    let message = "This Idempotency-Key was used for another request.";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", message)
}

fn running() -> Problem {
    let message = "The first request with this Idempotency-Key is still in progress.";
    Problem::new(StatusCode::CONFLICT, "request_in_progress", message)
        .header(header::RETRY_AFTER, HeaderValue::from_static("1"))
}

fn too_large() -> Problem {
    let message = "The first request with this Idempotency-Key succeeded; its response was too large to keep.";
    Problem::new(StatusCode::CONFLICT, "answer_not_kept", message)
}

/// The parts of a request, beside its body, that must be the same in a repetition.
fn fingerprint(request: &Request) -> Fingerprint {
    let uri = request.extensions().get::<OriginalUri>().map_or(request.uri(), |uri| &uri.0);
    let query = uri.query().unwrap_or_default();
    digest(&[request.method().as_str().as_bytes(), uri.path().as_bytes(), query.as_bytes()])
}

/// A digest of several parts, which cannot run into each other.
fn digest(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hex::encode(hasher.finalize())
}

/// Whether a body is the one that was answered; reads no more of it than the first had.
async fn same_body(first: &BodyPrint, mut body: Body) -> Result<bool, Problem> {
    let incomplete = || Problem::bad_request("incomplete_body", "The body ended before it was complete.");
    let mut meter = Meter::default();
    let reading = async {
        while let Some(frame) = body.frame().await {
            if let Some(data) = frame.map_err(|_| incomplete())?.data_ref() {
                meter.add(data);
            }
            if meter.length > first.length {
                break;
            }
        }
        Ok(meter.print() == *first)
    };
    tokio::time::timeout(READ_TIMEOUT, reading).await.unwrap_or_else(|_| Err(incomplete()))
}

#[derive(Default)]
struct Meter {
    hasher: Sha256,
    length: u64,
}

impl Meter {
    fn add(&mut self, data: &[u8]) {
        self.hasher.update(data);
        self.length += data.len() as u64;
    }

    fn print(&self) -> BodyPrint {
        BodyPrint { sha256: hex::encode(self.hasher.clone().finalize()), length: self.length }
    }
}

/// A body, read to its end.
type SharedPrint = Arc<Mutex<Option<BodyPrint>>>;

/// A body whose digest is taken as it is read.
struct Watched {
    body: Body,
    meter: Meter,
    print: SharedPrint,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    self.meter.add(data);
                }
            }
            Poll::Ready(None) => {
                let print = self.meter.print();
                *self.print.lock().unwrap_or_else(PoisonError::into_inner) = Some(print);
            }
            _ => {}
        }
        polled
    }

    // It says nothing of its end: a reader must come to it, or the digest is not known.

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&[u8]]) -> Result<Option<String>, Problem> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).expect("a header value"));
        }
        key(&headers)
    }

    #[test]
    fn keys_are_short_printable_and_single() {
        assert_eq!(of(&[]).expect("none"), None);
        assert_eq!(of(&[b"a b-1"]).expect("one").as_deref(), Some("a b-1"));
        assert!(of(&[&[b'k'; 255]]).is_ok());
        let long = [b'k'; 256];
        for bad in [&[&b""[..]][..], &[&long[..]], &["ключ".as_bytes()], &[b"a\tb"], &[b"a", b"a"]] {
            let problem = of(bad).expect_err("no key");
            assert_eq!((problem.status, problem.code), (StatusCode::BAD_REQUEST, "invalid_idempotency_key"));
        }
    }

    #[test]
    fn parts_of_a_digest_do_not_run_into_each_other() {
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
    }

    #[tokio::test]
    async fn a_body_is_told_by_its_bytes_alone() {
        let mut meter = Meter::default();
        meter.add(b"one body");
        let first = meter.print();
        assert!(same_body(&first, Body::from("one body")).await.expect("read"));
        for other in ["", "one bodY", "one body ", "one bod"] {
            assert!(!same_body(&first, Body::from(other)).await.expect("read"), "{other}");
        }
    }
}
