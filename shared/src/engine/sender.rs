//! Sends one event to one HTTP target: envelope, signature, request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use url::Url;

use super::EngineError;
use crate::domain::event::Event;
use crate::domain::retry::Answer;
use crate::domain::route::{Route, WebhookTarget};
use crate::domain::scope::Scope;
use crate::outbound::{Attempt, AttemptClass, HeaderTemplate, SigningKey, WebhookClient, sign};
use crate::ports::Ports;
use crate::secrets::Keyring;

/// A target with its secrets opened, kept for as long as its route does not change.
#[derive(Debug)]
pub struct Prepared {
    url: Url,
    headers: HeaderTemplate,
    signing: Vec<SigningKey>,
    timeout: Duration,
}

/// Marks what a recovery sends again.
const REPLAY: HeaderName = HeaderName::from_static("webhook-replay");

/// The most targets kept prepared; past that the cache starts anew.
const MAX_PREPARED: usize = 1_000;

/// By the route's uid and revision.
type Cache = HashMap<(String, u64), Arc<Prepared>>;

/// Sends events.
#[derive(Clone)]
pub struct Sender {
    client: WebhookClient,
    keys: Keyring,
    ports: Ports,
    timeout: Duration,
    prepared: Arc<Mutex<Cache>>,
}

impl Sender {
    /// A sender whose targets have `timeout` to answer, unless they say otherwise.
    #[must_use]
    pub fn new(client: WebhookClient, keys: Keyring, ports: Ports, timeout: Duration) -> Self {
        Self { client, keys, ports, timeout, prepared: Arc::default() }
    }

    /// Opens the secrets of a route's target.
    ///
    /// # Errors
    /// [`EngineError`] where a stored secret cannot be used.
    pub fn prepare(&self, scope: &Scope, route: &Route, target: &WebhookTarget) -> Result<Arc<Prepared>, EngineError> {
        let key = (route.uid.clone(), route.revision);
        let mut cache = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = cache.get(&key) {
            return Ok(Arc::clone(found));
        }
        let api_key = target.api_key.as_ref().map(|sealed| self.keys.open(scope, sealed)).transpose()?;
        let mut signing = Vec::with_capacity(target.signing_secrets.len());
        for sealed in &target.signing_secrets {
            signing.push(self.keys.open(scope, sealed)?.parse()?);
        }
        let timeout = target.timeout_seconds.map_or(self.timeout, |seconds| Duration::from_secs(seconds.into()));
        let headers = HeaderTemplate::new(api_key.as_ref().map(|key| key.as_str()), &target.headers)?;
        let prepared = Arc::new(Prepared { url: target.url.clone(), headers, signing, timeout });
        if cache.len() >= MAX_PREPARED {
            cache.clear();
        }
        cache.insert(key, Arc::clone(&prepared));
        Ok(prepared)
    }

    /// Sends one event now; `again` marks it as one that its user asked for once more.
    ///
    /// # Errors
    /// [`EngineError::Header`] where the event's id cannot stand in a header.
    pub async fn send(
        &self,
        target: &Prepared,
        scope: &Scope,
        event: &Event,
        again: bool,
    ) -> Result<Attempt, EngineError> {
        let body = event.envelope(&scope.tenant);
        let timestamp = self.ports.now().as_secs();
        let signature = sign(&target.signing, &event.id, timestamp, &body);
        let mut headers = target.headers.message(&event.id, timestamp, Some(signature))?;
        if again {
            headers.insert(REPLAY, HeaderValue::from_static("true"));
        }
        Ok(self.client.post(&target.url, headers, body.into(), target.timeout).await)
    }
}

/// What an attempt means for retrying.
#[must_use]
pub fn answer(attempt: &Attempt) -> Answer {
    match attempt.class {
        AttemptClass::Delivered => Answer::Delivered,
        AttemptClass::Rejected => Answer::Rejected,
        AttemptClass::Gone => Answer::Gone,
        AttemptClass::Retry => Answer::Failed { retry_after: attempt.retry_after },
    }
}

/// An attempt in a few words, for an integration's log.
#[must_use]
pub fn words(attempt: &Attempt) -> String {
    match (attempt.status, attempt.error) {
        (Some(status), _) => format!("HTTP {status}"),
        (None, Some(error)) => error.to_owned(),
        (None, None) => "no answer".to_owned(),
    }
}
