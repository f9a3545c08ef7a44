//! Running on AWS Lambda: put the app together from the environment, serve an endpoint, run a worker.

use aws_config::BehaviorVersion;
use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use lambda_runtime::Error;

use crate::app::{App, Clients, Resources};
use crate::logs;
use crate::ports::Ports;
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

/// The app over real AWS, as the function's environment describes it.
///
/// # Errors
/// A missing variable, a bad setting, or a secret that cannot be read.
pub async fn app() -> Result<App, Error> {
    let settings = Settings::from_env()?;
    let resources = Resources::from_env()?;
    let config = aws_config::defaults(BehaviorVersion::latest()).load().await;
    let keys = Keyring::from_json(&master_keys(&config).await?)?;
    Ok(App::new(&Clients::new(&config, &config, None), resources, settings, keys, Ports::system())?)
}

/// The master keys, from Secrets Manager.
async fn master_keys(config: &aws_config::SdkConfig) -> Result<zeroize::Zeroizing<String>, Error> {
    let id = std::env::var("SLUICE_KEYS_SECRET_ID")
        .map_err(|_| "SLUICE_KEYS_SECRET_ID is missing: template.yaml sets it")?;
    let client = aws_sdk_secretsmanager::Client::new(config);
    let answer = client.get_secret_value().secret_id(id).send().await?;
    let text = answer.secret_string.ok_or("the secret of SLUICE_KEYS_SECRET_ID has no text")?;
    Ok(zeroize::Zeroizing::new(text))
}

/// The bodies of a batch, in order.
#[must_use]
pub fn bodies(event: &SqsEvent) -> Vec<String> {
    event.records.iter().map(|record| record.body.clone().unwrap_or_default()).collect()
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
