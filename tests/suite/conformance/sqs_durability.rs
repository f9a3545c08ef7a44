//! What only the embedded server promises: it loses nothing it has answered, whatever ends it.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use futures::FutureExt as _;
use sluice_sqs::Server;
use tokio::task::JoinSet;

use super::sqs_support::{counts, handle, receive, receive_one, receives, send};
use super::{Embedded, client_of};
use crate::support::{SOON, eventually};

/// Tells the child of [`what_was_answered_survives_kill_9`] where its database is.
const DATABASE: &str = "SLUICE_TEST_SQS_DATABASE";
const ANSWERED: &str = "answered ";
const SENDERS: usize = 8;
const BEFORE_THE_KILL: usize = 400;

async fn create(client: &Client) -> String {
    let created = client.create_queue().queue_name("durable").send().await.expect("a queue");
    created.queue_url.expect("a URL")
}

/// The process that is killed: this binary again, running this test alone. It says what it was answered.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child process of what_was_answered_survives_kill_9"]
async fn send_until_killed() {
    let database = std::env::var(DATABASE).expect("the parent says where");
    let server = Server::open(Path::new(&database)).await.expect("a server");
    let client = client_of(&server).await;
    let url = create(&client).await;
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let (client, url) = (client.clone(), url.clone());
        senders.spawn(async move {
            loop {
                println!("{ANSWERED}{}", send(&client, &url, "x").await);
            }
        });
    }
    while senders.join_next().await.is_some() {}
}

#[tokio::test]
async fn what_was_answered_survives_kill_9() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["conformance::sqs_durability::send_until_killed", "--exact", "--ignored", "--nocapture"])
        .env(DATABASE, folder.path().join("sqs.sqlite"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child process");
    let output = BufReader::new(child.stdout.take().expect("its output"));
    let mut promised = BTreeSet::new();
    for line in output.lines().map_while(Result::ok) {
        // The first follows what the test's harness says of it.
        promised.extend(line.split_once(ANSWERED).map(|(_, id)| id.to_owned()));
        if promised.len() == BEFORE_THE_KILL {
            // SIGKILL, in the middle of the senders' traffic.
            child.kill().expect("killed");
        }
    }
    assert!(promised.len() >= BEFORE_THE_KILL, "{}", promised.len());
    child.wait().expect("the child has ended");

    let server = Embedded::start_in(folder).await;
    let url = create(&server.client).await;
    let mut kept = BTreeSet::new();
    loop {
        let messages = receive(&server.client, &url, 600, 0).await;
        if messages.is_empty() {
            break;
        }
        kept.extend(messages.into_iter().filter_map(|message| message.message_id));
    }
    assert_eq!(promised.difference(&kept).count(), 0, "lost after {} answers", promised.len());
    // A send may be committed and never answered; but each sender had only one under way.
    assert!(kept.len() <= promised.len() + SENDERS, "{} of {}", kept.len(), promised.len());
}

#[tokio::test]
async fn a_restart_keeps_what_is_in_flight() {
    let server = Embedded::start().await;
    let url = create(&server.client).await;
    send(&server.client, &url, "first").await;
    let first = receive_one(&server.client, &url, 600, 0).await;
    send(&server.client, &url, "second").await;
    let folder = server.stop().await;

    let server = Embedded::start_in(folder).await;
    assert_eq!(counts(&server.client, &url).await, [1, 1, 0], "the first is still hidden");
    let second = receive_one(&server.client, &url, 600, 0).await;
    assert_eq!((second.body(), receives(&second)), (Some("second"), "1".to_owned()));
    let delete = server.client.delete_message().queue_url(&url).receipt_handle(handle(&first));
    delete.send().await.expect("the old handle still fits");
    assert_eq!(counts(&server.client, &url).await, [0, 1, 0]);
}

#[tokio::test]
async fn stopping_ends_long_polls() {
    let server = Embedded::start().await;
    let url = create(&server.client).await;
    let poller = {
        let (client, url) = (server.client.clone(), url.clone());
        tokio::spawn(async move { receive(&client, &url, 30, 20).await })
    };
    // Once this shorter poll has ended, the longer one has long begun.
    assert_eq!(receive(&server.client, &url, 30, 1).await, []);
    let start = Instant::now();
    server.stop().await;
    assert_eq!(poller.await.expect("it ends"), []);
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_poller_that_has_gone_takes_no_message() {
    let server = Embedded::start().await;
    let url = create(&server.client).await;
    // The client gives up after a second.
    let poll = receive(&server.client, &url, 600, 20);
    let gone = tokio::time::timeout(Duration::from_secs(1), poll).await;
    assert!(gone.is_err(), "{gone:?}");
    // And the server has noticed by the end of another second.
    assert_eq!(receive(&server.client, &url, 600, 1).await, []);
    send(&server.client, &url, "hello").await;
    let message = receive_one(&server.client, &url, 600, 0).await;
    assert_eq!((message.body(), receives(&message)), (Some("hello"), "1".to_owned()));
}

#[tokio::test]
async fn a_receiver_that_goes_before_it_has_its_messages_gives_them_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::open(&folder.path().join("sqs.sqlite")).await.expect("a server");
    let client = client_of(&server).await;
    let url = create(&client).await;
    let (queues, target) = (server.queues(), Some("AmazonSQS.ReceiveMessage"));
    let body = serde_json::json!({"QueueUrl": url, "VisibilityTimeout": 600, "WaitTimeSeconds": 20}).to_string();
    let mut gone = Box::pin(queues.call(target, "localhost", body.as_bytes()));
    assert!((&mut gone).now_or_never().is_none(), "there is no message yet");
    send(&client, &url, "hello").await;
    let taken = async || Ok((counts(&client, &url).await == [0, 1, 0]).then_some(()));
    eventually("the message is in flight", SOON, taken).await.expect("it is taken");
    drop(gone);
    let message = receive_one(&client, &url, 600, 5).await;
    assert_eq!((message.body(), receives(&message)), (Some("hello"), "1".to_owned()));
}
