//! Where the deployment's records and messages are, and the clients that reach them.

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;

use crate::queue::QueueUrls;
use crate::store::Tables;

/// Where the records and messages of this deployment are.
#[derive(Clone, Debug)]
pub struct Resources {
    /// The tables.
    pub tables: Tables,
    /// The queues.
    pub queues: QueueUrls,
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
                deliver_dlq: variable("SLUICE_QUEUE_DELIVER_DLQ")?,
                export: variable("SLUICE_QUEUE_EXPORT")?,
                replay: variable("SLUICE_QUEUE_REPLAY")?,
                automate: variable("SLUICE_QUEUE_AUTOMATE")?,
                sync: variable("SLUICE_QUEUE_SYNC")?,
            },
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
    /// Sees every call, to count it: these clients' own, and those to customers' buckets.
    pub observer: Option<SharedInterceptor>,
}

impl Clients {
    /// Clients over a configuration for each service. Without credentials, which is a server in this process, requests
    /// are not signed.
    #[must_use]
    pub fn new(dynamodb: &SdkConfig, sqs: &SdkConfig, observer: Option<SharedInterceptor>) -> Self {
        let unsigned = [dynamodb, sqs].map(|config| config.credentials_provider().is_none());
        let mut dynamodb = aws_sdk_dynamodb::config::Builder::from(dynamodb);
        let mut sqs = aws_sdk_sqs::config::Builder::from(sqs);
        if unsigned == [true, true] {
            dynamodb.set_allow_no_auth();
            sqs.set_allow_no_auth();
        }
        if let Some(observer) = &observer {
            dynamodb.push_interceptor(observer.clone());
            sqs.push_interceptor(observer.clone());
        }
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
            observer,
        }
    }
}
