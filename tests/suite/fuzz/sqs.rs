//! The embedded SQS's protocol: whatever is sent, it answers, and not with a fault of its own.

use proptest::prelude::*;
use sluice_sqs::{Queues, Server};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::{body, runtime};

const OPERATIONS: &[&str] = &[
    "CreateQueue",
    "GetQueueUrl",
    "GetQueueAttributes",
    "SetQueueAttributes",
    "ListQueues",
    "PurgeQueue",
    "SendMessage",
    "SendMessageBatch",
    "ReceiveMessage",
    "DeleteMessage",
    "DeleteMessageBatch",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "Nothing",
    "",
];
const WORDS: &[&str] = &[
    "QueueUrl",
    "QueueName",
    "Attributes",
    "AttributeNames",
    "All",
    "VisibilityTimeout",
    "RedrivePolicy",
    "{\"maxReceiveCount\":1,\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:fuzz\"}",
    "MessageBody",
    "DelaySeconds",
    "Entries",
    "Id",
    "ReceiptHandle",
    "MaxNumberOfMessages",
    "WaitTimeSeconds",
    "MessageAttributes",
    "DataType",
    "StringValue",
    "String",
    "BinaryValue",
    "MessageSystemAttributeNames",
    "0",
    "1",
    "fuzz",
    "http://localhost/000000000000/fuzz",
    "http://localhost/000000000000/none",
    "-1",
    "43201",
];

struct Fuzzed {
    server: Server,
    _folder: TempDir,
}

async fn queues() -> Queues {
    static SERVER: OnceCell<Fuzzed> = OnceCell::const_new();
    let start = async || {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::open(&folder.path().join("sqs.sqlite")).await.expect("a server");
        let made = send(&server.queues(), "CreateQueue", br#"{"QueueName":"fuzz"}"#).await;
        assert_eq!(made, 200, "a queue to talk about");
        Fuzzed { server, _folder: folder }
    };
    SERVER.get_or_init(start).await.server.queues()
}

async fn send(queues: &Queues, operation: &str, body: &[u8]) -> u16 {
    let answer = queues.call(Some(&format!("AmazonSQS.{operation}")), "localhost", body).await;
    let (status, text) = (answer.status().as_u16(), String::from_utf8_lossy(answer.body()));
    assert!(status == 200 || text.contains("__type"), "{operation} answers {status} {text}");
    status
}

proptest! {
    #[test]
    fn any_request_is_answered(operation in prop::sample::select(OPERATIONS), body in body(WORDS)) {
        // A receive may be asked to wait: that is no fault, and takes long.
        if String::from_utf8_lossy(&body).contains("WaitTimeSeconds") {
            return Ok(());
        }
        let status = runtime().block_on(async { send(&queues().await, operation, &body).await });
        prop_assert!(matches!(status, 200 | 400 | 403), "{operation}: {status}");
    }
}
