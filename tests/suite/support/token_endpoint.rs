//! A token endpoint (RFC 6749) on loopback: its n-th response issues the token `token-of-the-test-n`.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::http::StatusCode;
use serde_json::{Value, json};
use sluice_local::receiver::{Answer, Received, Receiver, status};

/// The client that it knows.
pub(crate) const CLIENT_ID: &str = "gateway";
/// That client's secret.
pub(crate) const CLIENT_SECRET: &str = "secret-of-the-gateway";
/// `gateway:secret-of-the-gateway` as HTTP Basic authentication.
const BASIC: &str = "Basic Z2F0ZXdheTpzZWNyZXQtb2YtdGhlLWdhdGV3YXk=";
/// How every token begins.
pub(crate) const TOKEN: &str = "token-of-the-test-";

/// A running token endpoint.
pub(crate) struct TokenEndpoint {
    receiver: Receiver,
    requests: Arc<Mutex<Vec<Received>>>,
}

impl TokenEndpoint {
    /// Issues a token to each request of the client that it knows.
    pub(crate) async fn start() -> Result<Self> {
        Self::failing(0, StatusCode::OK).await
    }

    /// Responds with `failure` to so many requests first.
    pub(crate) async fn failing(times: usize, failure: StatusCode) -> Result<Self> {
        let requests: Arc<Mutex<Vec<Received>>> = Arc::default();
        let taking = Arc::clone(&requests);
        let receiver = Receiver::start(move |received| {
            let is_known = received.header("authorization") == BASIC;
            let mut requests = taking.lock().unwrap_or_else(PoisonError::into_inner);
            requests.push(received);
            let number = requests.len();
            async move {
                if number <= times {
                    return status(failure);
                }
                if is_known { issue(number) } else { status(StatusCode::UNAUTHORIZED) }
            }
        });
        Ok(Self { receiver: receiver.await?, requests })
    }

    /// Where it listens; the query is nobody else's business.
    pub(crate) fn url(&self) -> String {
        self.receiver.url("/token?realm=realm-of-the-test")
    }

    /// The parameters of its client.
    pub(crate) fn client(&self) -> Value {
        json!({"token_url": self.url(), "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Received> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn issue(number: usize) -> Answer {
    let body = json!({"access_token": format!("{TOKEN}{number}"), "token_type": "Bearer", "expires_in": 3600});
    Answer::new(body.to_string().into_bytes().into())
}
