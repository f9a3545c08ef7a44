//! Takes a document for a partner: durable before it is answered, sent after.

use bytes::Bytes;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sluice_as2::edi::{Group, Interchange, Standard};

use super::filed::transaction_of;
use super::{DocumentError, DocumentParts, content, route};
use crate::deep;
use crate::domain::document::{Document, DocumentFacts, ID_PREFIX, QUEUED};
use crate::domain::ids::ChunkId;
use crate::domain::scope::Scope;
use crate::domain::transaction::{Direction, TransactionId, TransactionStatus};
use crate::engine::EngineError;
use crate::engine::lifecycle::Lifecycle;
use crate::engine::room::Entrance;
use crate::store::documents::KnownBy;
use crate::store::requests::{Place, RequestClaim, RequestClaims, RequestKey};

/// Takes documents for partners.
#[derive(Clone)]
pub struct DocumentIntake {
    pub(crate) parts: DocumentParts,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) requests: RequestClaims,
    /// Where partners reach this deployment, if that is a setting.
    pub(crate) public_url: Option<String>,
}

/// A document that was handed in.
#[derive(Clone, Debug)]
pub struct Handed {
    /// What is said of it.
    pub facts: DocumentFacts,
    /// Its bytes.
    pub bytes: Bytes,
    /// Where partners reach this deployment, for asynchronous receipts.
    pub base_url: String,
    /// The idempotency key of its request, if it has one.
    pub request: Option<RequestKey>,
}

impl DocumentIntake {
    /// The most bytes of a document.
    #[must_use]
    pub fn max_bytes(&self) -> usize {
        self.parts.max_bytes
    }

    /// Where documents come in.
    #[must_use]
    pub fn entrance(&self) -> &Entrance {
        &self.parts.entrance
    }

    /// Where partners reach this deployment: as its settings say, or else as the caller reached it.
    #[must_use]
    pub fn base_url(&self, host: Option<&str>) -> String {
        let reached = || host.map(|host| format!("https://{host}"));
        self.public_url.clone().or_else(reached).unwrap_or_default()
    }

    /// Takes a document for a partner; gives its transaction. Every step can be repeated: a request that comes again under
    /// its key goes on where the first one ended.
    ///
    /// # Errors
    /// [`DocumentError`]; then nothing is sent.
    pub async fn accept(&self, scope: &Scope, partner: &str, handed: Handed) -> Result<TransactionId, DocumentError> {
        let problems = handed.facts.problems();
        if !problems.0.is_empty() {
            return Err(DocumentError::Facts(problems));
        }
        let parts = &self.parts;
        let known = parts.partners.get(scope, partner).await?.ok_or(DocumentError::NotFound)?;
        parts.carrier(scope, known).await??;
        let id = self.id_of(scope, handed.request.as_ref()).await?;
        let earlier = match handed.request {
            Some(_) => parts.documents.get(scope, &id).await?,
            None => None,
        };
        let (facts, sha256, interchanges) = read(handed.facts, handed.bytes.clone()).await?;
        let document = match earlier {
            Some(document) if document.partner_id == partner => document,
            Some(_) => return Err(EngineError::KeyReused.into()),
            None => self.file(scope, partner, id, (facts, sha256), (&handed.bytes, handed.base_url)).await?,
        };
        for (standard, level, numbers) in numbers(&interchanges) {
            let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
            parts.documents.note(scope, KnownBy::Number(partner, standard, level, &numbers), &document.id).await?;
        }
        let Document { id, facts, .. } = &document;
        let payload = json!({
            "document_id": id, "partner_id": partner, "document_type": facts.document_type,
            "file_name": facts.file_name, "size": document.size, "sha256": document.sha256,
        });
        parts.publish(scope, (id.clone(), QUEUED), &document, &payload).await?;
        let transaction = parts.transaction(scope, &document).await?;
        let transaction = transaction.ok_or(DocumentError::Engine(EngineError::Interrupted))?;
        let waiting = transaction_of(&document, QUEUED, transaction.logged_at, (0, TransactionStatus::Queued));
        // It is on its way, whatever becomes of this.
        if let Err(error) = parts.transactions.begin(scope, &waiting).await {
            tracing::warn!(%scope, %transaction, %error, "a document is not shown before its first attempt");
        }
        Ok(transaction)
    }

    /// The id of a document: what the key of its request claimed.
    async fn id_of(&self, scope: &Scope, request: Option<&RequestKey>) -> Result<String, DocumentError> {
        let ports = &self.parts.ports;
        let Some(request) = request else { return Ok(ports.unique(ID_PREFIX)) };
        let place = Place { chunk: ChunkId::new(ports.now(), ports.bytes()), before: 0 };
        let held = match self.requests.claim(scope, request, place, None).await? {
            RequestClaim::Granted => place,
            RequestClaim::Held(held) => held,
            RequestClaim::Reused => return Err(EngineError::KeyReused.into()),
        };
        Ok(format!("{ID_PREFIX}_{}", held.chunk))
    }

    /// Stores a document; gives it as it is then, for another request may have been quicker.
    async fn file(
        &self,
        scope: &Scope,
        partner: &str,
        id: String,
        (facts, sha256): (DocumentFacts, String),
        (bytes, base_url): (&Bytes, String),
    ) -> Result<Document, DocumentError> {
        let now = self.parts.ports.now();
        self.parts.documents.keep(scope, (&id, &sha256), bytes).await?;
        let route = route::ensure(&self.lifecycle, scope, partner).await?;
        let document = Document {
            id,
            partner_id: partner.to_owned(),
            route: route.uid,
            direction: Direction::Outbound,
            facts,
            size: bytes.len() as u64,
            sha256,
            base_url: Some(base_url),
            message: None,
            receipt: None,
            again: false,
            told: false,
            acknowledgments: Vec::new(),
            created_at: now,
            updated_at: now,
            revision: 1,
        };
        Ok(self.parts.create(scope, document).await?)
    }
}

/// A control number that an acknowledgment may name: the standard, the level, the numbers from the outermost on.
type Number = (&'static str, &'static str, Vec<String>);

/// The most numbers of one document that acknowledgments are matched by.
const MAX_MATCHED: usize = 50;

/// The numbers that acknowledgments name: X12 names groups, EDIFACT interchanges. In X12 each kind of group may have
/// numbers of its own.
fn numbers(interchanges: &[Interchange]) -> Vec<Number> {
    let of = |interchange: &Interchange| {
        let standard = content::standard(interchange.standard);
        let whole = (standard, "interchange", vec![interchange.control_number.clone()]);
        let number = |group: &Group| match interchange.standard {
            Standard::X12 => vec![group.kind.clone(), group.control_number.clone()],
            Standard::Edifact => vec![group.control_number.clone()],
        };
        let groups = interchange.groups.iter().map(|group| (standard, "group", number(group)));
        [whole].into_iter().chain(groups).collect::<Vec<_>>()
    };
    interchanges.iter().flat_map(of).take(MAX_MATCHED).collect()
}

/// Reads the envelope and takes the digest, on a thread of its own: documents are large.
async fn read(
    mut facts: DocumentFacts,
    bytes: Bytes,
) -> Result<(DocumentFacts, String, Vec<Interchange>), DocumentError> {
    let read = deep::run(move || {
        let interchanges = content::read(&mut facts, &bytes);
        (facts, hex::encode(Sha256::digest(&bytes)), interchanges)
    });
    read.await.map_err(|_| DocumentError::Engine(EngineError::Interrupted))
}
