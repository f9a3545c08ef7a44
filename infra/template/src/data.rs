//! The nested stack with everything that keeps data, and the names of its outputs.

use sluice::queue::Queue;
use sluice_workers::{Worker, WorkerSpec};

const TABLES: [&str; 3] = ["EventsTable", "ConfigTable", "ActivityTable"];

/// Its template, without the first comment.
pub(crate) fn text() -> String {
    let queues: String = Worker::ALL.iter().map(|worker| queue(worker.spec())).collect();
    [
        include_str!("../parts/data-head.yaml"),
        "\nResources:\n  # Six times the worker's timeout hides a message that was received, as AWS advises.\n",
        queues.trim_start_matches('\n'),
        "\n",
        include_str!("../parts/tables.yaml"),
        "\nOutputs:\n",
        &outputs(),
    ]
    .concat()
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
      SqsManagedSseEnabled: true
      RedrivePolicy: {{ deadLetterTargetArn: !GetAtt {dlq}.Arn, maxReceiveCount: {receives} }}

  {dlq}:
    Type: AWS::SQS::Queue
    Properties: {{ MessageRetentionPeriod: {dlq_retention}, SqsManagedSseEnabled: true }}
",
        receives = spec.max_receives,
        dlq_retention = WorkerSpec::DLQ_RETENTION_SECONDS,
    )
}

fn outputs() -> String {
    let tables = TABLES.map(|table| output(table, "Name", &format!("!Ref {table}")) + &attribute(table, "Arn", "Arn"));
    let queues = Worker::ALL.map(|worker| {
        let spec = worker.spec();
        [queue_id(spec.queue).to_owned(), dlq_id(spec)].map(|queue| {
            let url = output(&queue, "Url", &format!("!Ref {queue}"));
            url + &attribute(&queue, "Arn", "Arn") + &attribute(&queue, "Name", "QueueName")
        })
    });
    [tables.concat(), queues.concat().concat(), attribute("KeysSecret", "Arn", "Id")].concat()
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
        Queue::DeliverDlq => "DeliverDlq",
        Queue::Export => "ExportQueue",
        Queue::Replay => "ReplayQueue",
        Queue::Automate => "AutomateQueue",
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
