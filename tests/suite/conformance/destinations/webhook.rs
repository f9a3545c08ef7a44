//! A webhook's endpoint: an HTTP receiver.

use anyhow::{Result, ensure};
use axum::http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use sluice_local::receiver::{Receiver, status};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::fixture::{Arrival, Fixture, Manner};
use crate::support::inbox::Post;
use crate::support::mutual_tls::Authority;

const API_KEY: &str = "api-key-of-the-target";
const SIGNING_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TOKEN: &str = "token-of-the-target";
const TENANT: &str = "tenant-number-of-ours";

pub(super) struct Endpoint {
    receiver: Receiver,
    posts: Arc<Mutex<Vec<Post>>>,
    client_certificate: Value,
}

impl Fixture for Endpoint {
    const KIND: &'static str = "webhook";
    const ADDRESS: &'static str = "url";
    const OPTIONAL: &'static str = "timeout_seconds";
    const HAS_RETRY_AFTER: bool = true;

    async fn start(manner: Manner) -> Result<Self> {
        let posts: Arc<Mutex<Vec<Post>>> = Arc::default();
        let taking = Arc::clone(&posts);
        let receiver = Receiver::start(move |received| {
            let post = Post { at: Instant::now(), received };
            taking.lock().unwrap_or_else(PoisonError::into_inner).push(post);
            async move {
                match manner {
                    Manner::Accept => status(StatusCode::ACCEPTED),
                    Manner::Refuse => status(StatusCode::BAD_REQUEST),
                    Manner::Fail => {
                        let mut answer = status(StatusCode::TOO_MANY_REQUESTS);
                        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("7"));
                        answer
                    }
                    Manner::Hang => std::future::pending().await,
                }
            }
        });
        let client_certificate = Authority::new("ours")?.client_certificate("gateway")?;
        Ok(Self { receiver: receiver.await?, posts, client_certificate })
    }

    fn parameters(&self) -> Value {
        let url = self.receiver.url("/hook");
        json!({
            "url": url, "api_key": API_KEY, "signing_secret": SIGNING_SECRET,
            "headers": {"x-plain": "shown", "x-target-token": TOKEN, "X-Tenant": TENANT},
            "secret_headers": ["x-tenant"], "timeout_seconds": 1, "max_per_second": 50,
            "client_certificate": self.client_certificate,
        })
    }

    fn secrets(&self) -> Vec<(&'static str, String)> {
        let private_key = self.client_certificate["private_key_pem"].as_str().unwrap_or_default();
        let secrets = [
            ("/api_key", API_KEY),
            ("/client_certificate/private_key_pem", private_key),
            ("/signing_secret", SIGNING_SECRET),
            ("/headers/x-target-token", TOKEN),
            ("/headers/X-Tenant", TENANT),
        ];
        secrets.into_iter().map(|(pointer, secret)| (pointer, secret.to_owned())).collect()
    }

    fn address(host: &str) -> String {
        format!("https://{host}/hook")
    }

    async fn arrived(&self) -> Result<Vec<Arrival>> {
        let posts = self.posts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for post in &posts {
            post.verify(SIGNING_SECRET)?;
            let header = |name| post.received.header(name);
            ensure!(header("authorization") == format!("Bearer {API_KEY}") && header("x-target-token") == TOKEN);
            ensure!(header("x-tenant") == TENANT && header("x-plain") == "shown");
        }
        Ok(posts.iter().map(|post| Arrival { name: post.id(), content: post.text() }).collect())
    }
}
