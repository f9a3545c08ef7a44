//! What a response holds: JSON, or JSON on each of its lines.

use crate::connectors::ConnectorError;
use crate::connectors::http::{HttpApi, Reply};
use crate::connectors::path::Path;
use crate::domain::value::Value;

/// Content types with a JSON value on each line.
const LINES: [&str; 6] = [
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/jsonlines",
    "application/json-lines",
];
/// Members of an object that is an error and no page of records.
const ERRORS: [&str; 3] = ["error", "errors", "fault"];

/// Reads a response; one without content is an empty list, and so is one of lines.
pub(in crate::connectors) fn read_content(api: &HttpApi, reply: &Reply) -> Result<Value, ConnectorError> {
    let kind = reply.content_type();
    if LINES.iter().any(|lines| kind.eq_ignore_ascii_case(lines)) {
        return read_lines(&reply.body).map_err(|why| api.unusable(reply, &why));
    }
    if reply.body.trim_ascii().is_empty() {
        return Ok(Value::Array(Vec::new()));
    }
    Value::parse(&reply.body).map_err(|error| {
        let kind = if kind.is_empty() { "no content type".to_owned() } else { format!("content type {kind}") };
        api.unusable(reply, &format!("it is not JSON ({}): {error}", api.hidden(&kind)))
    })
}

fn read_lines(body: &[u8]) -> Result<Value, String> {
    let lines = body.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
    let values = lines.map(|(index, line)| {
        Value::parse(line).map_err(|error| format!("line {} is not JSON: {}", index + 1, error.reason))
    });
    values.collect::<Result<_, _>>().map(Value::Array)
}

/// Takes the records out of a response.
pub(super) fn take_records(
    api: &HttpApi,
    reply: &Reply,
    content: Value,
    path: Option<&Path>,
) -> Result<Vec<Value>, ConnectorError> {
    let is_error = is_error(&content);
    let records = match (path, content) {
        (Some(path), content) => items_of(path.take(content).map_err(|why| api.unusable(reply, &why))?),
        (None, Value::Array(items)) => items,
        (None, object @ Value::Object(_)) => vec![object],
        (None, Value::Null) => Vec::new(),
        (None, other) => return Err(api.unusable(reply, &format!("it is {}", other.kind()))),
    };
    // A response that says it is an error must not look like the end of the records.
    if is_error && (path.is_none() || records.is_empty()) {
        let text = api.hidden(&String::from_utf8_lossy(&reply.body));
        return Err(
            api.unusable(reply, &format!("it is an error with HTTP status code {}: {text}", reply.status.as_u16()))
        );
    }
    Ok(records)
}

/// A path to one list leads to its items; what is `null` is none.
fn items_of(mut nodes: Vec<Value>) -> Vec<Value> {
    match (nodes.pop(), nodes.is_empty()) {
        (Some(Value::Array(items)), true) => items,
        (Some(Value::Null), true) => Vec::new(),
        (last, _) => {
            nodes.extend(last);
            nodes
        }
    }
}

/// Whether an object says that it is an error.
fn is_error(content: &Value) -> bool {
    let is_empty = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Number(_) | Value::Bool(true) => false,
    };
    let says_no = |name| content.get(name) == Some(&Value::Bool(false));
    ERRORS.iter().any(|name| content.get(name).is_some_and(|value| !is_empty(value)))
        || says_no("success")
        || says_no("ok")
}
