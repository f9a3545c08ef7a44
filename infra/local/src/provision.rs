//! Makes the tables and queues that `template.yaml` makes on AWS, and the first tenant.

use aws_sdk_dynamodb::error::{BuildError, DisplayErrorContext};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TimeToLiveSpecification,
};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use serde::{Deserialize, Serialize};
use sluice::app::{App, Clients, Resources};
use sluice::domain::credentials::{CredentialKind, Grant};
use sluice::domain::scope::TenantId;
use sluice::domain::transaction::Fact;
use sluice::engine::tenancy::{self, Bootstrap};
use sluice::queue::QueueUrls;
use sluice::store::Tables;
use sluice_workers::{Worker, WorkerSpec};

use crate::StartError;
use crate::folder::Folder;

/// The bucket of documents.
pub(crate) const DOCUMENTS: &str = "sluice-documents";
/// The prefix of tables and queues.
const PREFIX: &str = "sluice-";

/// The content of `DATA/credentials.json`: all that a first user needs.
#[derive(Clone, Serialize, Deserialize)]
pub struct LocalCredentials {
    /// Where the API is.
    pub base_url: String,
    /// The tenant.
    pub tenant: String,
    /// An OAuth 2.0 client with every scope.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// An API key with every scope.
    pub api_key: String,
    /// The embedded S3, as a customer's bucket.
    pub s3: S3Access,
}

/// A bucket to export to.
#[derive(Clone, Serialize, Deserialize)]
pub struct S3Access {
    /// Where the S3 is.
    pub endpoint_url: String,
    /// Its access key id.
    pub access_key_id: String,
    /// Its secret access key.
    pub secret_access_key: String,
    /// Its region.
    pub region: String,
    /// The bucket.
    pub bucket: String,
}

/// Makes what is missing of tables and queues; gives where they are.
///
/// # Errors
/// The first that cannot be made.
pub async fn resources(clients: &Clients) -> Result<Resources, StartError> {
    let tables = Tables::with_prefix(PREFIX);
    let indexes = Fact::ALL.map(Fact::index);
    for (name, indexes) in [(&tables.events, &[][..]), (&tables.config, &[]), (&tables.activity, &indexes)] {
        table(&clients.dynamodb, name, indexes).await?;
    }
    let (queues, documents) = (queues(&clients.sqs).await?, DOCUMENTS.to_owned());
    Ok(Resources { tables, queues, sole_since: None, recent_bytes: None, documents })
}

/// Makes what is missing of the workers' queues; gives where they are.
///
/// # Errors
/// The first that cannot be made.
pub async fn queues(sqs: &Client) -> Result<QueueUrls, StartError> {
    Ok(QueueUrls {
        dispatch: queue(sqs, Worker::Dispatch.spec()).await?,
        deliver: queue(sqs, Worker::Deliver.spec()).await?,
        export: queue(sqs, Worker::Export.spec()).await?,
        replay: queue(sqs, Worker::Replay.spec()).await?,
        automate: queue(sqs, Worker::Automate.spec()).await?,
        sync: queue(sqs, Worker::Sync.spec()).await?,
    })
}

async fn table(client: &aws_sdk_dynamodb::Client, name: &str, indexes: &[&str]) -> Result<(), StartError> {
    if client.describe_table().table_name(name).send().await.is_ok() {
        return Ok(());
    }
    let fail = |e: &dyn std::error::Error| StartError::new(format!("table {name}"), DisplayErrorContext(e));
    let mut create = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for attribute in ["pk", "sk"].iter().chain(indexes) {
        create = create.attribute_definitions(text(attribute).map_err(|e| fail(&e))?);
    }
    for index in indexes {
        create = create.global_secondary_indexes(over(index).map_err(|e| fail(&e))?);
    }
    let create = create.set_key_schema(Some(keys("pk").map_err(|e| fail(&e))?));
    create.send().await.map_err(|e| fail(&e))?;
    let ttl =
        TimeToLiveSpecification::builder().enabled(true).attribute_name("expires_at").build().map_err(|e| fail(&e))?;
    client.update_time_to_live().table_name(name).time_to_live_specification(ttl).send().await.map_err(|e| fail(&e))?;
    Ok(())
}

fn text(attribute: &str) -> Result<AttributeDefinition, BuildError> {
    AttributeDefinition::builder().attribute_name(attribute).attribute_type(ScalarAttributeType::S).build()
}

/// The keys of a table or index: a partition key, and everybody's sort key.
fn keys(partition: &str) -> Result<Vec<KeySchemaElement>, BuildError> {
    let key = |(name, kind)| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    [(partition, KeyType::Hash), ("sk", KeyType::Range)].into_iter().map(key).collect()
}

/// An index over the attribute of its name.
fn over(index: &str) -> Result<GlobalSecondaryIndex, BuildError> {
    let all = Projection::builder().projection_type(ProjectionType::All).build();
    GlobalSecondaryIndex::builder().index_name(index).set_key_schema(Some(keys(index)?)).projection(all).build()
}

/// The name of a worker's queue.
pub(crate) fn queue_name(spec: &WorkerSpec) -> String {
    format!("{PREFIX}{}", spec.function.name)
}

/// Makes a worker's queue and its dead-letter queue; gives the URL of the first.
async fn queue(sqs: &Client, spec: &WorkerSpec) -> Result<String, StartError> {
    let name = queue_name(spec);
    let dlq_name = format!("{name}-dlq");
    let retention = |seconds: u32| (QueueAttributeName::MessageRetentionPeriod, seconds.to_string());
    let dlq = create_queue(sqs, &dlq_name, [retention(WorkerSpec::DLQ_RETENTION_SECONDS)]).await?;
    let arn = sqs.get_queue_attributes().queue_url(&dlq).attribute_names(QueueAttributeName::QueueArn).send().await;
    let arn = arn.map_err(|e| StartError::new(&dlq_name, aws_sdk_sqs::error::DisplayErrorContext(&e)))?;
    let arn = arn.attributes().and_then(|all| all.get(&QueueAttributeName::QueueArn)).cloned().unwrap_or_default();
    let redrive = serde_json::json!({"deadLetterTargetArn": arn, "maxReceiveCount": spec.max_receives}).to_string();
    let attributes = [
        (QueueAttributeName::VisibilityTimeout, spec.visibility_seconds().to_string()),
        retention(spec.retention_seconds),
        (QueueAttributeName::RedrivePolicy, redrive),
    ];
    create_queue(sqs, &name, attributes).await
}

/// Makes a queue, or sets the attributes of the one that is there: its settings may be an older version's.
async fn create_queue(
    sqs: &Client,
    name: &str,
    attributes: impl IntoIterator<Item = (QueueAttributeName, String)>,
) -> Result<String, StartError> {
    let attributes = Some(attributes.into_iter().collect());
    if let Ok(found) = sqs.get_queue_url().queue_name(name).send().await {
        let url = found.queue_url.unwrap_or_default();
        let set = sqs.set_queue_attributes().queue_url(&url).set_attributes(attributes).send().await;
        return set.map(|_| url).map_err(|e| StartError::new(name, aws_sdk_sqs::error::DisplayErrorContext(&e)));
    }
    let created = sqs.create_queue().queue_name(name).set_attributes(attributes).send().await;
    let created = created.map_err(|e| StartError::new(name, aws_sdk_sqs::error::DisplayErrorContext(&e)))?;
    created.queue_url.ok_or_else(|| StartError::new(name, "no URL was given"))
}

/// The tenant `local` and its credentials: made on the first start, read on each later one.
///
/// # Errors
/// Where they cannot be stored.
pub async fn credentials(
    folder: &Folder,
    app: &App,
    base_url: &str,
    s3: S3Access,
) -> Result<LocalCredentials, StartError> {
    const FILE: &str = "credentials.json";
    let known: Option<LocalCredentials> = folder.read(FILE)?;
    let mut credentials = match known {
        Some(credentials) => credentials,
        None => first_tenant(app, s3.clone()).await?,
    };
    base_url.clone_into(&mut credentials.base_url);
    credentials.s3 = s3;
    folder.write(FILE, &credentials)?;
    Ok(credentials)
}

/// The tenant `local`, which is the operator here.
async fn first_tenant(app: &App, s3: S3Access) -> Result<LocalCredentials, StartError> {
    let fail = |e| StartError::new("the first tenant", e);
    let tenant: TenantId = "local".parse().map_err(|e| StartError::new("the first tenant", e))?;
    let first = tenancy::first_client(&tenant);
    let (client_id, client_secret) = match app.engine.tenancy.bootstrap(&tenant).await.map_err(fail)? {
        Bootstrap::Made(client_id, secret) => (client_id, secret),
        // A first start that ended before the file was written: make new credentials for the tenant.
        _ => {
            let (client, secret) = app.stores.credentials.issue(first.clone(), &app.ports).await.map_err(fail)?;
            (client.id, secret)
        }
    };
    let key = Grant { kind: CredentialKind::Key, ..first };
    let (_, api_key) = app.stores.credentials.issue(key, &app.ports).await.map_err(fail)?;
    Ok(LocalCredentials {
        base_url: String::new(),
        tenant: tenant.to_string(),
        client_id,
        client_secret: client_secret.to_string(),
        api_key: api_key.to_string(),
        s3,
    })
}

/// Bytes as lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
