//! Documents that came, whichever way: stored, told of, and matched with what they acknowledge.
//!
//! Every step can be repeated under the same id.

use serde_json::{Value, json};

use super::{DocumentParts, content};
use crate::domain::document::{Document, DocumentFacts, Message, RECEIVED, seen_file_name};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::domain::transaction::{Direction, Outcome, RouteKind, RouteRef, TransactionStatus};
use crate::engine::EngineError;
use crate::store::StoreError;

/// A document that came.
pub(super) struct Arrived<'a> {
    /// Its id, which is claimed.
    pub(super) id: String,
    pub(super) partner: &'a str,
    /// The media type, if it was said.
    pub(super) content_type: Option<&'a str>,
    pub(super) file_name: Option<String>,
    pub(super) bytes: &'a [u8],
    /// The digest of the bytes.
    pub(super) sha256: [u8; 32],
    /// The message that carried it.
    pub(super) message: Option<Message>,
}

impl DocumentParts {
    /// Stores a document that came; gives it as it is then, for another request may have been quicker.
    pub(super) async fn file(&self, scope: &Scope, arrived: Arrived<'_>) -> Result<Document, EngineError> {
        let Arrived { id, partner, content_type, file_name, bytes, sha256, message } = arrived;
        let sha256 = hex::encode(sha256);
        self.documents.keep(scope, (&id, &sha256), bytes).await?;
        let file_name = file_name.and_then(|name| seen_file_name(&name));
        let mut facts = DocumentFacts { file_name, ..DocumentFacts::default() };
        let interchanges = content::read(&mut facts, bytes);
        facts.content_type = match content_type {
            Some(given) => given.chars().take(256).collect(),
            None => content::media_type(&interchanges).to_owned(),
        };
        let now = self.ports.now();
        let document = Document {
            id,
            partner_id: partner.to_owned(),
            route: RouteRef::of_documents(partner).uid,
            direction: Direction::Inbound,
            facts,
            size: bytes.len() as u64,
            sha256,
            base_url: None,
            message,
            receipt: None,
            again: false,
            told: false,
            acknowledgments: Vec::new(),
            created_at: now,
            updated_at: now,
            revision: 1,
        };
        Ok(self.create(scope, document).await?)
    }

    /// Adds a document; gives it as it is then, for another request may have been quicker.
    pub(super) async fn create(&self, scope: &Scope, document: Document) -> Result<Document, StoreError> {
        if self.documents.create(scope, &document).await? {
            return Ok(document);
        }
        self.documents.get(scope, &document.id).await?.ok_or(StoreError::Conflict)
    }

    /// Records the transaction of a document that came, notes what it acknowledges, and publishes its event.
    pub(super) async fn tell(
        &self,
        scope: &Scope,
        document: &Document,
        bytes: &[u8],
        protections: Value,
    ) -> Result<(), EngineError> {
        let mut facts = self.event(scope, document).await?;
        if let (Value::Object(facts), Value::Object(protections)) = (&mut facts, protections) {
            facts.extend(protections);
        }
        let state = (1, TransactionStatus::Delivered);
        let outcome = transaction_of(document, RECEIVED, document.created_at, state);
        // Entries of their own: a repetition changes nothing. Who is told looks at once.
        self.transactions.record(scope, vec![outcome]).await?;
        self.match_acknowledgments(scope, document, bytes).await?;
        self.publish(scope, (document.id.clone(), RECEIVED), document, &json!(facts)).await
    }

    /// Notes that everything is told of a document: an event's id counts as known for a day only, and what the document
    /// came by may come again after that.
    pub(super) async fn note_told(&self, scope: &Scope, document: &Document) -> Result<(), StoreError> {
        let note = |document: &mut Document| !std::mem::replace(&mut document.told, true);
        self.documents.change(scope, &document.id, note).await.map(drop)
    }
}

/// The transaction of a document, named after its event, with a number of attempts of which there is nothing to say.
pub(super) fn transaction_of(
    document: &Document,
    event: &str,
    logged_at: Millis,
    (attempt, status): (u32, TransactionStatus),
) -> Outcome {
    let (route, partner) = (document.route.clone(), document.partner_id.clone());
    Outcome {
        route: RouteRef { uid: route, kind: RouteKind::Documents, id: partner.clone() },
        direction: document.direction,
        event: document.id.clone(),
        name: event.to_owned(),
        logged_at,
        partner_id: Some(partner),
        document_type: document.facts.document_type.clone(),
        attempt,
        status,
        code: None,
        millis: 0,
        response: String::new(),
        error: String::new(),
        at: document.created_at,
        discarded: false,
    }
}
