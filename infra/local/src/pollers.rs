//! What event source mappings and the schedule are on AWS: takes messages from the queues and calls the workers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message};
use sluice::app::App;
use sluice_workers::{TICK, Worker, tick};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::usage::Usage;

/// How many calls of a worker run at once, and how many messages each takes. They bound the memory.
const fn shape(worker: Worker) -> (usize, i32) {
    match worker {
        Worker::Dispatch => (2, 10),
        Worker::Deliver => (16, 1),
        Worker::Export => (4, 1),
        Worker::Replay => (2, 1),
    }
}

const LONG_POLL_SECONDS: i32 = 20;
/// After an error of the queue itself.
const PAUSE: Duration = Duration::from_millis(500);

/// The running pollers.
pub struct Pollers {
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What a poller needs.
struct Poller {
    app: App,
    client: Client,
    url: String,
    worker: Worker,
    batch: i32,
    usage: Arc<Usage>,
}

impl Pollers {
    /// Starts those of every worker, and the schedule.
    #[must_use]
    pub fn start(app: &App, client: &Client, urls: &sluice::queue::QueueUrls, usage: &Arc<Usage>) -> Self {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        for worker in Worker::ALL {
            let (parallel, batch) = shape(worker);
            for _ in 0..parallel {
                let (app, client, usage) = (app.clone(), client.clone(), Arc::clone(usage));
                let poller = Poller { app, client, url: urls.of(worker.queue()).to_owned(), worker, batch, usage };
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
        let receive = self.client.receive_message().queue_url(&self.url).max_number_of_messages(self.batch);
        let answer = receive.wait_time_seconds(LONG_POLL_SECONDS).send().await;
        let answer = answer.map_err(|e| aws_sdk_sqs::error::DisplayErrorContext(&e).to_string())?;
        Ok(answer.messages.unwrap_or_default())
    }

    /// Calls the worker as Lambda would, and deletes what it has done.
    async fn work(&self, messages: Vec<Message>) {
        let mut event = SqsEvent::default();
        let mut handles = Vec::with_capacity(messages.len());
        for message in messages {
            let mut record = SqsMessage::default();
            record.message_id = message.message_id;
            record.body = message.body;
            event.records.push(record);
            handles.push(message.receipt_handle.unwrap_or_default());
        }
        let begun = Instant::now();
        let response = self.worker.run(&self.app, &event).await;
        self.usage.invocation(self.worker.name(), begun.elapsed());
        let failed: Vec<&str> = response.batch_item_failures.iter().map(|f| f.item_identifier.as_str()).collect();
        let done = event.records.iter().zip(handles);
        let done = done.filter(|(record, _)| !failed.contains(&record.message_id.as_deref().unwrap_or_default()));
        self.delete(done.map(|(_, handle)| handle).collect()).await;
    }

    async fn delete(&self, handles: Vec<String>) {
        let entry = |(i, handle): (usize, String)| {
            DeleteMessageBatchRequestEntry::builder().id(i.to_string()).receipt_handle(handle).build().ok()
        };
        let entries: Vec<_> = handles.into_iter().enumerate().filter_map(entry).collect();
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
