//! Messages: what goes in comes out, and what is refused.

use std::collections::BTreeSet;

use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
};

use super::sqs_support::{MEBIBYTE, code, counts, entry, handle, queue, receive, receive_one, receives, send, system};
use super::{Server, Subject};

pub(crate) async fn a_message_goes_round(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    let sent = client.send_message().queue_url(&url).message_body("hello").send().await;
    let sent = sent.expect("sent");
    assert_eq!(sent.md5_of_message_body(), Some("5d41402abc4b2a76b9719d911017c592"));

    let message = receive_one(client, &url, 30, 0).await;
    assert_eq!(message.body(), Some("hello"));
    assert_eq!(message.message_id(), sent.message_id());
    assert_eq!(message.md5_of_body(), sent.md5_of_message_body());
    assert_eq!(receives(&message), "1");
    let millis = |name| system(&message, name).parse::<u64>().expect("milliseconds");
    let sent_at = millis(MessageSystemAttributeName::SentTimestamp);
    let first = millis(MessageSystemAttributeName::ApproximateFirstReceiveTimestamp);
    assert!(sent_at <= first && first < sent_at + 60_000, "{sent_at} {first}");

    assert_eq!(receive(client, &url, 30, 0).await, [], "it is hidden");
    let delete = client.delete_message().queue_url(&url).receipt_handle(handle(&message));
    delete.send().await.expect("deleted");
    assert_eq!(counts(client, &url).await, [0, 0, 0]);
}

pub(crate) async fn text_survives_as_it_is(subject: &Subject) {
    let url = queue(subject, &[]).await;
    let body = "{\"a\":\"\\\\\"}\t\r\n <&> \u{e9}\u{4e16}\u{1f600}\u{fffd}\u{7f}";
    send(&subject.client, &url, body).await;
    let message = receive_one(&subject.client, &url, 30, 0).await;
    assert_eq!(message.body(), Some(body));
}

pub(crate) async fn forbidden_characters_are_refused(subject: &Subject) {
    let url = queue(subject, &[]).await;
    for body in ["a\u{0}", "\u{1f}", "\u{fffe}", "\u{ffff}"] {
        let send = subject.client.send_message().queue_url(&url).message_body(body);
        let error = send.send().await.expect_err("refused").into_service_error();
        assert!(error.is_invalid_message_contents(), "{body:?}: {error:?}");
    }
    assert_eq!(counts(&subject.client, &url).await, [0, 0, 0]);
}

pub(crate) async fn an_empty_body_is_refused(subject: &Subject) {
    let url = queue(subject, &[]).await;
    let send = subject.client.send_message().queue_url(&url).message_body("");
    assert_eq!(code(send.send().await), "MissingParameter");
}

pub(crate) async fn a_message_has_at_most_one_mebibyte(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    // Two bytes a character: it is the bytes that count.
    let body = "\u{e9}".repeat(MEBIBYTE / 2);
    send(client, &url, &body).await;
    let over = client.send_message().queue_url(&url).message_body(format!("{body}a"));
    assert_eq!(code(over.send().await), "InvalidParameterValue");
    let message = receive_one(client, &url, 30, 0).await;
    assert!(message.body() == Some(body.as_str()), "the whole body comes back");

    // Attributes count too: name, type and value. Ministack counts the body alone.
    let colour = MessageAttributeValue::builder().data_type("String").string_value("red");
    let colour = colour.build().expect("an attribute");
    let over = client.send_message().queue_url(&url).message_body(&body);
    let result = over.message_attributes("colour", colour).send().await;
    match subject.server {
        Server::Embedded => assert_eq!(code(result), "InvalidParameterValue"),
        Server::Ministack => assert!(result.is_ok(), "ministack may have learnt this: {result:?}"),
    }
}

pub(crate) async fn a_queue_may_set_a_lower_limit(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[(QueueAttributeName::MaximumMessageSize, "1024")]).await;
    send(client, &url, &"a".repeat(1024)).await;
    let over = client.send_message().queue_url(&url).message_body("a".repeat(1025));
    assert_eq!(code(over.send().await), "InvalidParameterValue");
    let entries = [entry("long", &"a".repeat(1025)), entry("short", "b")];
    let batch = client.send_message_batch().queue_url(&url).set_entries(Some(entries.into()));
    let sent = batch.send().await.expect("sent in part");
    assert_eq!(sent.successful().iter().map(|entry| entry.id()).collect::<Vec<_>>(), ["short"]);
    let [failed] = sent.failed() else { panic!("{sent:?}") };
    assert_eq!((failed.id(), failed.code()), ("long", "InvalidParameterValue"));
}

pub(crate) async fn message_attributes_pass_through(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    let text = |data_type: &str, value: &str| {
        let builder = MessageAttributeValue::builder().data_type(data_type).string_value(value);
        builder.build().expect("an attribute")
    };
    let binary = MessageAttributeValue::builder()
        .data_type("Binary.bytes")
        .binary_value(Blob::new([0, 255, 7]))
        .build()
        .expect("an attribute");
    let send = client.send_message().queue_url(&url).message_body("hello");
    let send = send.message_attributes("trace.id", text("String", "abc"));
    let send = send.message_attributes("trace.hops", text("Number", "3"));
    let sent = send.message_attributes("raw", binary.clone()).send().await.expect("sent");
    let digest = sent.md5_of_message_attributes().expect("a digest");

    let message = receive_one(client, &url, 0, 0).await;
    let attributes = message.message_attributes().expect("attributes");
    assert_eq!(attributes.len(), 3);
    assert_eq!(attributes["raw"], binary);
    assert_eq!(attributes["trace.id"], text("String", "abc"));
    assert_eq!(message.md5_of_message_attributes(), Some(digest));

    let names = |message: &Message| -> BTreeSet<String> {
        message.message_attributes().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    let some = client.receive_message().queue_url(&url).message_attribute_names("trace.*");
    let some = some.visibility_timeout(0).send().await.expect("received");
    assert_eq!(names(&some.messages()[0]), ["trace.hops".into(), "trace.id".into()].into());
    let none = client.receive_message().queue_url(&url).send().await.expect("received");
    assert_eq!(names(&none.messages()[0]), BTreeSet::new(), "none was asked for");
}

pub(crate) async fn an_unknown_queue_is_refused(subject: &Subject) {
    let client = &subject.client;
    let known = queue(subject, &[]).await;
    let unknown = format!("{known}-not");
    let url = client.get_queue_url().queue_name("there-is-no-such-queue").send().await;
    assert!(url.expect_err("refused").into_service_error().is_queue_does_not_exist());
    let sent = client.send_message().queue_url(&unknown).message_body("a").send().await;
    assert_eq!(code(sent), "AWS.SimpleQueueService.NonExistentQueue");
    let batch = client.send_message_batch().queue_url(&unknown).entries(entry("a", "a"));
    assert_eq!(code(batch.send().await), "AWS.SimpleQueueService.NonExistentQueue");
    let received = client.receive_message().queue_url(&unknown).wait_time_seconds(1).send().await;
    assert_eq!(code(received), "AWS.SimpleQueueService.NonExistentQueue");
    let attributes = client.get_queue_attributes().queue_url(&unknown).send().await;
    assert_eq!(code(attributes), "AWS.SimpleQueueService.NonExistentQueue");
}

pub(crate) async fn what_is_no_receipt_handle_is_refused(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    send(client, &url, "hello").await;
    let good = receive_one(client, &url, 30, 0).await;
    let delete = client.delete_message().queue_url(&url).receipt_handle("no handle");
    let error = delete.send().await.expect_err("refused").into_service_error();
    assert!(error.is_receipt_handle_is_invalid(), "{error:?}");
    let change = client.change_message_visibility().queue_url(&url).receipt_handle("no handle");
    assert_eq!(code(change.visibility_timeout(1).send().await), "ReceiptHandleIsInvalid");

    let entry = |id: &str, handle: &str| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(id);
        entry.receipt_handle(handle).build().expect("an entry")
    };
    let batch = client.delete_message_batch().queue_url(&url).entries(entry("bad", "no handle"));
    let deleted = batch.entries(entry("good", handle(&good))).send().await.expect("in part");
    assert_eq!(deleted.successful()[0].id(), "good");
    let [failed] = deleted.failed() else { panic!("{deleted:?}") };
    assert_eq!((failed.id(), failed.code()), ("bad", "ReceiptHandleIsInvalid"));
}
