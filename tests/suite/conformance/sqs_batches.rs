//! Batches: ten at most, one size for all, and a result for each.

use std::collections::BTreeSet;

use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, SendMessageBatchRequestEntry};

use super::sqs_support::{MEBIBYTE, code, counts, entry, handle, queue, receive};
use super::{Server, Subject};

pub(crate) async fn a_batch_goes_round(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    let entries = (0..10).map(|n| entry(&format!("entry_{n}"), &format!("body {n}"))).collect();
    let batch = client.send_message_batch().queue_url(&url).set_entries(Some(entries));
    let sent = batch.send().await.expect("sent");
    assert_eq!(sent.failed(), []);
    let ids: Vec<&str> = sent.successful().iter().map(|entry| entry.id()).collect();
    assert_eq!(ids, (0..10).map(|n| format!("entry_{n}")).collect::<Vec<_>>());

    let messages = receive(client, &url, 30, 0).await;
    let received: BTreeSet<_> = messages.iter().map(|m| (m.message_id(), m.md5_of_body())).collect();
    let wanted: BTreeSet<_> =
        sent.successful().iter().map(|entry| (Some(entry.message_id()), Some(entry.md5_of_message_body()))).collect();
    assert_eq!(received, wanted);

    let mut delete = client.delete_message_batch().queue_url(&url);
    for (n, message) in messages.iter().enumerate() {
        let entry = DeleteMessageBatchRequestEntry::builder();
        let entry = entry.id(n.to_string()).receipt_handle(handle(message)).build();
        delete = delete.entries(entry.expect("an entry"));
    }
    let deleted = delete.send().await.expect("deleted");
    assert_eq!((deleted.successful().len(), deleted.failed().len()), (10, 0));
    assert_eq!(counts(client, &url).await, [0, 0, 0]);
}

pub(crate) async fn batch_rules_refuse_the_whole(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    let long_id = "a".repeat(81);
    let eleven = (0..11).map(|n| entry(&n.to_string(), "a")).collect();
    let cases: [(Vec<SendMessageBatchRequestEntry>, &str); 6] = [
        (vec![], "EmptyBatchRequest"),
        (eleven, "TooManyEntriesInBatchRequest"),
        (vec![entry("a", "1"), entry("a", "2")], "BatchEntryIdsNotDistinct"),
        (vec![entry("a", "1"), entry("a b", "2")], "InvalidBatchEntryId"),
        (vec![entry("", "1")], "InvalidBatchEntryId"),
        (vec![entry(&long_id, "1")], "InvalidBatchEntryId"),
    ];
    for (entries, wanted) in cases {
        let batch = client.send_message_batch().queue_url(&url).set_entries(Some(entries));
        assert_eq!(code(batch.send().await), format!("AWS.SimpleQueueService.{wanted}"));
    }
    assert_eq!(counts(client, &url).await, [0, 0, 0], "nothing was sent");
}

pub(crate) async fn a_batch_has_at_most_one_mebibyte(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    let half = "a".repeat(MEBIBYTE / 2);
    let fits = vec![entry("a", &half), entry("b", &half)];
    let batch = client.send_message_batch().queue_url(&url).set_entries(Some(fits.clone()));
    assert_eq!(batch.send().await.expect("sent").successful().len(), 2);

    let over = [fits, vec![entry("c", "c")]].concat();
    let batch = client.send_message_batch().queue_url(&url).set_entries(Some(over));
    let error = batch.send().await.expect_err("refused").into_service_error();
    assert!(error.is_batch_request_too_long(), "{error:?}");
    assert_eq!(counts(client, &url).await, [2, 0, 0]);
}

pub(crate) async fn a_bad_entry_fails_alone(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    let entries = vec![entry("good", "a"), entry("bad", "\u{1}"), entry("fine", "b")];
    let batch = client.send_message_batch().queue_url(&url).set_entries(Some(entries));
    let sent = batch.send().await.expect("sent in part");
    let ids: Vec<&str> = sent.successful().iter().map(|entry| entry.id()).collect();
    assert_eq!(ids, ["good", "fine"]);
    let [failed] = sent.failed() else { panic!("{sent:?}") };
    assert_eq!((failed.id(), failed.code()), ("bad", "InvalidMessageContents"));
    assert!(failed.sender_fault() && failed.message().is_some());

    let received = receive(client, &url, 30, 0).await;
    let bodies: BTreeSet<_> = received.iter().filter_map(Message::body).collect();
    assert_eq!(bodies, ["a", "b"].into());
}

pub(crate) async fn a_delay_out_of_range_is_refused(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    let late = client.send_message().queue_url(&url).message_body("a").delay_seconds(901);
    let alone = late.send().await;
    let late = SendMessageBatchRequestEntry::builder().id("late").message_body("a");
    let late = late.delay_seconds(901).build().expect("an entry");
    let batch = client.send_message_batch().queue_url(&url).entries(late);
    let batch = batch.entries(entry("now", "b")).send().await.expect("sent in part");
    match subject.server {
        Server::Embedded => {
            assert_eq!(code(alone), "InvalidParameterValue");
            let [failed] = batch.failed() else { panic!("{batch:?}") };
            assert_eq!((failed.id(), failed.code()), ("late", "InvalidParameterValue"));
        }
        // Ministack takes any delay.
        Server::Ministack => {
            assert!(alone.is_ok() && batch.failed().is_empty(), "ministack may have learnt this");
        }
    }
    let last = client.send_message().queue_url(&url).message_body("a").delay_seconds(900);
    last.send().await.expect("the longest delay is fine");
}
