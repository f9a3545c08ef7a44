//! Calls that met a transaction on the same item: DynamoDB refuses one of the two, and the SDK does not repeat it.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use serde::Deserialize;

/// Has such calls repeated, with the SDK's growing waits and their jitter.
#[derive(Debug)]
pub(super) struct TransactionConflicts;

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type", default)]
    kind: String,
    #[serde(rename = "CancellationReasons", default)]
    reasons: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(rename = "Code", default)]
    code: Option<String>,
}

impl ClassifyRetry for TransactionConflicts {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let body = context.response().filter(|response| response.status().as_u16() == 400);
        match body.and_then(|response| response.body().bytes()) {
            Some(body) if is_conflict(body) => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "transaction conflicts"
    }
}

/// Whether a call met a transaction, or too much traffic within its own, and nothing else is wrong with it.
fn is_conflict(body: &[u8]) -> bool {
    let Ok(Refusal { kind, reasons }) = serde_json::from_slice(body) else { return false };
    match kind.rsplit('#').next() {
        Some("TransactionConflictException") => true,
        Some("TransactionCanceledException") => {
            let passes = ["None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
            let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason.code.as_deref()).collect();
            codes.iter().any(|code| *code != "None") && codes.iter().all(|code| passes.contains(code))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_conflict_is_told_from_a_condition_that_does_not_hold() {
        let refused = |kind: &str, codes: &[&str]| {
            let kind = format!("com.amazonaws.dynamodb.v20120810#{kind}");
            let reasons: Vec<_> = codes.iter().map(|code| json!({"Code": code, "Message": null})).collect();
            is_conflict(json!({"__type": kind, "CancellationReasons": reasons}).to_string().as_bytes())
        };
        assert!(refused("TransactionConflictException", &[]));
        assert!(refused("TransactionCanceledException", &["None", "TransactionConflict"]));
        assert!(refused("TransactionCanceledException", &["ThrottlingError", "None"]));
        assert!(!refused("TransactionCanceledException", &["ConditionalCheckFailed", "TransactionConflict"]));
        assert!(!refused("TransactionCanceledException", &["None", "None"]));
        assert!(!refused("ConditionalCheckFailedException", &[]));
        assert!(!is_conflict(b"no JSON") && !is_conflict(b"{}"));
    }
}
