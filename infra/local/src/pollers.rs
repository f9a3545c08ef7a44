//! The local run's event source mappings and schedule: receives messages from the queues and calls the workers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use sluice::app::App;
use sluice::deadline::Deadline;
use sluice::lambda::receipts;
use sluice_workers::{TICK, Worker, tick};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::chaos::Chaos;
use crate::usage::Usage;

const LONG_POLL_SECONDS: i32 = 20;
/// A receive that waits takes longer than other calls.
const RECEIVE: Duration = Duration::from_secs(30);
/// As on AWS: a tick ends before the next one begins.
const TICK_TIME: Duration = Duration::from_secs(50);
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
    chaos: Option<Chaos>,
}

impl Pollers {
    /// Starts those of every worker, as many as its table says or `parallel`, and the schedule.
    #[must_use]
    pub fn start(
        app: &App,
        (client, urls): (&Client, &sluice::queue::QueueUrls),
        usage: &Arc<Usage>,
        chaos: Option<&Chaos>,
        parallel: Option<usize>,
    ) -> Self {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        for worker in Worker::ALL {
            for _ in 0..parallel.unwrap_or(worker.spec().local.parallel) {
                let (app, client, usage) = (app.clone(), client.clone(), Arc::clone(usage));
                let (url, chaos) = (urls.of(worker.queue()).to_owned(), chaos.cloned());
                let poller = Poller { app, client, url, worker, usage, chaos };
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
        if let Err(error) = tick(&app, Deadline::after(TICK_TIME)).await {
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
        let patient =
            TimeoutConfig::builder().operation_attempt_timeout(RECEIVE).operation_timeout(2 * RECEIVE).build();
        let patient = aws_sdk_sqs::Config::builder().timeout_config(patient);
        let receive = receive.wait_time_seconds(LONG_POLL_SECONDS).customize().config_override(patient);
        let answer = receive.send().await;
        let answer = answer.map_err(|e| aws_sdk_sqs::error::DisplayErrorContext(&e).to_string())?;
        Ok(answer.messages.unwrap_or_default())
    }

    /// Calls the worker as Lambda would, and deletes the messages that are done. A call that is not over in time is
    /// dropped where it stands.
    async fn work(&self, messages: Vec<Message>) {
        let mut event = SqsEvent::default();
        let mut received = Vec::with_capacity(messages.len());
        for mut message in messages {
            let mut record = SqsMessage::default();
            record.message_id = message.message_id.clone();
            record.body = message.body.take();
            record.receipt_handle = message.receipt_handle.clone();
            let attributes = message.attributes.take().unwrap_or_default();
            record.attributes = attributes.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
            event.records.push(record);
            received.push(message);
        }
        let begun = Instant::now();
        let timeout = Duration::from_secs(self.worker.spec().function.timeout_seconds.into());
        let cut = self.chaos.as_ref().and_then(|chaos| chaos.cut(timeout)).unwrap_or(timeout);
        let call = self.worker.run(&self.app, &event, Deadline::after(timeout));
        let response = tokio::time::timeout(cut, call).await;
        self.usage.invocation(self.worker.name(), begun.elapsed());
        let Ok(response) = response else { return self.broken_off(&event).await };
        let failed: Vec<&str> = response.batch_item_failures.iter().map(|f| f.item_identifier.as_str()).collect();
        received.retain(|message| !failed.contains(&message.message_id().unwrap_or_default()));
        self.delete(received).await;
    }

    /// The messages of a call that did not end come again: on AWS after their visibility timeout, which is minutes, here
    /// soon.
    async fn broken_off(&self, event: &SqsEvent) {
        tracing::warn!(worker = self.worker.name(), "a call was not over in time");
        let all: Vec<usize> = (0..event.records.len()).collect();
        self.app.queues.release(self.worker.queue(), &receipts(event, &all)).await;
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
}
