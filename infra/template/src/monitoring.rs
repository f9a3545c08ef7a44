//! Logs, alarms and the dashboard.

use sluice_workers::{TICK, Worker, WorkerSpec, functions};

use crate::data::{dlq_id, queue_id};

/// Their resources.
pub(crate) fn resources() -> String {
    let alarms = Worker::ALL.map(|worker| alarms(worker.spec()));
    ["\n", include_str!("../parts/watch.yaml"), &alarms.concat(), "\n", &dashboard()].concat()
}

fn alarms(spec: &WorkerSpec) -> String {
    let (id, queue, dlq) = (spec.function.logical_id(), queue_id(spec.queue), dlq_id(spec));
    format!(
        "
  {id}Alarms:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: infra/worker-alarms.yaml
      Parameters:
        FunctionName: !Ref {id}
        QueueName: !GetAtt Data.Outputs.{queue}Name
        DlqName: !GetAtt Data.Outputs.{dlq}Name
        MaxAgeSeconds: {age}
        AlarmTopicArn: !Ref AlarmTopicArn
",
        age = spec.alarm_age_seconds,
    )
}

/// In its text, `<queues>` and the like stand for the last part of a metric, once for each of them.
fn dashboard() -> String {
    let specs = Worker::ALL.map(Worker::spec);
    let workers: Vec<String> = specs.iter().map(|spec| spec.function.logical_id()).collect();
    let tick = functions().into_iter().find(|spec| spec.name == TICK).map(|spec| spec.logical_id());
    let functions: Vec<String> = workers.iter().cloned().chain(tick).collect();
    let queues = specs.map(|spec| format!("Data.Outputs.{}Name", queue_id(spec.queue)));
    let dlqs = specs.map(|spec| format!("Data.Outputs.{}Name", dlq_id(spec)));
    let text = include_str!("../parts/dashboard.yaml");
    text.replace("<queues>", &metrics(&queues))
        .replace("<dlqs>", &metrics(&dlqs))
        .replace("<workers>", &metrics(&workers))
        .replace("<functions>", &metrics(&functions))
}

/// `"..."` repeats what the metric before says.
fn metrics(of: &[String]) -> String {
    let values: Vec<String> = of.iter().map(|value| format!("\"${{{value}}}\"")).collect();
    values.join("], [\"...\", ")
}
