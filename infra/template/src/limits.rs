//! How much of the account's concurrency each function gets: a parameter each.

use sluice::deployment::FunctionSpec;
use sluice_workers::{Worker, WorkerSpec};

/// The parameters.
pub(crate) fn parameters(endpoints: &[FunctionSpec]) -> String {
    let workers: String = Worker::ALL.iter().map(|worker| capped(worker.spec())).collect();
    let endpoints: String = endpoints.iter().filter_map(reserved).collect();
    ["  # Calls at once: infra/README.md says what the account must allow.\n", &workers, &endpoints].concat()
}

/// A reservation of 0 would switch its function off, so 0 stands for none.
pub(crate) fn conditions(endpoints: &[FunctionSpec]) -> String {
    let reserving = endpoints.iter().filter(|spec| spec.reserved_concurrency.is_some()).map(parameter);
    reserving.map(|name| format!("  Reserves{name}: !Not [!Equals [!Ref {name}, 0]]\n")).collect()
}

/// The property that reserves a function's concurrency, if it has any.
pub(crate) fn reservation(spec: &FunctionSpec) -> Option<String> {
    let name = parameter(spec);
    spec.reserved_concurrency.map(|_| format!("!If [Reserves{name}, !Ref {name}, !Ref AWS::NoValue]"))
}

/// The name of a function's parameter.
pub(crate) fn parameter(spec: &FunctionSpec) -> String {
    spec.logical_id() + "Concurrency"
}

fn capped(WorkerSpec { function, max_concurrency, .. }: &WorkerSpec) -> String {
    let (id, name) = (parameter(function), function.name);
    format!(
        "  {id}:
    Description: The most calls of the worker `{name}` at once.
    Type: Number
    MinValue: 2
    MaxValue: 1000
    Default: {max_concurrency}
"
    )
}

fn reserved(spec: &FunctionSpec) -> Option<String> {
    let (id, name, calls) = (parameter(spec), spec.name, spec.reserved_concurrency?);
    Some(format!(
        "  {id}:
    Description: Calls of `{name}` at once that are kept for it, and the most it gets. 0 keeps none, and sets no limit.
    Type: Number
    MinValue: 0
    Default: {calls}
"
    ))
}
