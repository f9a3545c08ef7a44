//! The Lambda functions, and what calls them.

use sluice::deployment::FunctionSpec;
use sluice_workers::{TICK, Worker, WorkerSpec, functions};

use crate::data::{arn, queue_id};
use crate::roles::role_id;
use crate::{limits, section, settings};

const API_CODE: &str = "target/lambda/sluice-api/bootstrap.zip";
const WORKERS_CODE: &str = "target/lambda/sluice-workers/bootstrap.zip";

/// The properties that all functions share.
pub(crate) fn globals() -> String {
    let (memory, timeout) = (FunctionSpec::MEMORY_MIB, FunctionSpec::TIMEOUT_SECONDS);
    format!(
        "
Globals:
  Function:
    Runtime: provided.al2023
    Architectures: [!Ref Architecture]
    # Endpoints and workers are one binary each; `Handler` says which part of it a function is.
    CodeUri: {API_CODE}
    MemorySize: {memory}
    Timeout: {timeout}
    Tracing: !If [HasTracing, Active, PassThrough]
    LoggingConfig: {{ LogFormat: JSON, LogGroup: !Ref Logs }}
    Environment:
      Variables:
{resources}{settings}",
        resources = include_str!("../parts/variables.yaml"),
        settings = settings::variables(),
    )
}

/// The endpoints' functions, each with the API's permission to call it.
pub(crate) fn endpoints(specs: &[FunctionSpec]) -> String {
    let endpoint = |spec: &FunctionSpec| {
        let id = spec.logical_id();
        format!(
            "{}  {id}Permission:
    Type: AWS::Lambda::Permission
    Properties: {{ Action: lambda:InvokeFunction, FunctionName: !Ref {id}, Principal: apigateway.amazonaws.com, SourceArn: !Sub \"arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{Api}}/*\" }}
",
            function(spec, None, "")
        )
    };
    section("Endpoints") + &specs.iter().map(endpoint).collect::<Vec<_>>().join("\n")
}

/// The workers' functions with their event source mappings, then those that no queue calls.
pub(crate) fn workers() -> String {
    let mut parts: Vec<String> = Worker::ALL.iter().map(|worker| with_queue(worker.spec())).collect();
    for spec in functions().iter().filter(|spec| Worker::named(spec.name).is_none()) {
        let schedule =
            "      Events:\n        EveryMinute: { Type: Schedule, Properties: { Schedule: rate(1 minute) } }\n";
        parts.push(if spec.name == TICK {
            function(spec, Some(WORKERS_CODE), schedule)
        } else {
            let comment = "  # Invoked by hand, once: it makes the operator's tenant and its first client.\n";
            comment.to_owned() + &function(spec, Some(WORKERS_CODE), "")
        });
    }
    let comment = "  # An event source mapping of SAM's own would grant its function every queue of the account.\n";
    section("Workers") + comment + &parts.join("\n")
}

fn with_queue(spec: &WorkerSpec) -> String {
    let (id, queue, batch) = (spec.function.logical_id(), arn(queue_id(spec.queue)), spec.batch_size);
    let most = limits::parameter(&spec.function);
    format!(
        "{}  {id}Source:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref {id}
      EventSourceArn: {queue}
      BatchSize: {batch}
      FunctionResponseTypes: [ReportBatchItemFailures]
      ScalingConfig: {{ MaximumConcurrency: !Ref {most} }}
",
        function(&spec.function, Some(WORKERS_CODE), ""),
    )
}

fn function(spec: &FunctionSpec, code: Option<&str>, events: &str) -> String {
    let line = |key: &str, value: &dyn std::fmt::Display| format!("      {key}: {value}\n");
    let memory = (spec.memory_mib != FunctionSpec::MEMORY_MIB).then(|| line("MemorySize", &spec.memory_mib));
    let timeout =
        (spec.timeout_seconds != FunctionSpec::TIMEOUT_SECONDS).then(|| line("Timeout", &spec.timeout_seconds));
    let reserved = limits::reservation(spec).map(|calls| line("ReservedConcurrentExecutions", &calls));
    let properties = [
        line("Handler", &spec.name),
        line("Role", &format_args!("!GetAtt {}.Arn", role_id(spec.permissions))),
        code.map(|code| line("CodeUri", &code)).unwrap_or_default(),
        memory.unwrap_or_default(),
        timeout.unwrap_or_default(),
        reserved.unwrap_or_default(),
        events.to_owned(),
    ];
    format!("  {}:\n    Type: AWS::Serverless::Function\n    Properties:\n{}", spec.logical_id(), properties.concat())
}
