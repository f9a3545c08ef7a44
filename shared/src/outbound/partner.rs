//! The transport of a trading partner: a document is one POST, and what the partner's receipt says of it; or a file on
//! the partner's server.
//!
//! The kind knows how bytes travel, and nothing more. What is to be sent where, and what a response means, says a
//! [`Desk`]: messages and receipts are kept, so that what is sent again is what was sent before. The partner's profile is
//! read for each attempt: who changes it, changes how the next attempt goes.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::as2::{Answer, As2Client, Posting};
use super::kind::{Accepted, Kind, KindSettings, Parcel, PrepareError, Refusal, Target};
use super::moved::Origins;
use super::sftp::SftpServer;
use super::travel_time;
use super::webhook::clean;
use super::written::parse;
use crate::domain::attempt::{Attempt, Verdict};
use crate::domain::partner::FileNameFacts;
use crate::domain::scope::Scope;

/// What became of a message, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// Its meaning for retries.
    pub verdict: Verdict,
    /// Why it was not accepted, or what is remarked.
    pub reason: Cow<'static, str>,
}

impl Fate {
    /// Of this verdict, for this reason.
    pub fn new(verdict: Verdict, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { verdict, reason: reason.into() }
    }

    /// It failed for now.
    pub fn failed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Verdict::Failed { retry_after: None }, reason)
    }
}

/// A document as a file on a partner's server.
pub struct Placing {
    /// The server.
    pub server: SftpServer,
    /// What names the file, as its user wishes it.
    pub document_type: Option<String>,
    /// The number of its interchange.
    pub control_number: Option<String>,
    /// Its transaction.
    pub transaction_id: String,
    /// The document.
    pub body: Bytes,
}

/// What is to be done for a document.
pub enum Errand {
    /// Post this; it has that room in memory.
    Post(Box<Posting>, Option<OwnedSemaphorePermit>),
    /// Place this.
    Place(Box<Placing>, Option<OwnedSemaphorePermit>),
    /// Nothing: this is known already.
    Known(Fate),
}

/// Keeps documents, messages and receipts.
#[async_trait]
pub trait Desk: Send + Sync + 'static {
    /// What is to be done for a document of a partner. Never an error: what fails on our side fails for now.
    async fn next(&self, scope: &Scope, partner: &str, document: &str) -> Errand;

    /// What the response to its message means.
    async fn answered(&self, scope: &Scope, document: &str, answer: Answer) -> Fate;

    /// It stands on the partner's server.
    async fn placed(&self, scope: &Scope, document: &str) -> Fate;
}

/// The parameters: the partner's profile has the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The partner.
    pub partner: String,
}

/// The kind `partner`.
pub struct PartnerKind {
    client: As2Client,
    desk: Arc<dyn Desk>,
    timeout: Duration,
}

impl PartnerKind {
    /// The kind under these settings; messages are posted by `client`.
    #[must_use]
    pub fn new(settings: &KindSettings, client: As2Client, desk: Arc<dyn Desk>) -> Self {
        Self { client, desk, timeout: settings.timeout }
    }
}

#[async_trait]
impl Kind for PartnerKind {
    type Parameters = Parameters;

    const NAME: &'static str = "partner";

    async fn accept(&self, _: &Scope, written: Value, _: Option<&Parameters>) -> Result<Accepted<Parameters>, Refusal> {
        Ok(Accepted { parameters: parse(written)?, generated: serde_json::Map::new() })
    }

    /// It has no secrets: they are the partner's.
    fn origins(&self, _: &Parameters, _: &str) -> Origins {
        Origins::new()
    }

    fn show(&self, parameters: &Parameters) -> Value {
        serde_json::json!({ "partner": parameters.partner })
    }

    fn prepare(&self, scope: &Scope, parameters: &Parameters) -> Result<Arc<dyn Target>, PrepareError> {
        Ok(Arc::new(Partner {
            scope: scope.clone(),
            partner: parameters.partner.clone(),
            label: format!("partner {}", parameters.partner),
            client: self.client.clone(),
            desk: Arc::clone(&self.desk),
            timeout: self.timeout,
        }))
    }
}

/// A partner.
struct Partner {
    scope: Scope,
    partner: String,
    label: String,
    client: As2Client,
    desk: Arc<dyn Desk>,
    timeout: Duration,
}

impl fmt::Debug for Partner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Partner").field(&self.label).finish()
    }
}

#[async_trait]
impl Target for Partner {
    fn label(&self) -> &str {
        &self.label
    }

    /// The parcel's body says nothing that its id does not.
    async fn send(&self, parcel: Parcel<'_>) -> Attempt {
        let started = Instant::now();
        match self.desk.next(&self.scope, &self.partner, parcel.id).await {
            Errand::Post(posting, _held) => self.post(parcel.id, *posting, started).await,
            Errand::Place(placing, _held) => self.place(parcel.id, &placing).await,
            Errand::Known(Fate { verdict, reason }) => {
                Attempt { verdict, reason, ..Attempt::failed("", started.elapsed()) }
            }
        }
    }
}

impl Partner {
    async fn post(&self, document: &str, posting: Posting, started: Instant) -> Attempt {
        // The time to answer begins when the message is there.
        let deadline = Instant::now() + travel_time(posting.body.len()) + self.timeout;
        match self.client.post(posting, deadline).await {
            Err(reason) => Attempt::failed(reason, started.elapsed()),
            Ok(answer) => {
                let (status, excerpt) = (Some(answer.status.as_u16()), clean(&answer.body));
                let Fate { verdict, reason } = self.desk.answered(&self.scope, document, answer).await;
                Attempt { verdict, status, reason, excerpt, duration: started.elapsed() }
            }
        }
    }

    async fn place(&self, document: &str, placing: &Placing) -> Attempt {
        let facts = FileNameFacts {
            document_type: placing.document_type.as_deref(),
            control_number: placing.control_number.as_deref(),
            transaction_id: &placing.transaction_id,
        };
        let attempt = placing.server.put(&facts, &placing.body).await;
        if attempt.verdict != Verdict::Delivered {
            return attempt;
        }
        let Fate { verdict, reason } = self.desk.placed(&self.scope, document).await;
        Attempt { verdict, reason, ..attempt }
    }
}
