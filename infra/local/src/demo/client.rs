//! The demo as a user of the API: token, integrations, publishing.

use std::time::Duration;

use base64::Engine as _;
use reqwest::Response;
use serde_json::{Value, json};
use sluice::domain::event::MAX_BATCH_EVENTS;

use super::{DemoError, DemoEvent};
use crate::provision::{LocalCredentials, S3Access};
use crate::system::System;

/// The receiver's bearer token.
pub(super) const API_KEY: &str = "demo-receiver-key";
/// Half of what one publish may take: room for everything around the payloads.
const MAX_BATCH_BYTES: usize = 2 * 1024 * 1024;

/// A signed-in client of the API.
pub(super) struct Client {
    http: reqwest::Client,
    base_url: String,
    token: String,
}

/// Written as it is: a detour over `serde_json::Value` would lose digits of numbers.
#[derive(serde::Serialize)]
struct Batch<'a> {
    events: &'a [DemoEvent],
}

/// A new signing secret, as a user would choose one.
pub(super) fn signing_secret(system: &System) -> String {
    format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(system.app.ports.bytes::<32>()))
}

impl Client {
    pub(super) async fn sign_in(credentials: &LocalCredentials) -> Result<Self, DemoError> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).no_proxy().build();
        let http = http.map_err(|e| DemoError::Failed(format!("HTTP client: {e}")))?;
        let mut client = Self { http, base_url: credentials.base_url.clone(), token: String::new() };
        let body = json!({"client_id": credentials.client_id, "client_secret": credentials.client_secret});
        let answer = client.post("/v1/auth/token", serde_json::to_vec(&body).unwrap_or_default()).await?;
        client.token = answer["access_token"].as_str().unwrap_or_default().to_owned();
        Ok(client)
    }

    /// A webhook integration and an S3 integration, each for everything.
    pub(super) async fn register(&self, url: &str, secret: &str, s3: &S3Access) -> Result<(), DemoError> {
        let webhook = json!({
            "id": "demo-webhook", "integration_type": "permanent",
            "callback_parameters": {"callback_url": url, "api_key": API_KEY, "signing_secret": secret},
        });
        let files = json!({
            "id": "demo-s3", "integration_type": "permanent",
            "s3_parameters": {
                "aws_access_key_id": s3.access_key_id, "aws_secret_access_key": s3.secret_access_key,
                "aws_region": s3.region, "bucket": s3.bucket, "key_prefix": "demo", "endpoint_url": s3.endpoint_url,
            },
        });
        for integration in [webhook, files] {
            self.post("/v1/integrations", serde_json::to_vec(&integration).unwrap_or_default()).await?;
        }
        Ok(())
    }

    /// Publishes everything in batches; gives the bytes of the payloads.
    pub(super) async fn publish(&self, events: &[DemoEvent], progress: impl Fn(u64)) -> Result<usize, DemoError> {
        let (mut total, mut done) = (0, 0);
        for batch in batches(events) {
            let body = serde_json::to_vec(&Batch { events: batch }).map_err(|e| DemoError::Failed(e.to_string()))?;
            self.post("/v1/events", body).await?;
            total += batch.iter().map(|event| event.payload.get().len()).sum::<usize>();
            done += batch.len() as u64;
            progress(done);
        }
        Ok(total)
    }

    async fn post(&self, path: &str, body: Vec<u8>) -> Result<Value, DemoError> {
        let mut request = self.http.post(format!("{}{path}", self.base_url)).header("content-type", "application/json");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        let answer = request.body(body).send().await.map_err(|e| DemoError::failed(path)(e.into()))?;
        read(path, answer).await
    }
}

async fn read(path: &str, answer: Response) -> Result<Value, DemoError> {
    let status = answer.status();
    let bytes = answer.bytes().await.map_err(|e| DemoError::failed(path)(e.into()))?;
    if !status.is_success() {
        return Err(DemoError::Failed(format!("{path} answered {status}: {}", String::from_utf8_lossy(&bytes))));
    }
    serde_json::from_slice(&bytes).map_err(|e| DemoError::failed(path)(e.into()))
}

/// Groups within the limits of one publish.
fn batches(events: &[DemoEvent]) -> Vec<&[DemoEvent]> {
    let mut batches = Vec::new();
    let mut rest = events;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |event: &&DemoEvent| {
            bytes += event.payload.get().len() + 512;
            bytes <= MAX_BATCH_BYTES
        };
        let count = rest.iter().take(MAX_BATCH_EVENTS).take_while(fits).count().max(1);
        let (batch, tail) = rest.split_at(count);
        batches.push(batch);
        rest = tail;
    }
    batches
}
