//! The local run's event source mappings and schedule: receives messages from the queues and calls the workers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName,
};
use sluice::app::App;
use sluice_workers::{TICK, Worker, tick};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::usage::Usage;

const LONG_POLL_SECONDS: i32 = 20;
/// After an error of the queue itself.
const PAUSE: Duration = Duration::from_millis(500);

/// The running pollers.
pub struct Pollers {
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// The parts of a poller.
struct Poller {
    app: App,
    client: Client,
    url: String,
    worker: Worker,
    usage: Arc<Usage>,
}

impl Pollers {
    /// Starts those of every worker, and the schedule.
    #[must_use]
    pub fn start(app: &App, client: &Client, urls: &sluice::queue::QueueUrls, usage: &Arc<Usage>) -> Self {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        for worker in Worker::ALL {
            for _ in 0..worker.spec().local.parallel {
                let (app, client, usage) = (app.clone(), client.clone(), Arc::clone(usage));
                let poller = Poller { app, client, url: urls.of(worker.queue()).to_owned(), worker, usage };
                tasks.spawn(poller.run(stop.clone()));
            }
        }
        tasks.spawn(schedule(app.clone(), Arc::clone(usage), stop.clone()));
        tasks.close();
        Self { stop, tasks }
    }

    /// Takes no more messages, and returns once those taken are worked on.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

/// A minute on AWS; here as often as the export's interval needs to be kept.
fn tick_period(app: &App) -> Duration {
    (app.settings.export_interval / 5).clamp(Duration::from_millis(500), Duration::from_secs(60))
}

async fn schedule(app: App, usage: Arc<Usage>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(tick_period(&app));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let begun = Instant::now();
        if let Err(error) = tick(&app).await {
            tracing::error!(%error, "tick failed");
        }
        usage.invocation(TICK, begun.elapsed());
    }
}

impl Poller {
    async fn run(self, stop: CancellationToken) {
        while let Some(received) = stop.run_until_cancelled(self.receive()).await {
            match received {
                Ok(messages) if messages.is_empty() => {}
                Ok(messages) => self.work(messages).await,
                Err(error) => {
                    tracing::warn!(worker = self.worker.name(), %error, "receiving failed");
                    stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
                }
            }
        }
    }

    async fn receive(&self) -> Result<Vec<Message>, String> {
        let batch = i32::try_from(self.worker.spec().local.batch_size).unwrap_or(1);
        let receive = self.client.receive_message().queue_url(&self.url).max_number_of_messages(batch);
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        let answer = receive.wait_time_seconds(LONG_POLL_SECONDS).send().await;
        let answer = answer.map_err(|e| aws_sdk_sqs::error::DisplayErrorContext(&e).to_string())?;
        Ok(answer.messages.unwrap_or_default())
    }

    /// Calls the worker as Lambda would, deletes the messages that are done, and returns the others to the queue.
    async fn work(&self, messages: Vec<Message>) {
        let mut event = SqsEvent::default();
        let mut received = Vec::with_capacity(messages.len());
        for mut message in messages {
            let mut record = SqsMessage::default();
            record.message_id = message.message_id.clone();
            record.body = message.body.take();
            event.records.push(record);
            received.push(message);
        }
        let begun = Instant::now();
        let response = self.worker.run(&self.app, &event).await;
        self.usage.invocation(self.worker.name(), begun.elapsed());
        let failed: Vec<&str> = response.batch_item_failures.iter().map(|f| f.item_identifier.as_str()).collect();
        let has_failed = |message: &Message| failed.contains(&message.message_id().unwrap_or_default());
        let (failed, done) = received.into_iter().partition(has_failed);
        self.delete(done).await;
        self.release(failed).await;
    }

    async fn delete(&self, messages: Vec<Message>) {
        let entry = |(i, message): (usize, Message)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(i.to_string());
            entry.set_receipt_handle(message.receipt_handle).build().ok()
        };
        let entries: Vec<_> = messages.into_iter().enumerate().filter_map(entry).collect();
        if entries.is_empty() {
            return;
        }
        let delete = self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries)).send();
        if let Err(error) = delete.await {
            let error = aws_sdk_sqs::error::DisplayErrorContext(&error);
            tracing::warn!(worker = self.worker.name(), %error, "finished messages could not be deleted and come again");
        }
    }

    /// Has failed messages come again soon: the queue's visibility timeout is for calls that were broken off.
    async fn release(&self, messages: Vec<Message>) {
        let most = self.worker.spec().visibility_seconds();
        let entry = |(i, message): (usize, Message)| {
            let seconds = i32::try_from(failure_delay(receives(&message), most)).unwrap_or_default();
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(i.to_string());
            entry.set_receipt_handle(message.receipt_handle).visibility_timeout(seconds).build().ok()
        };
        let entries: Vec<_> = messages.into_iter().enumerate().filter_map(entry).collect();
        if entries.is_empty() {
            return;
        }
        let change = self.client.change_message_visibility_batch().queue_url(&self.url).set_entries(Some(entries));
        if let Err(error) = change.send().await {
            let error = aws_sdk_sqs::error::DisplayErrorContext(&error);
            tracing::warn!(worker = self.worker.name(), %error, "failed messages come again after their visibility timeout");
        }
    }
}

/// How often a message has been received, this time included.
fn receives(message: &Message) -> u32 {
    let count = message.attributes().and_then(|all| all.get(&MessageSystemAttributeName::ApproximateReceiveCount));
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// Doubles with each receive, so that a fault of minutes does not use up a message's receives.
fn failure_delay(receives: u32, most: u32) -> u32 {
    1_u32.checked_shl(receives).map_or(most, |seconds| seconds.min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_message_waits_longer_each_time() {
        assert_eq!(
            [1, 2, 5, 9, 10, 31, 32].map(|receives| failure_delay(receives, 720)),
            [2, 4, 32, 512, 720, 720, 720]
        );
        let all: u32 = (1..10).map(|receives| failure_delay(receives, 720)).sum();
        assert!(all >= 15 * 60, "ten receives take {all} s");
    }
}
