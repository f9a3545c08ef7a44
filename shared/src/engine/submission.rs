//! Events as publishers hand them in, and the results.

use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::EngineError;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::store::requests::RequestKey;

/// An event as its publisher hands it in, checked.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The publisher's id, if it gave one.
    pub id: Option<String>,
    /// `entity.event`.
    pub name: String,
    /// A JSON object, compact.
    pub payload: Box<RawValue>,
    /// When it happened, if the publisher said.
    pub published_at: Option<Millis>,
    /// The partner it concerns.
    pub partner_id: Option<String>,
    /// The kind of business document.
    pub document_type: Option<String>,
    /// The key that orders it.
    pub ordering_key: Option<String>,
}

/// The result of publishing an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// Logged, and being delivered.
    Accepted,
    /// Its id was published within the last day.
    Duplicate,
}

/// An event's id and what became of it.
pub type Receipt = (String, Acceptance);

/// One request's events, waiting for their turn.
pub(super) struct Waiting {
    pub(super) scope: Scope,
    pub(super) events: Vec<NewEvent>,
    /// The request's idempotency key, if it has one.
    pub(super) request: Option<RequestKey>,
    pub(super) answer: oneshot::Sender<Result<Vec<Receipt>, Arc<EngineError>>>,
}

/// The right to commit for a scope, and a permit of the writers.
pub(super) type CommitPermit = (OwnedSemaphorePermit, OwnedSemaphorePermit);
