//! What operators rely on: alarms with their runbooks, logs, and what a parameter switches on.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice_workers::Worker;

use super::template::{load, load_alarms, load_data, resources, root};

fn alarms() -> Vec<(String, Value)> {
    let (template, worker) = (load(), load_alarms());
    let all = [&template, &worker].map(|from| {
        let alarms = resources(from, "AWS::CloudWatch::Alarm");
        alarms.map(|(id, alarm)| (id.clone(), alarm.clone())).collect::<Vec<_>>()
    });
    all.concat()
}

#[test]
fn every_alarm_reaches_the_operator_and_has_a_runbook() {
    let mut named = BTreeSet::new();
    for (id, alarm) in alarms() {
        let description = alarm["AlarmDescription"].as_str().expect("a description");
        let runbook = description.split_once("docs/runbooks/").map(|(_, file)| file.trim_end_matches('.'));
        named.insert(runbook.unwrap_or_else(|| panic!("{id} names no runbook")).to_owned());
        let topic = json!({"!If": ["HasAlarmTopic", [{"!Ref": "AlarmTopicArn"}], {"!Ref": "AWS::NoValue"}]});
        assert_eq!(alarm["AlarmActions"], topic, "{id}");
    }
    let files = std::fs::read_dir(root().join("docs/runbooks")).expect("the runbooks");
    let files: BTreeSet<String> =
        files.map(|file| file.expect("a file").file_name().into_string().expect("a name")).collect();
    assert_eq!(files, named, "one runbook for each alarm");
}

#[test]
fn a_tick_that_does_not_come_is_an_alarm() {
    let (_, alarm) = alarms().into_iter().find(|(id, _)| id == "TickMissing").expect("the alarm");
    assert_eq!((&alarm["MetricName"], &alarm["Statistic"]), (&json!("Invocations"), &json!("Sum")));
    assert_eq!((&alarm["ComparisonOperator"], &alarm["Threshold"]), (&json!("LessThanThreshold"), &json!(1)));
    assert_eq!(alarm["TreatMissingData"], "breaching");
    assert_eq!(alarm["Dimensions"], json!([{"Name": "FunctionName", "Value": {"!Ref": "Tick"}}]));
}

/// Nothing of ours sends to a dead-letter queue, so whatever is in it could not be worked on.
#[test]
fn every_dead_letter_queue_has_an_alarm_and_only_sqs_fills_it() {
    let (template, data) = (load(), load_data());
    let stacks = resources(&template, "AWS::CloudFormation::Stack").filter_map(|(_, stack)| {
        let queue = stack["Parameters"]["DlqName"]["!GetAtt"].as_str()?;
        queue.strip_prefix("Data.Outputs.")?.strip_suffix("Name").map(str::to_owned)
    });
    let watched: BTreeSet<String> = stacks.collect();
    let all = resources(&data, "AWS::SQS::Queue").filter(|(_, queue)| queue["RedrivePolicy"].is_null());
    assert_eq!(watched, all.map(|(id, _)| id.clone()).collect());
    assert_eq!(watched.len(), Worker::ALL.len());
    let (_, alarm) = alarms().into_iter().find(|(id, _)| id == "DeadLetters").expect("the alarm");
    assert_eq!(alarm["MetricName"], "ApproximateNumberOfMessagesVisible");
    assert_eq!((&alarm["ComparisonOperator"], &alarm["Threshold"]), (&json!("GreaterThanThreshold"), &json!(0)));
    assert!(!template["Globals"].to_string().contains("Dlq"), "functions do not know them");
    for (id, role) in resources(&template, "AWS::IAM::Role") {
        assert!(!role.to_string().contains("Dlq"), "{id}");
    }
}

#[test]
fn access_logs_are_json_with_the_id_of_the_request() {
    let template = load();
    let (_, api) = resources(&template, "AWS::Serverless::HttpApi").next().expect("an API");
    assert_eq!(api["AccessLogSettings"]["DestinationArn"], json!({"!GetAtt": "AccessLogs.Arn"}));
    let format = api["AccessLogSettings"]["Format"].as_str().expect("a format");
    let line: Value = serde_json::from_str(format).expect("JSON");
    assert_eq!(line["requestId"], "$context.requestId");
    assert!(!format.contains("querystring") && !format.contains("header"), "query strings can carry secrets: {format}");
    for (id, group) in resources(&template, "AWS::Logs::LogGroup") {
        assert!(group["RetentionInDays"].is_u64(), "{id} is kept for ever");
    }
}

#[test]
fn tracing_and_a_key_of_ones_own_are_off_until_asked_for() {
    let (template, data) = (load(), load_data());
    for (parameter, off) in [("Tracing", "off"), ("KmsKeyArn", "")] {
        assert_eq!(template["Parameters"][parameter]["Default"], off);
    }
    let function = &template["Globals"]["Function"];
    assert_eq!(function["Tracing"], json!({"!If": ["HasTracing", "Active", "PassThrough"]}));
    for (policy, condition) in [("TracingPolicy", "HasTracing"), ("KeyPolicy", "HasKmsKey")] {
        assert_eq!(template["Resources"][policy]["Condition"], condition);
    }
    let roles = resources(&template, "AWS::IAM::Role").count();
    let traced = &template["Resources"]["TracingPolicy"]["Properties"]["Roles"];
    assert_eq!(traced.as_array().map(Vec::len), Some(roles));
    let key = json!({"!If": ["HasKmsKey", {"!Ref": "KmsKeyArn"}, {"!Ref": "AWS::NoValue"}]});
    for (id, group) in resources(&template, "AWS::Logs::LogGroup") {
        assert_eq!(group["KmsKeyId"], key, "{id}");
    }
    for (kind, at) in [
        ("AWS::DynamoDB::Table", "/SSESpecification/KMSMasterKeyId"),
        ("AWS::SQS::Queue", "/KmsMasterKeyId"),
        ("AWS::SecretsManager::Secret", "/KmsKeyId"),
    ] {
        for (id, resource) in resources(&data, kind) {
            assert_eq!(resource.pointer(at), Some(&key), "{id}");
        }
    }
}
