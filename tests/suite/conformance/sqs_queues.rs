//! Queues: made, found, listed, configured, counted, emptied, deleted.

use std::collections::BTreeSet;

use aws_sdk_sqs::types::QueueAttributeName as Name;

use super::sqs_support::{code, counts, queue, receive, receive_one, send, unique};
use super::{Server, Subject};

async fn attribute(subject: &Subject, url: &str, name: Name) -> Option<String> {
    let request = subject.client.get_queue_attributes().queue_url(url);
    let found = request.attribute_names(name.clone()).send().await.expect("attributes");
    found.attributes().and_then(|all| all.get(&name)).cloned()
}

pub(crate) async fn creating_twice_is_fine(subject: &Subject) {
    let client = &subject.client;
    let name = unique("twice");
    let create = || client.create_queue().queue_name(&name).attributes(Name::DelaySeconds, "5");
    let first = create().send().await.expect("created").queue_url;
    let again = create().send().await.expect("created again").queue_url;
    let bare = client.create_queue().queue_name(&name).send().await.expect("and bare").queue_url;
    let found = client.get_queue_url().queue_name(&name).send().await.expect("found").queue_url;
    assert!(first.as_ref().is_some_and(|url| url.ends_with(&format!("/000000000000/{name}"))));
    assert_eq!([&again, &bare, &found], [&first; 3]);
    let delay = attribute(subject, &first.expect("a URL"), Name::DelaySeconds).await;
    assert_eq!(delay.as_deref(), Some("5"), "the bare one changed nothing");
}

pub(crate) async fn creating_with_other_attributes_is_refused(subject: &Subject) {
    let name = unique("other");
    let create = |delay: &str| {
        let create = subject.client.create_queue().queue_name(&name);
        create.attributes(Name::DelaySeconds, delay).send()
    };
    create("5").await.expect("created");
    let error = create("6").await.expect_err("refused").into_service_error();
    assert!(error.is_queue_name_exists(), "{error:?}");
}

pub(crate) async fn attributes_have_ranges(subject: &Subject) {
    let url = queue(subject, &[]).await;
    for (name, value) in [
        (Name::DelaySeconds, "901"),
        (Name::VisibilityTimeout, "43201"),
        (Name::ReceiveMessageWaitTimeSeconds, "21"),
        (Name::MessageRetentionPeriod, "59"),
        (Name::MaximumMessageSize, "1023"),
        (Name::MaximumMessageSize, "1048577"),
    ] {
        let create = subject.client.create_queue().queue_name(unique("range"));
        let created = create.attributes(name.clone(), value).send().await;
        assert_eq!(code(created), "InvalidAttributeValue", "{name}={value}");
        let set = subject.client.set_queue_attributes().queue_url(&url);
        let set = set.attributes(name.clone(), value).send().await;
        assert_eq!(code(set), "InvalidAttributeValue", "{name}={value}");
    }
}

pub(crate) async fn attributes_have_the_defaults_of_aws(subject: &Subject) {
    let url = queue(subject, &[]).await;
    let name = url.rsplit('/').next().expect("a name");
    let arn = format!("arn:aws:sqs:us-east-1:000000000000:{name}");
    for (name, wanted) in [
        (Name::QueueArn, arn.as_str()),
        (Name::VisibilityTimeout, "30"),
        (Name::DelaySeconds, "0"),
        (Name::ReceiveMessageWaitTimeSeconds, "0"),
        (Name::MessageRetentionPeriod, "345600"),
        (Name::MaximumMessageSize, "1048576"),
    ] {
        assert_eq!(attribute(subject, &url, name.clone()).await.as_deref(), Some(wanted), "{name}");
    }
    assert_eq!(attribute(subject, &url, Name::RedrivePolicy).await, None);
}

pub(crate) async fn attributes_can_be_set(subject: &Subject) {
    let url = queue(subject, &[(Name::DelaySeconds, "0")]).await;
    let set = subject.client.set_queue_attributes().queue_url(&url);
    let set = set.attributes(Name::VisibilityTimeout, "0").attributes(Name::DelaySeconds, "1");
    set.send().await.expect("set");
    assert_eq!(attribute(subject, &url, Name::VisibilityTimeout).await.as_deref(), Some("0"));

    // The delay counts from now on, and so does the timeout: the message is never hidden.
    send(&subject.client, &url, "hello").await;
    assert_eq!(counts(&subject.client, &url).await, [0, 0, 1]);
    let request = || subject.client.receive_message().queue_url(&url).wait_time_seconds(3).send();
    assert_eq!(request().await.expect("received").messages().len(), 1);
    assert_eq!(request().await.expect("received").messages().len(), 1, "it was not hidden");
}

pub(crate) async fn an_unknown_attribute_is_refused(subject: &Subject) {
    let create = subject.client.create_queue().queue_name(unique("unknown"));
    let created = create.attributes(Name::from("Colour"), "red").send().await;
    match subject.server {
        Server::Embedded => assert_eq!(code(created), "InvalidAttributeName"),
        // Ministack stores whatever it is given.
        Server::Ministack => assert!(created.is_ok(), "ministack may have learnt this"),
    }
}

pub(crate) async fn queues_are_listed_by_prefix_and_page(subject: &Subject) {
    let client = &subject.client;
    let prefix = unique("list");
    let mut wanted = BTreeSet::new();
    for n in 0..5 {
        let create = client.create_queue().queue_name(format!("{prefix}-{n}")).send().await;
        wanted.insert(create.expect("created").queue_url.expect("a URL"));
    }
    let all = client.list_queues().queue_name_prefix(&prefix).send().await.expect("listed");
    let found: BTreeSet<String> = all.queue_urls().iter().cloned().collect();
    assert_eq!(found, wanted);
    assert_eq!(all.next_token(), None);

    let (mut paged, mut sizes, mut token) = (BTreeSet::new(), Vec::new(), None);
    loop {
        let page = client.list_queues().queue_name_prefix(&prefix).max_results(2);
        let page = page.set_next_token(token).send().await.expect("a page");
        sizes.push(page.queue_urls().len());
        paged.extend(page.queue_urls().iter().cloned());
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!((paged, sizes), (wanted, vec![2, 2, 1]));
}

pub(crate) async fn a_deleted_queue_is_gone(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    send(client, &url, "hello").await;
    client.delete_queue().queue_url(&url).send().await.expect("deleted");
    let sent = client.send_message().queue_url(&url).message_body("more").send().await;
    assert_eq!(code(sent), "AWS.SimpleQueueService.NonExistentQueue");
    let deleted = client.delete_queue().queue_url(&url).send().await;
    assert_eq!(code(deleted), "AWS.SimpleQueueService.NonExistentQueue");

    // AWS makes one wait for 60 seconds; neither server here does. The old messages do not return.
    let name = url.rsplit('/').next().expect("a name");
    client.create_queue().queue_name(name).send().await.expect("made anew");
    assert_eq!(receive(client, &url, 30, 0).await, []);
}

pub(crate) async fn purging_empties_a_queue(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[(Name::VisibilityTimeout, "7")]).await;
    for body in ["a", "b", "c"] {
        send(client, &url, body).await;
    }
    receive_hidden(subject, &url).await;
    client.purge_queue().queue_url(&url).send().await.expect("purged");
    assert_eq!(counts(client, &url).await, [0, 0, 0]);
    let visibility = attribute(subject, &url, Name::VisibilityTimeout).await;
    assert_eq!(visibility.as_deref(), Some("7"), "the queue stays as it was");
    send(client, &url, "d").await;
    assert_eq!(receive_one(client, &url, 30, 0).await.body(), Some("d"));
}

/// Takes one message, so that not all of them are visible.
async fn receive_hidden(subject: &Subject, url: &str) {
    let received = subject.client.receive_message().queue_url(url).send().await.expect("received");
    assert_eq!(received.messages().len(), 1);
}

pub(crate) async fn messages_are_counted_by_state(subject: &Subject) {
    let client = &subject.client;
    let url = queue(subject, &[]).await;
    for body in ["a", "b", "c"] {
        send(client, &url, body).await;
    }
    let late = client.send_message().queue_url(&url).message_body("d").delay_seconds(60);
    late.send().await.expect("sent");
    assert_eq!(counts(client, &url).await, [3, 0, 1]);
    receive_hidden(subject, &url).await;
    assert_eq!(counts(client, &url).await, [2, 1, 1]);
}

pub(crate) async fn a_redrive_policy_needs_its_target(subject: &Subject) {
    let client = &subject.client;
    let policy = |name: &str, count: &str| {
        format!(r#"{{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:{name}","maxReceiveCount":{count}}}"#)
    };
    let create = |policy: String| {
        let create = client.create_queue().queue_name(unique("redrive"));
        create.attributes(Name::RedrivePolicy, policy).send()
    };
    let wanted = match subject.server {
        // As AWS has it: "Dead letter target does not exist."
        Server::Embedded => "InvalidParameterValue",
        // Ministack takes it for a malformed policy.
        Server::Ministack => "InvalidAttributeValue",
    };
    assert_eq!(code(create(policy("there-is-no-such-queue", "3")).await), wanted);

    let dead = queue(subject, &[]).await;
    let dead = dead.rsplit('/').next().expect("a name");
    for bad in [policy(dead, "0"), policy(dead, "1001"), "{}".to_owned(), "red".to_owned()] {
        assert_eq!(code(create(bad.clone()).await), "InvalidAttributeValue", "{bad}");
    }
    let url = create(policy(dead, "3")).await.expect("created").queue_url.expect("a URL");
    let shown = attribute(subject, &url, Name::RedrivePolicy).await.expect("a policy");
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["maxReceiveCount"], 3);
    assert!(shown["deadLetterTargetArn"].as_str().is_some_and(|arn| arn.ends_with(dead)));
}
