//! Where the deployment's records and messages are, and the clients that reach them.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;

use super::conflicts::TransactionConflicts;
use crate::domain::time::Millis;
use crate::queue::QueueUrls;
use crate::store::Tables;

/// Where the records and messages of this deployment are.
#[derive(Clone, Debug)]
pub struct Resources {
    /// The tables.
    pub tables: Tables,
    /// The queues.
    pub queues: QueueUrls,
    /// From when on this process has been the only one that uses them, if it is.
    pub sole_since: Option<Millis>,
    /// How many bytes of the newest chunks are kept at hand, where the workers are in this process: messages to them do
    /// not carry them then. `None` where they are in others.
    pub recent_bytes: Option<usize>,
    /// The bucket of documents.
    pub documents: String,
}

/// A variable of the deployment is missing.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {0} is missing: template.yaml sets it")]
pub struct MissingVariable(&'static str);

impl Resources {
    /// Reads the names that `template.yaml` gives to every function.
    ///
    /// # Errors
    /// The first variable that is missing.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let variable = |name| std::env::var(name).map_err(|_| MissingVariable(name));
        Ok(Self {
            tables: Tables {
                events: variable("SLUICE_TABLE_EVENTS")?,
                config: variable("SLUICE_TABLE_CONFIG")?,
                activity: variable("SLUICE_TABLE_ACTIVITY")?,
            },
            queues: QueueUrls {
                dispatch: variable("SLUICE_QUEUE_DISPATCH")?,
                deliver: variable("SLUICE_QUEUE_DELIVER")?,
                export: variable("SLUICE_QUEUE_EXPORT")?,
                replay: variable("SLUICE_QUEUE_REPLAY")?,
                automate: variable("SLUICE_QUEUE_AUTOMATE")?,
                sync: variable("SLUICE_QUEUE_SYNC")?,
            },
            sole_since: None,
            recent_bytes: None,
            documents: variable("SLUICE_BUCKET_DOCUMENTS")?,
        })
    }
}

/// The process's AWS clients.
#[derive(Clone, Debug)]
pub struct Clients {
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// S3, for the deployment's own bucket.
    pub s3: aws_sdk_s3::Client,
    /// Sees every call, to count it: these clients' own, and those to customers' buckets.
    pub observer: Option<SharedInterceptor>,
}

/// How long a call to DynamoDB or SQS may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Each attempt.
    pub attempt: Duration,
    /// All of them together.
    pub operation: Duration,
}

impl Patience {
    /// On AWS a call takes milliseconds: one that takes a second is lost, and another connection is better.
    pub const AWS: Self = Self { attempt: Duration::from_secs(1), operation: Duration::from_secs(5) };
    /// On one machine the servers share the processor with everything else: a call that takes long is not lost.
    pub const LOCAL: Self = Self { attempt: Duration::from_secs(15), operation: Duration::from_secs(60) };
}

/// Attempts of one call.
const ATTEMPTS: u32 = 5;
/// The wait before the second attempt, at most; each further one is twice as long.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(1);

impl Clients {
    /// Clients over a configuration for each service; that of S3 is DynamoDB's, until [`Clients::with_s3`]. Without credentials, which is a server in this process, requests
    /// are not signed.
    #[must_use]
    pub fn new(
        dynamodb_config: &SdkConfig,
        sqs_config: &SdkConfig,
        patience: Patience,
        observer: Option<SharedInterceptor>,
    ) -> Self {
        let retry = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(FIRST_BACKOFF)
            .with_max_backoff(MAX_BACKOFF);
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(patience.attempt)
            .operation_timeout(patience.operation)
            .build();
        let mut dynamodb = aws_sdk_dynamodb::config::Builder::from(dynamodb_config)
            .retry_config(retry.clone())
            .timeout_config(timeouts.clone())
            .retry_classifier(TransactionConflicts);
        let mut sqs = aws_sdk_sqs::config::Builder::from(sqs_config).retry_config(retry).timeout_config(timeouts);
        if [dynamodb_config, sqs_config].iter().all(|config| config.credentials_provider().is_none()) {
            dynamodb.set_allow_no_auth();
            sqs.set_allow_no_auth();
        }
        if let Some(observer) = &observer {
            dynamodb.push_interceptor(observer.clone());
            sqs.push_interceptor(observer.clone());
        }
        let mut s3 = aws_sdk_s3::config::Builder::from(dynamodb_config);
        if let Some(observer) = &observer {
            s3.push_interceptor(observer.clone());
        }
        Self {
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
            observer,
        }
    }

    /// The same with another S3.
    #[must_use]
    pub fn with_s3(self, s3: aws_sdk_s3::Client) -> Self {
        Self { s3, ..self }
    }
}
