//! Messages from partners: opened, made durable, and only then answered with the receipt.
//!
//! Every step but the first can be repeated: the document's id follows from the partner and the message's id. So a
//! message that comes again after a crash goes on where the first one ended, and one that comes again after its answer
//! was lost gets the same answer.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use sluice_as2::receipt::{Disposition, Receipt as NewReceipt, ReceiptMessage};
use sluice_as2::{Envelope, Fault, Headers, Identity as Keys, Mic, Modifier, Received};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::content::printable;
use super::filed::Arrived;
use super::parties::Parties;
use super::receipts::Receipts;
use super::{DocumentParts, stored, timestamp};
use crate::domain::document::{Document, ID_PREFIX, Message, Receipt};
use crate::domain::identity::Identity;
use crate::domain::partner::{LastRefusal, Mdn, Partner};
use crate::domain::scope::Scope;
use crate::engine::EngineError;
use crate::engine::room::Entrance;
use crate::store::StoreError;
use crate::store::documents::{Folder, KnownBy};

/// Takes messages from partners.
#[derive(Clone)]
pub struct DocumentInbox {
    pub(crate) parts: DocumentParts,
    pub(crate) receipts: Receipts,
    turns: Arc<Semaphore>,
}

/// How a message is answered.
#[derive(Debug)]
pub enum Reply {
    /// With its receipt.
    Receipt(Headers, Vec<u8>),
    /// With nothing: no receipt was asked for, or it is sent later.
    Nothing,
    /// It is not accepted, and asks for no receipt that would say so: why.
    Refused(String),
    /// It is no AS2 message: why.
    NotAs2(String),
}

impl From<ReceiptMessage> for Reply {
    fn from(receipt: ReceiptMessage) -> Self {
        Self::Receipt(receipt.headers, receipt.body)
    }
}

/// Messages that are opened at once: a small one may become as large as any before it shows whose it is.
const OPENED_AT_ONCE: usize = 4;

impl DocumentInbox {
    pub(crate) fn new(parts: DocumentParts, receipts: Receipts) -> Self {
        Self { parts, receipts, turns: Arc::new(Semaphore::new(OPENED_AT_ONCE)) }
    }

    /// Waits for a turn to open a message.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    /// Where messages come in.
    #[must_use]
    pub fn entrance(&self) -> &Entrance {
        &self.parts.entrance
    }

    /// The most bytes of a message.
    #[must_use]
    pub fn max_bytes(&self) -> usize {
        self.parts.max_bytes
    }

    /// Takes a message; once it is answered, the document is durable and on its way.
    ///
    /// # Errors
    /// [`EngineError`]; then the sender is not answered, and sends it again.
    pub async fn receive(&self, scope: &Scope, headers: Headers, body: Vec<u8>) -> Result<Reply, EngineError> {
        let envelope = match Envelope::read(&headers) {
            Ok(envelope) => envelope,
            Err(fault) => return Ok(Reply::NotAs2(fault.detail)),
        };
        let identities = self.parts.identities.all(scope).await?;
        let identity = identities.iter().find(|one| one.as2_id == envelope.to.as_str());
        let opened = match identity {
            Some(identity) => self.opened(scope, identity, (headers, body), &envelope).await?,
            None => None,
        };
        match opened {
            None => {
                let fault = Fault::new(Modifier::UnknownTradingPartner, "The sender or the receiver is not known.");
                self.refuse(scope, &envelope, identity, &fault).await
            }
            Some((parties, Ok(received))) => self.take(scope, &parties, &envelope, received).await,
            Some((parties, Err(fault))) => {
                let Partner { id, uid, .. } = &parties.partner;
                tracing::warn!(%scope, partner = id, message = envelope.message_id, %fault, "a message is refused");
                let (at, message_id) = (self.parts.ports.now(), printable(&envelope.message_id));
                let refusal = LastRefusal { at, message_id, reason: fault.to_string() };
                self.parts.documents.note_refusal(scope, uid, &refusal).await?;
                self.refuse(scope, &envelope, identity, &fault).await
            }
        }
    }

    /// Makes a document durable, tells of it, and answers.
    async fn take(
        &self,
        scope: &Scope,
        parties: &Parties,
        envelope: &Envelope,
        received: Received,
    ) -> Result<Reply, EngineError> {
        let parts = &self.parts;
        let partner = &parties.partner.id;
        let known = KnownBy::Received(partner, &envelope.message_id);
        let claim = parts.documents.claim(scope, known, &parts.ports.unique(ID_PREFIX)).await?;
        let sha256 = Sha256::digest(&received.document.bytes).into();
        let document = match parts.documents.get(scope, &claim.document).await? {
            Some(document) => document,
            None if claim.is_forgotten => {
                // The document is gone since long, and still it must not come a second time.
                let disposition = Disposition::from(Modifier::DuplicateDocument);
                return self.receipt(scope, envelope, &parties.identity, (&disposition, Some(&received.mic))).await;
            }
            None => self.file(scope, partner, envelope, (claim.document, &received, sha256)).await?,
        };
        if let Some(receipt) = &document.receipt {
            return self.first_receipt(scope, &document, receipt).await;
        }
        let (bytes, mic) = self.first(scope, &document, (&received, sha256)).await?;
        if !document.told {
            self.tell(scope, &document, &received, &bytes).await?;
        }
        if envelope.receipt.is_none() {
            parts.note_told(scope, &document).await?;
            return Ok(Reply::Nothing);
        }
        let made = self.made(scope, envelope, &parties.identity, (&Disposition::Processed, Some(&mic))).await?;
        let document = self.keep(scope, &document, envelope, &made).await?;
        match &document.receipt {
            Some(receipt) => self.first_receipt(scope, &document, receipt).await,
            None => Ok(made.into()),
        }
    }

    /// Stores the document.
    async fn file(
        &self,
        scope: &Scope,
        partner: &str,
        envelope: &Envelope,
        (id, received, sha256): (String, &Received, [u8; 32]),
    ) -> Result<Document, EngineError> {
        let receipt = envelope.receipt.as_ref();
        let mdn = match receipt {
            None => Mdn::None,
            Some(asked) if asked.deliver_to.is_some() => Mdn::Async,
            Some(_) => Mdn::Sync,
        };
        let message = Message {
            id: envelope.message_id.clone(),
            mic: received.mic.to_string(),
            key: None,
            mdn,
            mdn_signed: receipt.is_some_and(|asked| asked.signed),
            mdn_timeout_minutes: 0,
            waits_until: None,
        };
        let arrived = Arrived {
            id,
            partner,
            content_type: Some(&received.document.content_type),
            file_name: received.document.file_name.clone(),
            bytes: &received.document.bytes,
            sha256,
            message: Some(message),
        };
        self.parts.file(scope, arrived).await
    }

    /// The bytes of a document and the MIC to confirm: of what was stored, if another content comes under the message's
    /// id before the first one was answered.
    async fn first<'a>(
        &self,
        scope: &Scope,
        document: &Document,
        (received, sha256): (&'a Received, [u8; 32]),
    ) -> Result<(Cow<'a, [u8]>, Mic), EngineError> {
        let bytes = &received.document.bytes;
        if document.sha256 == hex::encode(sha256) {
            return Ok((Cow::Borrowed(bytes), received.mic.clone()));
        }
        let mic = document.message.as_ref().and_then(|message| Mic::read(&message.mic));
        let bytes = self.parts.documents.content(scope, document).await?;
        Ok((Cow::Owned(bytes.ok_or(StoreError::Conflict)?), mic.ok_or(StoreError::Conflict)?))
    }

    /// Publishes the event and records the transaction.
    async fn tell(
        &self,
        scope: &Scope,
        document: &Document,
        received: &Received,
        bytes: &[u8],
    ) -> Result<(), EngineError> {
        let protections = &received.protections;
        let facts = json!({"signed": protections.signed.is_some(), "encrypted": protections.encrypted.is_some()});
        self.parts.tell(scope, document, bytes, facts).await
    }

    /// Keeps a receipt, unless there is one by now; gives the document as it is then.
    async fn keep(
        &self,
        scope: &Scope,
        document: &Document,
        envelope: &Envelope,
        made: &ReceiptMessage,
    ) -> Result<Document, EngineError> {
        let parts = &self.parts;
        let key = Folder::Receipts.key(&parts.ports.unique("mdn"));
        parts.documents.blobs.put(scope, &key, &stored::encode(&made.headers, &made.body)?).await?;
        let receipt = Receipt {
            key,
            conclusive: true,
            positive: true,
            reason: String::new(),
            deliver_to: envelope.receipt.as_ref().and_then(|asked| asked.deliver_to.clone()),
            delivered_at: None,
            at: parts.ports.now(),
        };
        let adopt = |document: &mut Document| {
            let none = document.receipt.is_none();
            if none {
                document.receipt = Some(receipt.clone());
                document.told = true;
            }
            none
        };
        Ok(parts.documents.change(scope, &document.id, adopt).await?.ok_or(StoreError::Conflict)?)
    }

    /// Answers with the receipt that was made first. An asynchronous one is sent, again if it comes again.
    async fn first_receipt(&self, scope: &Scope, document: &Document, receipt: &Receipt) -> Result<Reply, EngineError> {
        if receipt.deliver_to.is_some() {
            self.receipts.request(scope, document).await?;
            return Ok(Reply::Nothing);
        }
        let kept = self.parts.documents.blobs.get(scope, &receipt.key).await?;
        let (headers, body) = stored::decode(kept.ok_or(StoreError::Conflict)?)?;
        Ok(Reply::Receipt(headers, body))
    }

    /// Refuses a message. The receipt is always the response: nobody knows who asks for it, so it is sent nowhere else.
    async fn refuse(
        &self,
        scope: &Scope,
        envelope: &Envelope,
        identity: Option<&Arc<Identity>>,
        fault: &Fault,
    ) -> Result<Reply, EngineError> {
        if envelope.receipt.is_none() {
            return Ok(Reply::Refused(fault.modifier.to_string()));
        }
        let disposition = Disposition::from(fault.modifier);
        match identity {
            Some(identity) => self.receipt(scope, envelope, identity, (&disposition, None)).await,
            None => Ok(self.unsigned(envelope, &disposition)?.into()),
        }
    }

    async fn receipt(
        &self,
        scope: &Scope,
        envelope: &Envelope,
        identity: &Identity,
        what: (&Disposition, Option<&sluice_as2::Mic>),
    ) -> Result<Reply, EngineError> {
        if envelope.receipt.is_none() {
            return Ok(Reply::Nothing);
        }
        Ok(self.made(scope, envelope, identity, what).await?.into())
    }

    /// Makes a receipt, signed if that is asked for.
    async fn made(
        &self,
        scope: &Scope,
        envelope: &Envelope,
        identity: &Identity,
        (disposition, mic): (&Disposition, Option<&sluice_as2::Mic>),
    ) -> Result<ReceiptMessage, EngineError> {
        let asked = envelope.receipt.as_ref().filter(|asked| asked.signed);
        let now = self.parts.ports.now();
        let signing = match (asked, identity.signing(now)) {
            (Some(asked), Some(key)) => {
                let key = self.parts.open_key(scope, key);
                let key = key.map_err(|error| StoreError::Malformed(error.to_string()))?;
                Some((asked.signing_digest(), key))
            }
            _ => None,
        };
        let sign = signing.as_ref().map(|(digest, key)| (*digest, key));
        self.build(envelope, disposition, (mic, sign))
    }

    fn unsigned(&self, envelope: &Envelope, disposition: &Disposition) -> Result<ReceiptMessage, EngineError> {
        self.build(envelope, disposition, (None, None))
    }

    fn build(
        &self,
        envelope: &Envelope,
        disposition: &Disposition,
        (mic, sign): (Option<&sluice_as2::Mic>, Option<(sluice_as2::Digest, &Keys)>),
    ) -> Result<ReceiptMessage, EngineError> {
        let text = match disposition {
            Disposition::Processed => "The message was received, and its content was verified.",
            Disposition::Warning(_) => "The message was received before.",
            Disposition::Error(_) | Disposition::Failure(_) => "The message was not accepted.",
        };
        let id = format!("<{}@sluice>", self.parts.ports.unique("mdn"));
        let receipt = NewReceipt {
            from: &envelope.to,
            to: &envelope.from,
            message_id: &id,
            at: timestamp(self.parts.ports.now()),
            original_message_id: &envelope.message_id,
            disposition,
            mic,
            text,
            reporting_agent: "Sluice",
            sign,
        };
        receipt.build().map_err(|fault| StoreError::Malformed(fault.detail).into())
    }
}
