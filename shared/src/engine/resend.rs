//! Sends deliveries again because somebody asked for it.

use super::EngineError;
use super::finder::EventFinder;
use super::messages::{DeliverMessage, Delivery, Due, Recipient};
use crate::domain::document::Document;
use crate::domain::route::Way;
use crate::domain::scope::Scope;
use crate::domain::transaction::{Direction, Outcome, RouteKind, TransactionId, TransactionStatus};
use crate::queue::{Queue, Queues};
use crate::store::StoreError;
use crate::store::documents::Documents;
use crate::store::routes::Routes;
use crate::store::transactions::{Found, Transactions};

/// Sends deliveries again.
#[derive(Clone)]
pub struct Resend {
    pub(crate) transactions: Transactions,
    pub(crate) routes: Routes,
    pub(crate) finder: EventFinder,
    pub(crate) documents: Documents,
    pub(crate) queues: Queues,
}

/// Why a delivery cannot be sent again.
#[derive(Debug, thiserror::Error)]
pub enum ResendError {
    /// Its route was deleted.
    #[error("The route of this transaction was deleted")]
    RouteGone,
    /// Its event has outlived the log's retention.
    #[error("The event of this transaction is no longer in the log")]
    EventGone,
    /// Its route keeps an order.
    #[error("The route of this transaction keeps an order, so nothing can be sent again")]
    Ordered,
    /// It is a record's.
    #[error("This transaction is of a record of a pipeline: replay its dead letter")]
    Record,
    /// It came from a partner.
    #[error("This transaction is of a document that came from a partner: there is nothing to send")]
    Inbound,
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for ResendError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl Resend {
    /// Sends one transaction's event again, as its next attempt. `None` if there is no such transaction.
    ///
    /// # Errors
    /// [`ResendError`].
    pub async fn transaction(&self, scope: &Scope, id: &TransactionId) -> Result<Option<Outcome>, ResendError> {
        let Some(Found { last, header, .. }) = self.transactions.find(scope, id).await? else { return Ok(None) };
        if last.route.kind == RouteKind::Pipeline {
            return Err(ResendError::Record);
        }
        if last.direction == Direction::Inbound {
            return Err(ResendError::Inbound);
        }
        let snapshot = self.routes.snapshot(scope).await?;
        let route = &snapshot.by_uid(&id.route).ok_or(ResendError::RouteGone)?.route;
        if route.way != Way::Live {
            return Err(ResendError::Ordered);
        }
        if last.attempt == 0 {
            // Its first attempt is on its way.
            return Ok(Some(last));
        }
        let event = self.finder.find(scope, &id.event).await?.ok_or(ResendError::EventGone)?;
        let delivery = Delivery { replay: true, ..Delivery::fresh().retry(last.attempt + 1) };
        let to = Recipient::new(scope, &id.route);
        let messages = DeliverMessage::deliveries(&to, &delivery, vec![event], Due::now())?;
        if last.route.kind == RouteKind::Documents {
            // Before the message: whoever has it must know that somebody wants it sent again.
            let again = |document: &mut Document| !std::mem::replace(&mut document.again, true);
            self.documents.change(scope, &id.event, again).await?;
        }
        // Sent first: what is marked as queued is on its way, whatever crashes.
        self.queues.send(Queue::Deliver, messages).await.map_err(EngineError::from)?;
        self.transactions.reopen(scope, &last, header.as_deref()).await?;
        Ok(Some(Outcome { status: TransactionStatus::Queued, error: String::new(), discarded: false, ..last }))
    }
}
