//! Receiving: visibility, delay, long polls, redrive. These wait on the clock, by long poll.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
};

use super::sqs_support::{
    code, counts, handle, queue, receive, receive_one, receives, send, system, timed_receive_one,
};
use super::{Server, Subject};

/// What a wait of one second takes at least: the clocks may round.
const NEARLY_A_SECOND: Duration = Duration::from_millis(900);
/// Much less than the long polls below ask for, and much more than a busy machine needs.
const AT_ONCE: Duration = Duration::from_secs(5);

pub(crate) async fn a_receive_takes_one_to_ten(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    for n in 0..12 {
        send(client, &url, &n.to_string()).await;
    }
    for bad in [0, 11, -1] {
        let receive = client.receive_message().queue_url(&url).max_number_of_messages(bad);
        assert_eq!(code(receive.send().await), "InvalidParameterValue", "{bad}");
    }
    let unset = client.receive_message().queue_url(&url).send().await.expect("received");
    assert_eq!(unset.messages().len(), 1);
    assert_eq!(receive(client, &url, 30, 0).await.len(), 10);
    assert_eq!(receive(client, &url, 30, 0).await.len(), 1);
}

pub(crate) async fn a_hidden_message_comes_back(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    send(client, &url, "hello").await;
    let first = receive_one(client, &url, 1, 0).await;
    let (second, waited) = timed_receive_one(client, &url, 30, 10).await;
    assert!(waited >= NEARLY_A_SECOND && waited < AT_ONCE, "{waited:?}");
    assert_eq!(second.message_id(), first.message_id());
    assert_ne!(handle(&second), handle(&first));
    assert_eq!([receives(&first), receives(&second)], ["1", "2"]);
    let name = MessageSystemAttributeName::ApproximateFirstReceiveTimestamp;
    assert_eq!(system(&first, name.clone()), system(&second, name));
}

pub(crate) async fn a_handle_of_an_earlier_receive_deletes_nothing(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    send(client, &url, "hello").await;
    let first = receive_one(client, &url, 0, 0).await;
    let second = receive_one(client, &url, 30, 0).await;
    let delete = |handle: &str| client.delete_message().queue_url(&url).receipt_handle(handle).send();
    let stale = delete(handle(&first)).await;
    match subject.server {
        // "Otherwise, the request succeeds, but the message will not be deleted."
        Server::Embedded => assert!(stale.is_ok(), "{stale:?}"),
        // Ministack knows the newest handle only.
        Server::Ministack => assert_eq!(code(stale), "ReceiptHandleIsInvalid"),
    }
    assert_eq!(counts(client, &url).await, [0, 1, 0], "the message is still there");
    delete(handle(&second)).await.expect("deleted");
    assert_eq!(counts(client, &url).await, [0, 0, 0]);
    if subject.server == Server::Embedded {
        delete(handle(&second)).await.expect("deleting twice is fine");
    }
}

pub(crate) async fn visibility_can_be_changed(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    send(client, &url, "hello").await;
    let change = |handle: &str, seconds| {
        let change = client.change_message_visibility().queue_url(&url).receipt_handle(handle);
        change.visibility_timeout(seconds).send()
    };
    // Longer: it outlasts the second for which it was hidden at first.
    let first = receive_one(client, &url, 1, 0).await;
    change(handle(&first), 30).await.expect("changed");
    assert_eq!(receive(client, &url, 30, 2).await, []);
    // To nothing: it wakes whoever waits.
    let (received, changed) = tokio::join!(timed_receive_one(client, &url, 30, 20), change(handle(&first), 0));
    changed.expect("changed");
    assert!(received.1 < AT_ONCE, "{:?}", received.1);
    assert_eq!(receives(&received.0), "2");

    let stale = code(change(handle(&first), 5).await);
    match subject.server {
        // "Message does not exist or is not available for visibility timeout change."
        Server::Embedded => assert_eq!(stale, "InvalidParameterValue"),
        // Ministack knows the newest handle only.
        Server::Ministack => assert_eq!(stale, "ReceiptHandleIsInvalid"),
    }
    assert_eq!(counts(client, &url).await, [0, 1, 0]);
}

pub(crate) async fn visibility_can_be_changed_in_a_batch(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    send(client, &url, "a").await;
    send(client, &url, "b").await;
    let messages = receive(client, &url, 30, 0).await;
    assert_eq!(messages.len(), 2);
    let entry = |id: &str, handle: &str| {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id);
        entry.receipt_handle(handle).visibility_timeout(0).build().expect("an entry")
    };
    let batch = client.change_message_visibility_batch().queue_url(&url);
    let batch = batch.entries(entry("first", handle(&messages[0])));
    let changed = batch.entries(entry("bad", "no handle")).send().await.expect("in part");
    assert_eq!(changed.successful()[0].id(), "first");
    let [failed] = changed.failed() else { panic!("{changed:?}") };
    assert_eq!((failed.id(), failed.code()), ("bad", "ReceiptHandleIsInvalid"));
    let back = receive_one(client, &url, 30, 0).await;
    assert_eq!(back.message_id(), messages[0].message_id());
}

pub(crate) async fn a_delay_holds_a_message_back(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    let late = client.send_message().queue_url(&url).message_body("late").delay_seconds(1);
    late.send().await.expect("sent");
    assert_eq!(receive(client, &url, 30, 0).await, []);
    assert_eq!(counts(client, &url).await, [0, 0, 1]);
    let start = Instant::now();
    let (late, waited) = timed_receive_one(client, &url, 30, 10).await;
    assert!(waited < AT_ONCE, "{waited:?}");
    assert_eq!(late.body(), Some("late"));
    let sent = system(&late, MessageSystemAttributeName::SentTimestamp).parse::<i64>();
    let first = system(&late, MessageSystemAttributeName::ApproximateFirstReceiveTimestamp);
    let held = first.parse::<i64>().expect("a time") - sent.expect("a time");
    assert!(held >= 1000, "{held} ms, and {:?} of waiting", start.elapsed());
}

pub(crate) async fn a_queue_can_delay_all_messages(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[(QueueAttributeName::DelaySeconds, "60")]).await;
    send(client, &url, "late").await;
    let own = client.send_message().queue_url(&url).message_body("now").delay_seconds(0);
    own.send().await.expect("sent");
    assert_eq!(receive_one(client, &url, 30, 0).await.body(), Some("now"));
    assert_eq!(counts(client, &url).await, [0, 1, 1]);
}

pub(crate) async fn a_send_wakes_a_long_poll(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    let other = queue(subject, &[]).await;
    let poller = {
        let (client, url) = (client.clone(), url.clone());
        tokio::spawn(async move { timed_receive_one(&client, &url, 30, 20).await })
    };
    // A second's wait at another queue: by then the first receive waits.
    assert_eq!(receive(client, &other, 30, 1).await, []);
    let sent = send(client, &url, "hello").await;
    let (message, waited) = poller.await.expect("received");
    assert_eq!(message.message_id(), Some(sent.as_str()));
    assert!(waited >= NEARLY_A_SECOND && waited < AT_ONCE, "{waited:?}");
}

pub(crate) async fn a_long_poll_ends_empty(subject: &Subject) {
    let wait = QueueAttributeName::ReceiveMessageWaitTimeSeconds;
    let url = queue(subject, &[(wait, "1")]).await;
    let start = Instant::now();
    // The queue's own wait, for the request names none.
    let received = subject.client.receive_message().queue_url(&url).send().await;
    assert_eq!(received.expect("received").messages(), []);
    let waited = start.elapsed();
    assert!(waited >= NEARLY_A_SECOND && waited < AT_ONCE, "{waited:?}");
    let start = Instant::now();
    assert_eq!(receive(&subject.client, &url, 30, 0).await, []);
    assert!(start.elapsed() < NEARLY_A_SECOND, "a wait of 0 overrules the queue's");
}

pub(crate) async fn too_many_receives_lead_to_the_dead_letter_queue(subject: &Subject) {
    let client = &subject.client;
    let dead = queue(subject, &[]).await;
    let name = dead.rsplit('/').next().expect("a name");
    let policy =
        format!(r#"{{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:{name}","maxReceiveCount":"2"}}"#);
    let url = queue(subject, &[(QueueAttributeName::RedrivePolicy, &policy)]).await;
    let id = send(client, &url, "poison").await;
    assert_eq!(receives(&receive_one(client, &url, 0, 0).await), "1");
    assert_eq!(receives(&receive_one(client, &url, 0, 0).await), "2");

    // The third receive finds nothing, and wakes who waits at the dead letter queue.
    let (third, (buried, waited)) = tokio::join!(receive(client, &url, 0, 1), timed_receive_one(client, &dead, 30, 20));
    assert_eq!(third, []);
    assert!(waited < AT_ONCE, "{waited:?}");
    assert_eq!((buried.body(), buried.message_id()), (Some("poison"), Some(id.as_str())));
    assert_eq!(receives(&buried), "3", "it counts on");
    let source = system(&buried, MessageSystemAttributeName::DeadLetterQueueSourceArn);
    assert_eq!(source.rsplit(':').next(), url.rsplit('/').next());
    assert_eq!(counts(client, &url).await, [0, 0, 0]);
}

/// Lost without it: the fairness that tenants have of each other's backlogs on AWS is not seen in any test over ours.
pub(crate) async fn a_noisy_group_waits_for_the_others(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    let send_of = |group: &'static str, body: String| {
        client.send_message().queue_url(&url).message_group_id(group).message_body(body).send()
    };
    for n in 0..110 {
        send_of("noisy", n.to_string()).await.expect("sent");
    }
    // The oldest first, as long as no group has much in flight.
    let bodies =
        |messages: &[Message]| messages.iter().filter_map(Message::body).map(str::to_owned).collect::<Vec<_>>();
    let under_way = receive(client, &url, 60, 0).await;
    let oldest: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    match subject.server {
        Server::Embedded => assert_eq!(bodies(&under_way), oldest),
        // SQS promises no order, and ministack keeps none.
        Server::Ministack => assert_eq!(under_way.len(), 10),
    }
    send_of("quiet", "last".to_owned()).await.expect("sent");
    let next = receive(client, &url, 60, 0).await;
    match subject.server {
        Server::Embedded => {
            let wanted: Vec<String> = ["last".to_owned()].into_iter().chain((10..19).map(|n| n.to_string())).collect();
            assert_eq!(bodies(&next), wanted);
        }
        // Ministack takes the group of a standard queue, and does not act on it.
        Server::Ministack => assert!(!bodies(&next).contains(&"last".to_owned()), "it is fair by now"),
    }
}

pub(crate) async fn without_groups_the_oldest_comes_first(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    for n in 0..30 {
        send(client, &url, &n.to_string()).await;
    }
    let mut bodies = Vec::new();
    for _ in 0..3 {
        bodies.extend(receive(client, &url, 60, 0).await.into_iter().filter_map(|message| message.body));
    }
    assert_eq!(bodies, (0..30).map(|n| n.to_string()).collect::<Vec<_>>());
}

pub(crate) async fn many_consumers_share_without_repeats(subject: &Subject) {
    const MESSAGES: usize = 100;
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    let consumers: Vec<_> = (0..8)
        .map(|_| {
            let (client, url) = (client.clone(), url.clone());
            tokio::spawn(async move {
                let mut bodies = Vec::new();
                loop {
                    let messages = receive(&client, &url, 60, 2).await;
                    if messages.is_empty() {
                        return bodies;
                    }
                    for message in messages {
                        let delete = client.delete_message().queue_url(&url);
                        delete.receipt_handle(handle(&message)).send().await.expect("deleted");
                        bodies.push(message.body.expect("a body"));
                    }
                }
            })
        })
        .collect();
    let senders = (0..MESSAGES).map(|n| {
        let url = url.clone();
        async move { send(client, &url, &format!("{n:03}")).await }
    });
    let ids: BTreeSet<String> = futures::future::join_all(senders).await.into_iter().collect();
    assert_eq!(ids.len(), MESSAGES, "every message has an id of its own");
    let mut bodies = Vec::new();
    for consumer in consumers {
        bodies.extend(consumer.await.expect("a consumer"));
    }
    bodies.sort();
    assert_eq!(bodies, (0..MESSAGES).map(|n| format!("{n:03}")).collect::<Vec<_>>());
    assert_eq!(counts(client, &url).await, [0, 0, 0]);
}
