//! Running on AWS Lambda: put the app together from the environment, serve an endpoint, run a worker.

use std::convert::identity;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::BehaviorVersion;
use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use lambda_runtime::{Context, Error};

use crate::app::{App, Clients, Patience, Resources};
use crate::deadline::Deadline;
use crate::domain::time::Millis;
use crate::logs;
use crate::ports::Ports;
use crate::queue::Receipt;
use crate::secrets::Keyring;
use crate::settings::Settings;

/// The handler that SAM names for this function, such as `integrations.create`.
///
/// # Errors
/// Where the variable is missing: this is not a Lambda environment.
pub fn handler_name() -> Result<String, Error> {
    std::env::var("_HANDLER").map_err(|_| "_HANDLER is not set: this binary runs on AWS Lambda".into())
}

/// Logs as JSON lines, for CloudWatch.
pub fn init_logs() {
    tracing_subscriber::fmt().json().with_env_filter(logs::filter("info")).with_target(false).init();
}

/// How long master keys are believed. A key that is added is known everywhere by then, and can be made the current one.
const KEYS_BELIEVED: Duration = Duration::from_secs(300);

/// A running function: the app over real AWS, and what keeps its master keys fresh.
#[derive(Clone)]
pub struct Function {
    /// The app.
    pub app: App,
    keeper: Option<Arc<Keeper>>,
}

/// Reads the master keys from Secrets Manager.
struct Keeper {
    client: aws_sdk_secretsmanager::Client,
    secret_id: String,
    read_at: Mutex<Millis>,
}

impl Function {
    /// Starts one as its environment describes it. Without `keys` it does not get the master keys: it can neither
    /// authenticate a caller nor open a secret.
    ///
    /// # Errors
    /// A missing variable, a bad setting, or a secret that cannot be read.
    pub async fn start(keys: bool) -> Result<Self, Error> {
        let (settings, resources, ports) = (Settings::from_env()?, Resources::from_env()?, Ports::system());
        let config = aws_config::defaults(BehaviorVersion::latest()).load().await;
        let keeper = if keys { Some(Arc::new(Keeper::new(&config, &ports)?)) } else { None };
        let ring = match &keeper {
            Some(keeper) => keeper.read().await?,
            None => Keyring::throwaway(&ports)?,
        };
        let app = App::new(&Clients::new(&config, &config, Patience::AWS, None), resources, settings, ring, ports, identity)?;
        Ok(Self { app, keeper })
    }

    /// Reads the master keys again where they are old. To be called before each invocation: a function that is frozen
    /// in between has no other time. Where that fails, the old ones stay.
    pub async fn refresh_keys(&self) {
        let Some(keeper) = &self.keeper else { return };
        if !keeper.is_due(self.app.ports.now()) {
            return;
        }
        match keeper.read().await {
            Ok(newer) => self.app.keys.replace(&newer),
            Err(error) => tracing::warn!(%error, "the master keys could not be read again"),
        }
    }
}

impl Keeper {
    fn new(config: &aws_config::SdkConfig, ports: &Ports) -> Result<Self, Error> {
        let secret_id = std::env::var("SLUICE_KEYS_SECRET_ID")
            .map_err(|_| "SLUICE_KEYS_SECRET_ID is missing: template.yaml sets it")?;
        let client = aws_sdk_secretsmanager::Client::new(config);
        Ok(Self { client, secret_id, read_at: Mutex::new(ports.now()) })
    }

    /// Whether the keys must be read again. The first caller to get `true` reads them; others keep using the old ones.
    fn is_due(&self, now: Millis) -> bool {
        let mut read_at = self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        let due = now.since(*read_at) >= KEYS_BELIEVED;
        if due {
            *read_at = now;
        }
        due
    }

    async fn read(&self) -> Result<Keyring, Error> {
        let answer = self.client.get_secret_value().secret_id(&self.secret_id).send().await?;
        let text = answer.secret_string.ok_or("the secret of SLUICE_KEYS_SECRET_ID has no text")?;
        Ok(Keyring::from_json(&zeroize::Zeroizing::new(text))?)
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
