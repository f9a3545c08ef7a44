//! Running on AWS Lambda: put the app together from the environment, serve an endpoint, run a worker.

mod keeper;

use std::convert::identity;
use std::sync::Arc;
use std::time::SystemTime;

use aws_config::BehaviorVersion;
use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use lambda_runtime::{Context, Error};
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::app::{App, Clients, Patience, Resources};
use crate::deadline::Deadline;
use crate::logs;
use crate::ports::Ports;
use crate::queue::Receipt;
use crate::rings::Ring;
use crate::settings::Settings;

use keeper::Keeper;

/// The handler that SAM names for this function, such as `integrations.create`.
///
/// # Errors
/// Where the variable is missing: this is not a Lambda environment.
pub fn handler_name() -> Result<String, Error> {
    std::env::var("_HANDLER").map_err(|_| "_HANDLER is not set: this binary runs on AWS Lambda".into())
}

/// Logs as JSON lines, for CloudWatch.
pub fn init_logs() {
    let lines = tracing_subscriber::fmt::layer().json().with_target(false).with_filter(logs::filter("info"));
    tracing_subscriber::registry().with(lines).init();
}

/// A running function: the app over real AWS, and what keeps its master keys fresh.
#[derive(Clone)]
pub struct Function {
    /// The app.
    pub app: App,
    keeper: Arc<Keeper>,
}

impl Function {
    /// Starts one as its environment describes it, with the keys of these rings and of no other.
    ///
    /// # Errors
    /// A missing variable, a bad setting, or a secret that cannot be read.
    pub async fn start(rings: &[Ring]) -> Result<Self, Error> {
        let (settings, resources, ports) = (Settings::from_env()?, Resources::from_env()?, Ports::system());
        let config = aws_config::defaults(BehaviorVersion::latest()).load().await;
        let keeper = Keeper::new(&config, rings, &ports)?;
        let keys = keeper.keys().await?;
        let app =
            App::new(&Clients::new(&config, &config, Patience::AWS, None), resources, settings, keys, ports, identity)?;
        Ok(Self { app, keeper: Arc::new(keeper) })
    }

    /// Reads the master keys again where they are old. To be called before each invocation: a function that is frozen
    /// in between has no other time.
    pub async fn refresh_keys(&self) {
        self.keeper.refresh(&self.app.keys, self.app.tokens.as_ref()).await;
    }
}

/// The bodies of a batch, in order.
#[must_use]
pub fn bodies(event: &SqsEvent) -> Vec<String> {
    event.records.iter().map(|record| record.body.clone().unwrap_or_default()).collect()
}

/// When the call of that context ends.
#[must_use]
pub fn deadline(context: &Context) -> Deadline {
    Deadline::after(context.deadline().duration_since(SystemTime::now()).unwrap_or_default())
}

/// Of the messages of a batch that failed, the receipt and how often each has been received.
#[must_use]
pub fn receipts(event: &SqsEvent, failed: &[usize]) -> Vec<Receipt> {
    let receipt = |place: &usize| {
        let record = event.records.get(*place)?;
        let receives = record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
        Some(Receipt { handle: record.receipt_handle.clone()?, receives: receives.unwrap_or(1) })
    };
    failed.iter().filter_map(receipt).collect()
}

/// Tells Lambda which messages of a batch failed, by place.
#[must_use]
pub fn failures(event: &SqsEvent, failed: &[usize]) -> SqsBatchResponse {
    let ids = failed.iter().filter_map(|place| event.records.get(*place)?.message_id.clone());
    let failure = |item_identifier| {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = item_identifier;
        failure
    };
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = ids.map(failure).collect();
    response
}
