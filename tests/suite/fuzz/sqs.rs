//! The embedded SQS's protocol: whatever is sent, it answers, and not with a fault of its own.

use proptest::prelude::*;
use tempfile::TempDir;
use tokio::net::TcpListener;
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

struct Server {
    url: String,
    _folder: TempDir,
}

async fn server() -> &'static Server {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    let start = async || {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let path = folder.path().join("sqs.sqlite");
        tokio::spawn(async move { sluice_sqs::serve(listener, &path, std::future::pending()).await });
        let made = send(&url, "CreateQueue", br#"{"QueueName":"fuzz"}"#.to_vec()).await;
        assert_eq!(made, 200, "a queue to talk about");
        Server { url, _folder: folder }
    };
    SERVER.get_or_init(start).await
}

async fn send(url: &str, operation: &str, body: Vec<u8>) -> u16 {
    let request = reqwest::Client::new().post(url).header("x-amz-target", format!("AmazonSQS.{operation}"));
    let answer = request.header("content-type", "application/x-amz-json-1.0").body(body).send().await;
    let answer = answer.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a text");
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
        let status = runtime().block_on(async { send(&server().await.url, operation, body).await });
        prop_assert!(matches!(status, 200 | 400 | 403), "{operation}: {status}");
    }
}
