//! The live way: events are sent as soon as they are dispatched; what a route missed comes by replay.

mod attempts;
mod batch;
mod deliver;
mod probe;
mod rate;
mod replay;
mod schedule;
mod sequencer;
mod settle;
mod watch;

use std::time::Duration;

use async_trait::async_trait;

use super::{Matched, RouteWay, Work};
use crate::domain::attempt::Verdict;
use crate::domain::retry::{Next, RetryProfiles, after_attempt};
use crate::domain::route::Route;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::domain::transaction::Outcome;
use crate::engine::EngineError;
use crate::engine::concurrency::ConcurrencySlots;
use crate::engine::courier::Courier;
use crate::engine::documents::ReceiptSender;
use crate::engine::edges::Views;
use crate::engine::finder::EventFinder;
use crate::engine::health::Health;
use crate::engine::messages::{DeliverMessage, Delivery, Due, Recipient, Task};
use crate::engine::promises::Promises;
use crate::engine::shares::Shares;
use crate::engine::starts::Starts;
use crate::engine::undelivered::Undelivered;
use crate::ports::Ports;
use crate::queue::{Queue, Queues};
use crate::store::log::EventLog;
use crate::store::rate_limiter::RateLimiter;
use crate::store::routes::Routes;
use crate::store::scheduled::Scheduled;

pub use replay::Replay;

/// The live way.
pub(crate) struct Live {
    pub(crate) courier: Courier,
    pub(crate) log: EventLog,
    pub(crate) finder: EventFinder,
    pub(crate) routes: Routes,
    pub(crate) health: Health,
    pub(crate) undelivered: Undelivered,
    pub(crate) profiles: RetryProfiles,
    pub(crate) rate: RateLimiter,
    pub(crate) slots: ConcurrencySlots,
    pub(crate) starts: Starts,
    pub(crate) shares: Shares,
    pub(crate) scheduled: Scheduled,
    pub(crate) promises: Promises,
    pub(crate) receipts: ReceiptSender,
    pub(crate) queues: Queues,
    pub(crate) replay: Replay,
    /// The longest that an attempt takes.
    pub(crate) timeout: Duration,
    pub(crate) views: Views,
    pub(crate) ports: Ports,
}

#[async_trait]
impl RouteWay for Live {
    async fn created(&self, _: &Scope, _: &Route) -> Result<(), EngineError> {
        Ok(())
    }

    async fn matched(&self, scope: &Scope, matches: Vec<Matched>) -> Result<(), EngineError> {
        let mut messages = Vec::new();
        for Matched { route, chunks, events, .. } in matches {
            let (to, fresh) = (Recipient::new(scope, &route), Delivery::fresh());
            for chunk in chunks {
                messages.push(DeliverMessage::whole(&to, &fresh, chunk)?);
            }
            messages.extend(DeliverMessage::deliveries(&to, &fresh, events, Due::now())?);
        }
        Ok(self.queues.send(Queue::Deliver, messages).await?)
    }

    async fn deliver(&self, work: Work) -> Result<Vec<Outcome>, EngineError> {
        match &work.task {
            Task::Deliver { delivery, .. } => {
                let delivery = delivery.clone();
                self.deliver_events(work, delivery).await
            }
            Task::Wake => self.send_scheduled(&work.to).await.map(|()| Vec::new()),
            Task::CheckPromise { transaction } => {
                self.promises.check(&work.to.scope, &work.compiled.route, transaction).await.map(|()| Vec::new())
            }
            Task::SendReceipt { document, attempt } => {
                self.send_receipt(&work.to, document, *attempt).await.map(|()| Vec::new())
            }
            Task::CheckWaiting { from } => {
                if let Some((next, delay)) = self.promises.look(&work.to, &work.compiled, *from).await? {
                    self.send_after(&work.to, vec![next], delay).await?;
                }
                Ok(Vec::new())
            }
        }
    }

    async fn started(&self, scope: &Scope, route: &Route, _: Option<Millis>) -> Result<(), EngineError> {
        self.replay.request(&Recipient::new(scope, &route.uid), None).await
    }

    async fn finished(&self, scope: &Scope, route: &Route) -> Result<bool, EngineError> {
        let caught_up = route.state.not_live_since().is_none() && route.state.backlog().is_empty();
        Ok(caught_up && self.replay.parked.oldest(scope, &route.uid).await?.is_empty())
    }

    fn forgotten(&self, _: &str) {}
}

impl Live {
    /// Sends our receipt for a document that came; one that is not taken is tried again as deliveries are.
    async fn send_receipt(&self, to: &Recipient, document: &str, attempt: u32) -> Result<(), EngineError> {
        let message = |attempt| {
            let task = Task::SendReceipt { document: document.to_owned(), attempt };
            DeliverMessage { to: to.clone(), not_before: None, task }
        };
        let Some(slot) = self.enter(&message(attempt)).await? else { return Ok(()) };
        let sending = self.receipts.send(&to.scope, document);
        if self.shares.during(&to.scope, &slot, sending).await? {
            return Ok(());
        }
        let failed = Verdict::Failed { retry_after: None };
        let Next::RetryIn(delay) = after_attempt(failed, attempt, &self.profiles.webhook, self.ports.fraction()) else {
            tracing::warn!(scope = %to.scope, document, "an MDN is given up");
            return Ok(());
        };
        self.send_after(to, vec![message(attempt + 1).outgoing(Duration::ZERO)?], delay).await
    }
}
