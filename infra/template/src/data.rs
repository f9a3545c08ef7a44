//! The nested stack with everything that keeps data, and the names of its outputs.

use sluice::domain::transaction::Fact;
use sluice::queue::Queue;
use sluice::rings::Ring;
use sluice_workers::{Worker, WorkerSpec};

const TABLES: [&str; 3] = ["EventsTable", "ConfigTable", ACTIVITY];
/// The table with indexes.
const ACTIVITY: &str = "ActivityTable";

/// How queues are encrypted: by SQS's own key, unless there is another one.
const ENCRYPTED: &str = "SqsManagedSseEnabled: !If [HasKmsKey, !Ref AWS::NoValue, true]
      KmsMasterKeyId: !If [HasKmsKey, !Ref KmsKeyArn, !Ref AWS::NoValue]";

/// Its template, without the first comment.
pub(crate) fn text() -> String {
    let queues: String = Worker::ALL.iter().map(|worker| queue(worker.spec())).collect();
    [
        include_str!("../parts/data-head.yaml"),
        "\nResources:\n  # Six times the worker's timeout hides a message that was received, as AWS advises.\n",
        queues.trim_start_matches('\n'),
        "\n",
        "  # Tables and master keys outlive the stack: what is encrypted cannot be read without the keys.\n",
        &TABLES.map(table).concat(),
        include_str!("../parts/bucket.yaml"),
        include_str!("../parts/keys.yaml"),
        "\nOutputs:\n",
        &outputs(),
    ]
    .concat()
}

fn table(id: &str) -> String {
    let facts: &[Fact] = if id == ACTIVITY { &Fact::ALL } else { &[] };
    let attributes = ["pk", "sk"].into_iter().chain(facts.iter().map(|fact| fact.index()));
    let attributes: Vec<String> =
        attributes.map(|name| format!("{{ AttributeName: {name}, AttributeType: S }}")).collect();
    let keys = |partition: &str| {
        format!("[{{ AttributeName: {partition}, KeyType: HASH }}, {{ AttributeName: sk, KeyType: RANGE }}]")
    };
    let index = |fact: &Fact| {
        let (name, keys) = (fact.index(), keys(fact.index()));
        format!("        - {{ IndexName: {name}, KeySchema: {keys}, Projection: {{ ProjectionType: ALL }} }}\n")
    };
    let indexes: String = facts.iter().map(index).collect();
    let indexes = if indexes.is_empty() { indexes } else { format!("      GlobalSecondaryIndexes:\n{indexes}") };
    format!(
        "  {id}:
    Type: AWS::DynamoDB::Table
    Condition: Makes{id}
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{attributes}]
      KeySchema: {keys}
{indexes}      TimeToLiveSpecification: {{ AttributeName: expires_at, Enabled: true }}
      PointInTimeRecoverySpecification: {{ PointInTimeRecoveryEnabled: true }}
      DeletionProtectionEnabled: true
      SSESpecification: {{ SSEEnabled: true, SSEType: KMS, KMSMasterKeyId: !If [HasKmsKey, !Ref KmsKeyArn, !Ref AWS::NoValue] }}

",
        attributes = attributes.join(", "),
        keys = keys("pk"),
    )
}

/// A queue and its dead-letter queue.
fn queue(spec: &WorkerSpec) -> String {
    let (queue, dlq) = (queue_id(spec.queue), dlq_id(spec));
    let (visibility, retention) = (spec.visibility_seconds(), spec.retention_seconds);
    format!(
        "
  {queue}:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: {visibility}
      MessageRetentionPeriod: {retention}
      {ENCRYPTED}
      RedrivePolicy: {{ deadLetterTargetArn: !GetAtt {dlq}.Arn, maxReceiveCount: {receives} }}

  {dlq}:
    Type: AWS::SQS::Queue
    Properties:
      MessageRetentionPeriod: {dlq_retention}
      {ENCRYPTED}
",
        receives = spec.max_receives,
        dlq_retention = WorkerSpec::DLQ_RETENTION_SECONDS,
    )
}

fn outputs() -> String {
    let tables = TABLES.map(|table| {
        let arn = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table";
        let name = format!("!If [Makes{table}, !Ref {table}, !Ref Existing{table}]");
        let arn = format!("!If [Makes{table}, !GetAtt {table}.Arn, !Sub \"{arn}/${{Existing{table}}}\"]");
        output(table, "Name", &name) + &output(table, "Arn", &arn)
    });
    let queues = Worker::ALL.map(|worker| {
        let spec = worker.spec();
        [queue_id(spec.queue).to_owned(), dlq_id(spec)].map(|queue| {
            let url = output(&queue, "Url", &format!("!Ref {queue}"));
            url + &attribute(&queue, "Arn", "Arn") + &attribute(&queue, "Name", "QueueName")
        })
    });
    let secrets = [Ring::Secrets, Ring::Tokens].map(secret_id).map(|secret| {
        output(secret, "Arn", &format!("!If [Makes{secret}, !GetAtt {secret}.Id, !Ref Existing{secret}Arn]"))
    });
    [tables.concat(), bucket(), queues.concat().concat(), secrets.concat()].concat()
}

fn bucket() -> String {
    let name = "!If [MakesDocumentsBucket, !Ref DocumentsBucket, !Ref ExistingDocumentsBucket]";
    let existing = r#"!Sub "arn:${AWS::Partition}:s3:::${ExistingDocumentsBucket}""#;
    let arn = format!("!If [MakesDocumentsBucket, !GetAtt DocumentsBucket.Arn, {existing}]");
    output("DocumentsBucket", "Name", name) + &output("DocumentsBucket", "Arn", &arn)
}

fn output(resource: &str, suffix: &str, value: &str) -> String {
    format!("  {resource}{suffix}: {{ Value: {value} }}\n")
}

fn attribute(resource: &str, suffix: &str, attribute: &str) -> String {
    output(resource, suffix, &format!("!GetAtt {resource}.{attribute}"))
}

/// A queue's logical id.
pub(crate) const fn queue_id(queue: Queue) -> &'static str {
    match queue {
        Queue::Dispatch => "DispatchQueue",
        Queue::Deliver => "DeliverQueue",
        Queue::Export => "ExportQueue",
        Queue::Replay => "ReplayQueue",
        Queue::Automate => "AutomateQueue",
        Queue::Sync => "SyncQueue",
    }
}

/// The logical id of the secret of a ring.
pub(crate) const fn secret_id(ring: Ring) -> &'static str {
    match ring {
        Ring::Secrets => "KeysSecret",
        Ring::Tokens => "TokenKeysSecret",
    }
}

/// The logical id of a worker's dead-letter queue.
pub(crate) fn dlq_id(spec: &WorkerSpec) -> String {
    spec.function.logical_id() + "Dlq"
}

/// The ARN of a table or queue, seen from the main template.
pub(crate) fn arn(resource: &str) -> String {
    format!("!GetAtt Data.Outputs.{resource}Arn")
}
