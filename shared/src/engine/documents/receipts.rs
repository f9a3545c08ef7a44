//! Receipts that travel by themselves: ours for what partners sent, and theirs for what we sent.

use std::time::Duration;

use sluice_as2::{Digest, Headers, Limits, receipt};
use tokio::time::Instant;

use super::{DocumentError, DocumentParts, route, stored};
use crate::domain::document::Document;
use crate::domain::face::FaceKind;
use crate::domain::route::{Route, RouteKey};
use crate::domain::scope::Scope;
use crate::domain::transaction::TransactionId;
use crate::engine::EngineError;
use crate::engine::finder::EventFinder;
use crate::engine::lifecycle::Lifecycle;
use crate::engine::messages::{DeliverMessage, Delivery, Due, Recipient, Task};
use crate::engine::room::Entrance;
use crate::outbound::{As2Client, Reach, TlsTerms, check_url};
use crate::queue::{Queue, Queues};
use crate::store::StoreError;
use crate::store::documents::KnownBy;

/// Posts our asynchronous receipts.
#[derive(Clone)]
pub(crate) struct ReceiptSender {
    pub(crate) parts: DocumentParts,
    pub(crate) client: As2Client,
    pub(crate) reach: Reach,
    pub(crate) timeout: Duration,
}

impl ReceiptSender {
    /// Posts the receipt of a document, if it did not arrive yet; `false` if it is to be tried again.
    pub(crate) async fn send(&self, scope: &Scope, id: &str) -> Result<bool, EngineError> {
        let Some(document) = self.parts.documents.get(scope, id).await? else { return Ok(true) };
        let Some(receipt) = document.receipt.filter(|receipt| receipt.delivered_at.is_none()) else { return Ok(true) };
        let Some(url) = receipt.deliver_to else { return Ok(true) };
        let url = match check_url(&url, self.reach) {
            Ok(url) => url,
            Err(error) => {
                tracing::warn!(%scope, document = id, %error, "an MDN is not sent: its address is refused");
                return Ok(true);
            }
        };
        let Some(kept) = self.parts.documents.blobs.get(scope, &receipt.key).await? else { return Ok(true) };
        let posting = stored::posting(kept, url, (None, TlsTerms::default()))?;
        match self.client.post(posting, Instant::now() + self.timeout).await {
            Ok(answer) if answer.status.is_success() => {}
            Ok(answer) => {
                tracing::warn!(%scope, document = id, status = %answer.status, "an MDN was not taken");
                return Ok(false);
            }
            Err(reason) => {
                tracing::warn!(%scope, document = id, reason, "an MDN was not taken");
                return Ok(false);
            }
        }
        let now = self.parts.ports.now();
        let arrived = |document: &mut Document| {
            let receipt = document.receipt.as_mut().filter(|receipt| receipt.delivered_at.is_none());
            receipt.map(|receipt| receipt.delivered_at = Some(now)).is_some()
        };
        self.parts.documents.change(scope, id, arrived).await?;
        Ok(true)
    }
}

/// Has receipts sent, and takes those of partners.
#[derive(Clone)]
pub struct Receipts {
    pub(crate) parts: DocumentParts,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) finder: EventFinder,
    pub(crate) queues: Queues,
}

/// What became of a receipt that a partner sent by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is recorded.
    Recorded,
    /// It is no receipt: why.
    NotAReceipt(String),
    /// It is for no message of ours.
    Unknown,
    /// It proves nothing: why.
    Refused(String),
}

impl Receipts {
    /// Where they come in.
    #[must_use]
    pub fn entrance(&self) -> &Entrance {
        &self.parts.entrance
    }

    /// Has the receipt of a document that came sent to where its sender wants it: also one that arrived, for a message
    /// that comes again asks for it again.
    pub(super) async fn request(&self, scope: &Scope, document: &Document) -> Result<(), EngineError> {
        let again = |document: &mut Document| {
            document.receipt.as_mut().is_some_and(|receipt| receipt.delivered_at.take().is_some())
        };
        self.parts.documents.change(scope, &document.id, again).await?;
        let route = route::ensure(&self.lifecycle, scope, &document.partner_id).await.map_err(|error| match error {
            DocumentError::Engine(error) => error,
            other => StoreError::Unavailable(other.to_string()).into(),
        })?;
        self.send_by(scope, document, &route).await
    }

    async fn send_by(&self, scope: &Scope, document: &Document, route: &Route) -> Result<(), EngineError> {
        let task = Task::SendReceipt { document: document.id.clone(), attempt: 1 };
        let message = DeliverMessage { to: Recipient::new(scope, &route.uid), not_before: None, task };
        Ok(self.queues.send(Queue::Deliver, vec![message.outgoing(Duration::ZERO)?]).await?)
    }

    /// Sends the receipt of a document that came again; `false` if its sender wanted none, or in the response.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn send_again(&self, scope: &Scope, id: &TransactionId) -> Result<bool, EngineError> {
        let again = |document: &mut Document| {
            let ours = document.route == id.route;
            let receipt = document.receipt.as_mut().filter(|receipt| ours && receipt.deliver_to.is_some());
            receipt.is_some_and(|receipt| receipt.delivered_at.take().is_some())
        };
        let document = self.parts.documents.change(scope, &id.event, again).await?;
        let has_address = |document: &Document| {
            let receipt = document.receipt.as_ref();
            document.route == id.route && receipt.is_some_and(|receipt| receipt.deliver_to.is_some())
        };
        let Some(document) = document.filter(has_address) else { return Ok(false) };
        let key = RouteKey::new(FaceKind::Documents, &document.partner_id);
        let Some(route) = self.lifecycle.transitions.routes.get(scope, &key).await? else { return Ok(false) };
        self.send_by(scope, &document, &route).await?;
        Ok(true)
    }

    /// Takes a receipt for a message that we sent: durable once it is answered.
    ///
    /// # Errors
    /// [`EngineError`]; then the partner is not answered, and sends it again.
    pub async fn take(&self, scope: &Scope, headers: Headers, body: Vec<u8>) -> Result<Taken, EngineError> {
        let parts = &self.parts;
        // Whose signature it must have, the message that it is for says.
        let named = receipt::read(&headers, body.clone(), &[], &Digest::ALL, &Limits::default());
        let named = match named {
            Ok(read) => read.original_message_id,
            Err(fault) => return Ok(Taken::NotAReceipt(fault.detail)),
        };
        let Some(message_id) = named else { return Ok(Taken::NotAReceipt("It names no message.".to_owned())) };
        let Some(id) = parts.documents.known_by(scope, KnownBy::Sent(bare(&message_id))).await? else {
            return Ok(Taken::Unknown);
        };
        let Some(document) = parts.documents.get(scope, &id).await? else { return Ok(Taken::Unknown) };
        // It may have been sent anew since, as another message.
        let message = document.message.clone().filter(|message| bare(&message.id) == bare(&message_id));
        let Some(message) = message else { return Ok(Taken::Unknown) };
        let Some(partner) = parts.partners.get(scope, &document.partner_id).await? else { return Ok(Taken::Unknown) };
        let judgment = parts.judge(&partner, &message, (headers.clone(), body.clone())).await?;
        if !judgment.conclusive && !judgment.mismatched {
            tracing::warn!(%scope, document = id, reason = judgment.reason, "an MDN is not accepted");
            return Ok(Taken::Refused(judgment.reason));
        }
        let kept = parts.keep_receipt(scope, &document, (&headers, &body), &judgment).await?;
        let Some(document) = kept else { return Ok(Taken::Unknown) };
        self.conclude(scope, &document).await?;
        Ok(Taken::Recorded)
    }

    /// Has the engine look at a document whose receipt is known: it ends the attempt that waits for it.
    async fn conclude(&self, scope: &Scope, document: &Document) -> Result<(), EngineError> {
        let parts = &self.parts;
        let Some(event) = self.finder.find(scope, &document.id).await? else { return Ok(()) };
        let attempt = match parts.transaction(scope, document).await? {
            // The receipt may come before the first attempt is recorded.
            Some(id) => parts.transactions.find(scope, &id).await?.map_or(1, |found| found.last.attempt.max(1)),
            None => 1,
        };
        let to = Recipient::new(scope, &document.route);
        let delivery = Delivery::fresh().retry(attempt);
        let messages = DeliverMessage::deliveries(&to, &delivery, vec![event], Due::now())?;
        Ok(self.queues.send(Queue::Deliver, messages).await?)
    }
}

/// A message's id without its angle brackets: some partners leave them out.
pub(super) fn bare(id: &str) -> &str {
    id.trim().trim_start_matches('<').trim_end_matches('>')
}
