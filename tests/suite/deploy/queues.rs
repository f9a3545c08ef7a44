//! The workers' queues: on AWS by the template, and the same in the local run.

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};
use sluice_local::provision;
use sluice_workers::Worker;

use super::template::{functions, load, load_data, resources};
use crate::conformance::Embedded;
use crate::support::World;

#[test]
fn queues_hide_messages_long_enough_and_keep_what_fails() {
    let (template, data) = (load(), load_data());
    let functions = functions(&template);
    let sources: Vec<_> = resources(&template, "AWS::Lambda::EventSourceMapping").collect();
    assert_eq!(sources.len(), Worker::ALL.len());
    for (id, source) in sources {
        assert_eq!(source["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]), "{id}");
        let worker =
            functions.iter().find(|function| source["FunctionName"]["!Ref"] == *function.id).expect("its worker");
        let arn = source["EventSourceArn"]["!GetAtt"].as_str().and_then(|arn| arn.strip_prefix("Data.Outputs."));
        let arn = arn.expect("its queue");
        assert!(worker.actions_on(arn).contains("sqs:ReceiveMessage"), "{id}");
        let queue = data["Outputs"][arn]["Value"]["!GetAtt"].as_str().and_then(|arn| arn.strip_suffix(".Arn"));
        let queue = &data["Resources"][queue.expect("its queue")]["Properties"];
        let (hidden, runs) = (queue["VisibilityTimeout"].as_u64(), worker.properties["Timeout"].as_u64());
        assert!(hidden.is_some() && hidden >= runs.map(|seconds| 6 * seconds), "{id}: {hidden:?} for {runs:?}");
        assert!(queue["RedrivePolicy"]["maxReceiveCount"].as_u64() >= Some(5), "{id}");
    }
    for (id, queue) in resources(&data, "AWS::SQS::Queue") {
        let own_key = json!({"!If": ["HasKmsKey", {"!Ref": "AWS::NoValue"}, true]});
        assert_eq!(queue["SqsManagedSseEnabled"], own_key, "{id}");
    }
}

#[tokio::test]
async fn the_local_queues_have_the_attributes_of_the_deployed_ones() {
    let embedded = Embedded::start().await;
    let urls = provision::queues(&embedded.client).await.expect("queues");
    let data = load_data();
    for worker in Worker::ALL {
        let local = embedded.client.get_queue_attributes().queue_url(urls.of(worker.queue()));
        let local = local.attribute_names(QueueAttributeName::All).send().await.expect("attributes");
        let local = local.attributes.expect("attributes");
        let deployed = format!("{}Queue", worker.spec().function.logical_id());
        let deployed = &data["Resources"][deployed]["Properties"];
        for (name, value) in [
            (QueueAttributeName::VisibilityTimeout, &deployed["VisibilityTimeout"]),
            (QueueAttributeName::MessageRetentionPeriod, &deployed["MessageRetentionPeriod"]),
        ] {
            assert_eq!(local[&name], value.to_string(), "{worker:?} {name}");
        }
        let redrive: Value = serde_json::from_str(&local[&QueueAttributeName::RedrivePolicy]).expect("JSON");
        assert_eq!(redrive["maxReceiveCount"], deployed["RedrivePolicy"]["maxReceiveCount"], "{worker:?}");
    }
    embedded.stop().await;
}

/// An event source mapping leaves failed messages hidden; the worker itself has them come again.
#[tokio::test]
async fn a_failed_message_does_not_wait_for_the_visibility_timeout() {
    let world = World::start(&[]).await.expect("a system");
    let sqs = world.system.queues();
    let urls = provision::queues(sqs).await.expect("queues");
    let dlq = sqs.get_queue_url().queue_name("sluice-dispatch-dlq").send().await.expect("a queue");
    let dlq = dlq.queue_url.expect("a URL");
    let arn = sqs.get_queue_attributes().queue_url(&dlq).attribute_names(QueueAttributeName::QueueArn).send().await;
    let arn = arn.expect("attributes").attributes.expect("attributes")[&QueueAttributeName::QueueArn].clone();
    let redrive = json!({"deadLetterTargetArn": arn, "maxReceiveCount": 1}).to_string();
    let set = sqs.set_queue_attributes().queue_url(&urls.dispatch);
    set.attributes(QueueAttributeName::RedrivePolicy, redrive).send().await.expect("set");

    sqs.send_message().queue_url(&urls.dispatch).message_body("unreadable").send().await.expect("sent");
    // It is there as soon as the pollers would receive the message for the second time.
    let dead = sqs.receive_message().queue_url(&dlq).wait_time_seconds(20).send().await.expect("received");
    assert_eq!(dead.messages()[0].body(), Some("unreadable"));
    world.stop().await;
}
