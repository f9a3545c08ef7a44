//! Retries that are due later than a queue can delay them.

use std::time::Duration;

use super::Live;
use crate::engine::EngineError;
use crate::engine::messages::{DeliverMessage, Due, Recipient};
use crate::queue::{MAX_DELAY, Outgoing, Queue};
use crate::store::scheduled::ScheduledDelivery;

/// When to look again at what is due if this worker dies over it.
const AGAIN: Duration = Duration::from_secs(300);
/// Looks of one worker call; the rest is left to the next.
const LOOKS: usize = 50;

impl Live {
    /// Sends messages after a delay, however long.
    pub(super) async fn send_after(
        &self,
        to: &Recipient,
        messages: Vec<Outgoing>,
        delay: Duration,
    ) -> Result<(), EngineError> {
        if delay <= MAX_DELAY {
            let delayed = messages.into_iter().map(|message| Outgoing { delay, ..message }).collect();
            return Ok(self.queues.send(Queue::Deliver, delayed).await?);
        }
        let due = self.ports.now().plus(delay);
        for message in messages {
            self.scheduled.schedule(&to.scope, &to.route, message.body, due).await?;
        }
        Ok(())
    }

    /// Sends a route's scheduled deliveries that are due.
    pub(super) async fn send_scheduled(&self, to: &Recipient) -> Result<(), EngineError> {
        let mut taken = self.scheduled.take(&to.scope, &to.route, self.ports.now().plus(AGAIN)).await?;
        for _ in 0..LOOKS {
            let Some(wake_up) = &taken else { return Ok(()) };
            let due = self.scheduled.due(&to.scope, &to.route, self.ports.now()).await?;
            if !due.is_empty() {
                self.send_due(to, due).await?;
            } else if self.scheduled.rearm(wake_up).await? {
                return Ok(());
            } else {
                // More was scheduled meanwhile.
                taken = self.scheduled.wake_up(&to.scope, &to.route).await?;
            }
        }
        self.scheduled.advance(&to.scope, &to.route, self.ports.now()).await?;
        let more = DeliverMessage::wake(to.clone(), Due::now())?;
        Ok(self.queues.send(Queue::Deliver, vec![more]).await?)
    }

    async fn send_due(&self, to: &Recipient, due: Vec<ScheduledDelivery>) -> Result<(), EngineError> {
        let message = |one: &ScheduledDelivery| Outgoing {
            body: one.message.clone(),
            delay: Duration::ZERO,
            group: Some(to.route.clone()),
        };
        self.queues.send(Queue::Deliver, due.iter().map(message).collect()).await?;
        for sent in &due {
            self.scheduled.forget(&to.scope, &to.route, sent).await?;
        }
        Ok(())
    }
}
