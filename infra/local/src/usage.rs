//! Counts every AWS call of the local run as AWS would bill it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::operation as dynamodb;
use aws_sdk_dynamodb::types::ConsumedCapacity;
use aws_sdk_sqs::operation as sqs;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{FinalizerInterceptorContextRef, Input, Output};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use serde::{Deserialize, Serialize};

/// SQS bills each started 64 KB of a request.
const SQS_CHUNK: usize = 64 * 1024;
/// The memory of the busy functions in `template.yaml`, in GB.
const LAMBDA_GB: f64 = 1.0;

/// One operation's usage so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// Calls.
    pub calls: u64,
    /// DynamoDB's write units of 1 KB.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub write_units: f64,
    /// DynamoDB's read units of 4 KB.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub read_units: f64,
    /// SQS's billed requests: each started 64 KB.
    #[serde(default, skip_serializing_if = "is_none")]
    pub message_chunks: u64,
    /// Lambda's time, in milliseconds.
    #[serde(default, skip_serializing_if = "is_none")]
    pub billed_ms: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(number: &u64) -> bool {
    *number == 0
}

/// Service, operation, count.
pub type Report = BTreeMap<String, BTreeMap<String, Count>>;

/// The counters.
#[derive(Debug, Default)]
pub struct Usage {
    counts: Mutex<Report>,
}

impl Usage {
    /// Everything so far.
    #[must_use]
    pub fn report(&self) -> Report {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A request through API Gateway, which invokes a function.
    pub fn request(&self, took: Duration) {
        self.add("apigateway", "Request", &Count { calls: 1, ..Count::default() });
        self.invocation("api", took);
    }

    /// A function's call.
    pub fn invocation(&self, function: &str, took: Duration) {
        let billed_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
        self.add("lambda", function, &Count { calls: 1, billed_ms, ..Count::default() });
    }

    fn add(&self, service: &str, operation: &str, more: &Count) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(service.to_owned()).or_default().entry(operation.to_owned()).or_default();
        count.calls += more.calls;
        count.write_units += more.write_units;
        count.read_units += more.read_units;
        count.message_chunks += more.message_chunks;
        count.billed_ms += more.billed_ms;
    }
}

/// Sees every call of the SDK's clients.
#[derive(Debug)]
pub struct Observer(pub std::sync::Arc<Usage>);

#[dyn_dispatch_hint]
impl Intercept for Observer {
    fn name(&self) -> &'static str {
        "usage"
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(metadata) = config.load::<Metadata>() else { return Ok(()) };
        let output = context.output_or_error().and_then(Result::ok);
        let mut count = Count { calls: 1, ..Count::default() };
        match metadata.service() {
            "DynamoDB" => (count.write_units, count.read_units) = units(metadata.name(), output),
            "SQS" => count.message_chunks = (bytes(context.input(), output).div_ceil(SQS_CHUNK)).max(1) as u64,
            _ => {}
        }
        self.0.add(&metadata.service().to_ascii_lowercase(), metadata.name(), &count);
        Ok(())
    }
}

/// The write and read units of a DynamoDB call. A write whose condition failed is billed as one.
fn units(operation: &str, output: Option<&Output>) -> (f64, f64) {
    let Some(output) = output else { return if operation == "Query" { (0.0, 1.0) } else { (1.0, 0.0) } };
    macro_rules! capacity {
        ($($module:ident :: $type:ident),+) => {
            $(if let Some(answer) = output.downcast_ref::<dynamodb::$module::$type>() {
                return split(operation, answer.consumed_capacity());
            })+
        };
    }
    capacity!(
        put_item::PutItemOutput,
        get_item::GetItemOutput,
        update_item::UpdateItemOutput,
        delete_item::DeleteItemOutput,
        query::QueryOutput,
        transact_write_items::TransactWriteItemsOutput,
        batch_write_item::BatchWriteItemOutput
    );
    (0.0, 0.0)
}

fn split<'a>(operation: &str, capacity: impl IntoIterator<Item = &'a ConsumedCapacity>) -> (f64, f64) {
    let total: f64 = capacity.into_iter().filter_map(ConsumedCapacity::capacity_units).sum();
    if matches!(operation, "GetItem" | "Query") { (0.0, total) } else { (total, 0.0) }
}

/// The payload of an SQS call.
fn bytes(input: Option<&Input>, output: Option<&Output>) -> usize {
    if let Some(send) = input.and_then(|input| input.downcast_ref::<sqs::send_message::SendMessageInput>()) {
        return send.message_body().map_or(0, str::len);
    }
    if let Some(send) = input.and_then(|input| input.downcast_ref::<sqs::send_message_batch::SendMessageBatchInput>()) {
        return send.entries().iter().map(|entry| entry.message_body().len()).sum();
    }
    if let Some(receive) = output.and_then(|out| out.downcast_ref::<sqs::receive_message::ReceiveMessageOutput>()) {
        return receive.messages().iter().filter_map(|message| message.body()).map(str::len).sum();
    }
    0
}

/// The list price of a report by service, in US dollars (us-east-1, arm64), and what it is made of.
#[must_use]
pub fn price(report: &Report) -> Vec<(&'static str, f64, String)> {
    let empty = BTreeMap::new();
    let of = |service: &str| report.get(service).unwrap_or(&empty);
    let sum = |service: &str, field: fn(&Count) -> f64| of(service).values().map(field).sum::<f64>();
    let (writes, reads) = (sum("dynamodb", |c| c.write_units), sum("dynamodb", |c| c.read_units));
    let requests = sum("apigateway", |c| c.calls as f64);
    let (calls, ms) = (sum("lambda", |c| c.calls as f64), sum("lambda", |c| c.billed_ms as f64));
    let chunks = sum("sqs", |c| c.message_chunks as f64);
    let puts: u64 = of("s3").iter().filter(|(name, _)| !name.starts_with("Get")).map(|(_, c)| c.calls).sum();
    vec![
        ("API Gateway", requests * 1.0e-6, format!("{requests:.0} requests")),
        (
            "Lambda",
            calls * 0.2e-6 + ms / 1_000.0 * LAMBDA_GB * 0.000_013_333_4,
            format!("{calls:.0} calls, {ms:.0} ms at {LAMBDA_GB} GB"),
        ),
        ("DynamoDB", writes * 0.625e-6 + reads * 0.125e-6, format!("{writes:.0} write units, {reads:.0} read units")),
        ("SQS", chunks * 0.4e-6, format!("{chunks:.0} requests of 64 KB")),
        ("S3", puts as f64 * 5.0e-6, format!("{puts} writes")),
    ]
}

/// The difference between two reports.
#[must_use]
pub fn difference(before: &Report, after: &Report) -> Report {
    let mut more = after.clone();
    for (service, operations) in &mut more {
        for (operation, count) in operations.iter_mut() {
            let Some(earlier) = before.get(service).and_then(|operations| operations.get(operation)) else { continue };
            count.calls -= earlier.calls;
            count.write_units -= earlier.write_units;
            count.read_units -= earlier.read_units;
            count.message_chunks -= earlier.message_chunks;
            count.billed_ms -= earlier.billed_ms;
        }
    }
    more
}
