//! What a receipt means for the message that it is for, and how it is kept.

use std::borrow::Cow;

use serde_json::{Value, json};
use sluice_as2::receipt::{self, Expected, Verdict as Judged};
use sluice_as2::{Headers, Limits, Mic};

use super::terms::{policy, signing_certificates};
use super::{DocumentParts, content, stored};
use crate::deep;
use crate::domain::attempt::Verdict;
use crate::domain::document::{Document, Message, Receipt, SENT};
use crate::domain::partner::Partner;
use crate::domain::scope::Scope;
use crate::engine::EngineError;
use crate::outbound::Fate;
use crate::store::StoreError;
use crate::store::documents::Folder;

/// What a receipt says of a message.
pub(super) struct Judgment {
    /// Whether it settles the message.
    pub(super) conclusive: bool,
    /// Whether the document was accepted.
    pub(super) positive: bool,
    /// Whether the partner says that it has something else than was sent, so that there is nothing to wait for.
    pub(super) mismatched: bool,
    /// Why it was not, or what is remarked.
    pub(super) reason: String,
}

impl Judgment {
    fn of(judged: Judged) -> Self {
        let mismatched = matches!(judged, Judged::MicDifferent { .. });
        let (conclusive, positive, reason) = match judged {
            Judged::Accepted { warning } => (true, true, warning.unwrap_or_default()),
            Judged::Rejected { reason } => (true, false, reason),
            // The partner has something else than was sent, so it must not count as delivered.
            Judged::MicDifferent { .. } => (false, false, "the MDN has another MIC than the message".to_owned()),
            Judged::OtherMessage { .. } => (false, false, "the MDN is for another message".to_owned()),
            Judged::Untrusted { reason } => (false, false, format!("the MDN cannot be trusted: {reason}")),
        };
        Self { conclusive, positive, mismatched, reason: content::reason(&reason) }
    }

    fn unreadable(reason: &str) -> Self {
        Self { conclusive: false, positive: false, mismatched: false, reason: content::reason(reason) }
    }
}

impl DocumentParts {
    /// Reads a receipt for a message of ours.
    pub(super) async fn judge(
        &self,
        partner: &Partner,
        message: &Message,
        (headers, body): (Headers, Vec<u8>),
    ) -> Result<Judgment, StoreError> {
        let digests = partner.profile.as2.as_ref().map(policy).unwrap_or_default().digests;
        let (pinned, message) = (signing_certificates(partner), message.clone());
        let judged = deep::run(move || {
            let read = match receipt::read(&headers, body, &pinned, &digests, &Limits::default()) {
                Ok(read) => read,
                Err(fault) => return Judgment::unreadable(&fault.detail),
            };
            let Some(mic) = Mic::read(&message.mic) else { return Judgment::unreadable("the MIC is lost") };
            Judgment::of(read.judge(&Expected { message_id: &message.id, mic: &mic, signed: message.mdn_signed }))
        });
        judged.await.map_err(|error| StoreError::Unavailable(error.to_string()))
    }

    /// Keeps a receipt that came; the first that settles the message counts. One that has another MIC is told of at once,
    /// for it settles nothing. Gives the document as it is then.
    pub(super) async fn keep_receipt(
        &self,
        scope: &Scope,
        document: &Document,
        (headers, body): (&Headers, &[u8]),
        judgment: &Judgment,
    ) -> Result<Option<Document>, EngineError> {
        let key = Folder::Receipts.key(&self.ports.unique("mdn"));
        self.documents.blobs.put(scope, &key, &stored::encode(headers, body)?).await?;
        let receipt = Receipt {
            key,
            conclusive: judgment.conclusive,
            positive: judgment.positive,
            reason: judgment.reason.clone(),
            deliver_to: None,
            delivered_at: None,
            at: self.ports.now(),
        };
        let sent = document.message.as_ref().map(|message| message.id.clone());
        let adopt = |document: &mut Document| {
            // It may be sent anew by now, as another message.
            let same = document.message.as_ref().map(|message| &message.id) == sent.as_ref();
            if !same || document.conclusion().is_some() {
                return false;
            }
            document.receipt = Some(receipt.clone());
            let waits = document.message.as_mut().map(|message| &mut message.waits_until);
            if receipt.conclusive {
                waits.map(Option::take);
                // Who wanted it sent again before this came has what was wanted.
                document.again = false;
            } else if let Some(Some(until)) = waits {
                // The attempt that waits for it has failed now.
                *until = receipt.at;
            }
            true
        };
        let kept = self.documents.change(scope, &document.id, adopt).await?;
        let mismatched = kept.as_ref().filter(|_| judgment.mismatched);
        let unsettling = mismatched.and_then(|document| Some((document, document.receipt.as_ref()?)));
        if let Some((document, receipt)) = unsettling.filter(|(_, receipt)| !receipt.conclusive) {
            self.received(scope, document, (receipt, "mismatch")).await?;
        }
        Ok(kept)
    }

    /// What a receipt that was kept means for its document. What must be told of it is told before.
    pub(super) async fn fate(&self, scope: &Scope, document: &Document) -> Result<Fate, EngineError> {
        let Some(receipt) = document.receipt.as_ref() else { return Ok(Fate::failed("there is no MDN")) };
        let reason: Cow<'static, str> = receipt.reason.clone().into();
        if receipt.conclusive {
            let disposition = if receipt.positive { "processed" } else { "rejected" };
            self.received(scope, document, (receipt, disposition)).await?;
        }
        Ok(match (receipt.conclusive, receipt.positive) {
            (true, true) => {
                self.sent(scope, document).await?;
                Fate::new(Verdict::Delivered, reason)
            }
            (true, false) => Fate::new(Verdict::Rejected, reason),
            (false, _) => Fate::failed(reason),
        })
    }

    /// A receipt came.
    async fn received(
        &self,
        scope: &Scope,
        document: &Document,
        (receipt, disposition): (&Receipt, &str),
    ) -> Result<(), EngineError> {
        let mut facts = self.event(scope, document).await?;
        facts["disposition"] = json!(disposition);
        facts["reason"] = json!(receipt.reason);
        let id = format!("{}_mdn_{}", document.id, receipt.at.0);
        self.publish(scope, (id, "mdn.received"), document, &facts).await
    }

    /// A partner has a document.
    pub(super) async fn sent(&self, scope: &Scope, document: &Document) -> Result<(), EngineError> {
        let facts = self.event(scope, document).await?;
        self.publish(scope, (format!("{}_sent", document.id), SENT), document, &facts).await
    }

    /// No receipt came in time.
    pub(super) async fn timed_out(&self, scope: &Scope, document: &Document) -> Result<(), EngineError> {
        let mut facts = self.event(scope, document).await?;
        let Some(message) = &document.message else { return Ok(()) };
        facts["mdn_timeout_minutes"] = json!(message.mdn_timeout_minutes);
        let until = message.waits_until.unwrap_or_default();
        self.publish(scope, (format!("{}_timeout_{}", document.id, until.0), "mdn.timeout"), document, &facts).await
    }

    /// What events say of a document.
    pub(super) async fn event(&self, scope: &Scope, document: &Document) -> Result<Value, EngineError> {
        let transaction = self.transaction(scope, document).await?;
        let facts = &document.facts;
        Ok(json!({
            "transaction_id": transaction.map(|id| id.to_string()),
            "partner_id": document.partner_id,
            "document_type": facts.document_type,
            "control_numbers": facts.control_numbers,
            "file_name": facts.file_name,
            "correlation_id": facts.correlation_id,
            "content_type": facts.content_type,
            "size": document.size,
            "sha256": document.sha256,
            "message_id": document.message.as_ref().map(|message| &message.id),
        }))
    }
}
