//! Documents for and from partners: handed in, sealed, sent, received and acknowledged.
//!
//! A document for a partner is published as an event of its own, which the partner's route takes: retries, health,
//! dead letters and transactions are the engine's. The route's destination asks the [`Outbox`] what to post.

mod acknowledgments;
mod content;
mod errors;
mod fetched;
mod filed;
mod inbound;
mod intake;
mod judge;
mod outbox;
mod parties;
mod receipts;
mod route;
mod sealing;
mod stored;
mod terms;
mod trial;

use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;

use super::EngineError;
use super::publish::{NewEvent, Publisher};
use super::room::Entrance;
use crate::domain::document::Document;
use crate::domain::scope::Scope;
use crate::domain::transaction::{Direction, TransactionId, TransactionStatus};
use crate::outbound::Vault;
use crate::ports::Ports;
use crate::store::StoreError;
use crate::store::documents::Documents;
use crate::store::event_ids::EventIdClaims;
use crate::store::identities::Identities;
use crate::store::partners::Partners;
use crate::store::transactions::Transactions;

pub use errors::{DocumentError, Unready};
pub use inbound::{DocumentInbox, Reply};
pub use intake::{DocumentIntake, Handed};
pub use outbox::Outbox;
pub(crate) use receipts::ReceiptSender;
pub use receipts::{Receipts, Taken};
pub use sluice_as2::Headers as As2Headers;
pub use sluice_as2::receipt::looks_like_receipt as is_receipt;
pub use stored::{Content, Filing};
pub use trial::{PartnerTrial, Step, Trial};

/// What documents are worked on with.
#[derive(Clone)]
pub struct DocumentParts {
    pub(crate) documents: Documents,
    pub(crate) partners: Partners,
    pub(crate) identities: Identities,
    pub(crate) vault: Vault,
    pub(crate) publisher: Publisher,
    pub(crate) claims: EventIdClaims,
    pub(crate) transactions: Transactions,
    /// The most bytes of a document.
    pub(crate) max_bytes: usize,
    /// Where documents, messages and receipts come in.
    pub(crate) entrance: Entrance,
    pub(crate) ports: Ports,
}

impl DocumentParts {
    /// Publishes an event about a document, once for each id.
    async fn publish(
        &self,
        scope: &Scope,
        (id, name): (String, &str),
        document: &Document,
        payload: &Value,
    ) -> Result<(), EngineError> {
        let payload = RawValue::from_string(payload.to_string());
        let payload = payload.map_err(|error| EngineError::Store(StoreError::Malformed(error.to_string())))?;
        let event = NewEvent {
            id: Some(id),
            name: name.to_owned(),
            payload,
            published_at: None,
            partner_id: Some(document.partner_id.clone()),
            document_type: document.facts.document_type.clone(),
            ordering_key: None,
        };
        let published = self.publisher.publish(scope, vec![event]).await;
        published.map(drop).map_err(|error| {
            // Others that were committed with it have the error too.
            EngineError::Store(StoreError::Unavailable(error.to_string()))
        })
    }

    /// The transaction of a document that was published.
    async fn transaction(&self, scope: &Scope, document: &Document) -> Result<Option<TransactionId>, StoreError> {
        // What came is recorded before its event is published.
        if document.direction == Direction::Inbound {
            let (logged_at, route, event) = (document.created_at, document.route.clone(), document.id.clone());
            return Ok(Some(TransactionId { logged_at, route, event }));
        }
        let chunk = self.claims.claimed_by(scope, &document.id).await?;
        let (route, event) = (document.route.clone(), document.id.clone());
        Ok(chunk.map(|chunk| TransactionId { logged_at: chunk.at(), route, event }))
    }

    /// How far a document has come; none if nothing is recorded yet.
    async fn status(&self, scope: &Scope, document: &Document) -> Result<Option<TransactionStatus>, StoreError> {
        let Some(id) = self.transaction(scope, document).await? else { return Ok(None) };
        Ok(self.transactions.find(scope, &id).await?.map(|found| found.last.status))
    }
}

/// As a time for messages.
fn timestamp(time: crate::domain::time::Millis) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(time.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// Minutes as a duration.
fn minutes(minutes: u32) -> Duration {
    Duration::from_secs(60 * u64::from(minutes))
}
