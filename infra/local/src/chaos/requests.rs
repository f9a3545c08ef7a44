//! Requests of the AWS JSON protocol, and the answers that faults give to them.

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use super::fault::Fault;

/// The most seconds that a message comes late.
const LATE_SECONDS: u8 = 3;

/// The operation of a request, such as `PutItem`.
pub(super) fn operation(request: &HttpRequest) -> String {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default().to_owned()
}

/// The answer of a service that refuses a request.
pub(super) fn refusal(fault: Fault, request: &HttpRequest) -> Option<HttpResponse> {
    let is_database = request.headers().get("x-amz-target").is_some_and(|target| target.starts_with("DynamoDB"));
    match (fault, operation(request).as_str()) {
        (Fault::Throttled, _) if is_database => error(400, "ThrottlingException", "Rate exceeded"),
        (Fault::Throttled, _) => error(400, "RequestThrottled", "Rate exceeded"),
        (Fault::Unavailable, _) => error(500, "InternalServerError", "The service is not well"),
        (Fault::TransactionConflict, "TransactWriteItems") => cancelled(request),
        (Fault::TransactionConflict, _) => {
            error(400, "TransactionConflictException", "Transaction is ongoing for the item")
        }
        (Fault::Unprocessed, _) => {
            let items = body(request)?.get("RequestItems")?.clone();
            answer(200, &json!({"UnprocessedItems": items}))
        }
        _ => None,
    }
}

/// A transaction of which one write met another transaction.
fn cancelled(request: &HttpRequest) -> Option<HttpResponse> {
    let writes = body(request)?.get("TransactItems")?.as_array()?.len();
    let reason = |place| if place == 0 { json!({"Code": "TransactionConflict"}) } else { json!({"Code": "None"}) };
    let reasons: Vec<Value> = (0..writes).map(reason).collect();
    let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    let message = "Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict]";
    answer(400, &json!({"__type": kind, "Message": message, "CancellationReasons": reasons}))
}

fn error(status: u16, code: &str, message: &str) -> Option<HttpResponse> {
    answer(status, &json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message}))
}

fn answer(status: u16, body: &Value) -> Option<HttpResponse> {
    let mut response = HttpResponse::new(StatusCode::try_from(status).ok()?, SdkBody::from(body.to_string()));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    Some(response)
}

/// A query of which a page has few items, as if they were large.
pub(super) fn shorten(request: &mut HttpRequest, most: u8) {
    change(request, |body| {
        let limit = body.get("Limit").and_then(Value::as_u64).unwrap_or(u64::MAX);
        body["Limit"] = json!(limit.min(most.into()));
    });
}

/// A message that comes after those that are sent after it.
pub(super) fn delay(request: &mut HttpRequest, seconds: u8) {
    let late = 1 + seconds % LATE_SECONDS;
    let more = |message: &mut Value| {
        let delay = message.get("DelaySeconds").and_then(Value::as_u64).unwrap_or_default();
        message["DelaySeconds"] = json!((delay + u64::from(late)).min(900));
    };
    change(request, |body| match body.get_mut("Entries").and_then(Value::as_array_mut) {
        Some(entries) => entries.iter_mut().for_each(more),
        None => more(body),
    });
}

fn body(request: &HttpRequest) -> Option<Value> {
    serde_json::from_slice(request.body().bytes()?).ok()
}

fn change(request: &mut HttpRequest, change: impl FnOnce(&mut Value)) {
    let Some(mut value) = body(request) else { return };
    change(&mut value);
    let text = value.to_string();
    request.headers_mut().insert("content-length", text.len().to_string());
    *request.body_mut() = SdkBody::from(text);
}
