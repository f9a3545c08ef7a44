//! An HTTP server on loopback that answers in a manner, and remembers what came.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use reqwest::Url;
use serde_json::Value as Json;
use sluice_local::receiver::{Answer, Received, Receiver, status};

use super::fixture::Manner;

/// A running server.
pub(crate) struct Server {
    receiver: Receiver,
    requests: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// Starts one whose good answers `serve` gives.
    pub(crate) async fn start(
        manner: Manner,
        serve: impl Fn(&Received) -> Answer + Send + Sync + 'static,
    ) -> Result<Self> {
        let requests: Arc<Mutex<Vec<Received>>> = Arc::default();
        let (taking, serve) = (Arc::clone(&requests), Arc::new(serve));
        let receiver = Receiver::start(move |received| {
            let number = {
                let mut requests = taking.lock().unwrap_or_else(PoisonError::into_inner);
                requests.push(received.clone());
                requests.len()
            };
            let serve = Arc::clone(&serve);
            async move {
                match manner {
                    Manner::Hang => std::future::pending().await,
                    Manner::Throttle if number == 1 => {
                        with(echo(StatusCode::TOO_MANY_REQUESTS, &received), header::RETRY_AFTER, "7")
                    }
                    Manner::Fail => echo(StatusCode::INTERNAL_SERVER_ERROR, &received),
                    Manner::Refuse => echo(StatusCode::FORBIDDEN, &received),
                    Manner::Serve | Manner::Throttle => serve(&received),
                }
            }
        });
        Ok(Self { receiver: receiver.await?, requests })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.receiver.url(path)
    }

    /// Host and port.
    pub(crate) fn address(&self) -> String {
        self.url("").replace("http://", "")
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The queries of the requests, decoded.
    pub(crate) fn queries(&self) -> Vec<Vec<(String, String)>> {
        self.requests().iter().map(query).collect()
    }
}

/// The parameters of a request.
pub(crate) fn query(received: &Received) -> Vec<(String, String)> {
    let url = Url::parse("http://test").and_then(|base| base.join(&received.path));
    url.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default()
}

/// One parameter; empty if it is missing.
pub(crate) fn parameter(received: &Received, name: &str) -> String {
    query(received).into_iter().find(|(known, _)| known == name).map(|(_, value)| value).unwrap_or_default()
}

/// The path without the query.
pub(crate) fn path(received: &Received) -> &str {
    received.path.split('?').next().unwrap_or_default()
}

/// JSON with a status.
pub(crate) fn json(code: StatusCode, body: &Json) -> Answer {
    text(code, "application/json; charset=utf-8", &body.to_string())
}

/// Any content.
pub(crate) fn text(code: StatusCode, content_type: &'static str, body: &str) -> Answer {
    let mut answer = status(code);
    *answer.body_mut() = body.to_owned().into_bytes().into();
    with(answer, header::CONTENT_TYPE, content_type)
}

/// An answer with a header.
pub(crate) fn with(mut answer: Answer, name: HeaderName, value: &str) -> Answer {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().append(name, value);
    }
    answer
}

/// An error that repeats the request, as careless servers do.
fn echo(code: StatusCode, received: &Received) -> Answer {
    let headers = format!("{:?}", received.headers);
    let body = String::from_utf8_lossy(&received.body).into_owned();
    json(code, &serde_json::json!({"message": "no", "url": received.path, "headers": headers, "body": body}))
}
