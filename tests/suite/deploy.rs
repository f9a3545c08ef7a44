//! The deployed form: the template agrees with the program, and the program works as the template deploys it.

mod journey;
pub(crate) mod stack;
mod template;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice::settings::SETTINGS;
use sluice_api::{ENDPOINTS, FALLBACK};
use sluice_workers::{BOOTSTRAP, TICK, Worker};

use stack::{Request, stack};
use template::{Function, Route, functions, load, resources, root};

fn workers() -> Vec<&'static str> {
    Worker::ALL.map(Worker::name).into_iter().chain([TICK, BOOTSTRAP]).collect()
}

/// The operations of `openapi.json`: `operationId`, method, path.
fn operations() -> BTreeSet<(String, Route)> {
    let text = std::fs::read_to_string(root().join("openapi.json")).expect("openapi.json is there");
    let document: Value = serde_json::from_str(&text).expect("openapi.json is JSON");
    let mut operations = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let Some(id) = operation["operationId"].as_str() else { continue };
            operations.insert((id.to_owned(), Route { method: method.to_uppercase(), path: path.clone() }));
        }
    }
    operations
}

fn owner<'a>(functions: &'a [Function], operation: &str) -> &'a Function {
    let named = |function: &&Function| {
        operation == function.handler || operation.starts_with(&format!("{}.", function.handler))
    };
    functions.iter().find(named).unwrap_or_else(|| panic!("no function serves {operation}"))
}

/// A path as API Gateway writes it: the router's `{*path}` is `{path+}`.
fn gateway(path: &str) -> String {
    let part = |part: &str| match part.strip_prefix("{*").and_then(|name| name.strip_suffix('}')) {
        Some(name) => format!("{{{name}+}}"),
        None => part.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[test]
fn every_operation_has_a_function_and_every_route_an_operation() {
    let functions = functions(&load());
    let mut served: BTreeSet<(String, Route)> = BTreeSet::new();
    for endpoint in ENDPOINTS {
        for (method, path) in endpoint.routes() {
            let route =
                |prefix: &str| Route { method: method.to_string(), path: format!("{prefix}{}", gateway(&path)) };
            served.extend(endpoint.scoped.then(|| (endpoint.name.to_owned(), route("/sandbox"))));
            served.insert((endpoint.name.to_owned(), route("")));
        }
    }
    let routed: BTreeSet<(String, Route)> =
        functions.iter().flat_map(|f| f.routes.iter().map(|route| (f.handler.clone(), route.clone()))).collect();
    assert_eq!(routed, served);
    for (operation, route) in operations() {
        let handler = owner(&functions, &operation).handler.clone();
        assert!(routed.contains(&(handler, route)), "{operation} has no route");
    }
}

#[test]
fn every_endpoint_and_worker_is_a_function_of_its_own() {
    let functions = functions(&load());
    let handlers: Vec<&str> = functions.iter().map(|function| &*function.handler).collect();
    let mut expected: Vec<&str> = ENDPOINTS.iter().map(|endpoint| endpoint.name).collect();
    expected.push(FALLBACK);
    expected.extend(workers());
    assert_eq!(handlers.iter().collect::<BTreeSet<_>>(), expected.iter().collect());
    assert_eq!(handlers.len(), expected.len(), "none is there twice");
    for Function { id, handler, properties, .. } in &functions {
        let package = if workers().contains(&&**handler) {
            "target/lambda/sluice-workers/bootstrap.zip"
        } else {
            "target/lambda/sluice-api/bootstrap.zip"
        };
        let code = properties["CodeUri"].as_str().unwrap_or("target/lambda/sluice-api/bootstrap.zip");
        assert_eq!(code, package, "{id}");
        let words = handler.split(['.', '_']).map(|word| word[..1].to_uppercase() + &word[1..]);
        assert_eq!(*id, words.collect::<String>(), "the logical id is the handler's name");
    }
}

#[test]
fn settings_are_parameters_with_the_same_defaults() {
    let template = load();
    let variables = template["Globals"]["Function"]["Environment"]["Variables"].as_object().expect("variables");
    let mut left: BTreeSet<&str> = variables.keys().map(String::as_str).collect();
    for setting in SETTINGS {
        let parameter = variables.get(setting.name).and_then(|value| value["!Ref"].as_str());
        let parameter = parameter.unwrap_or_else(|| panic!("{} has no parameter", setting.name));
        let words = setting.name.trim_start_matches("SLUICE_").split('_');
        let name: String = words.map(|word| word[..1].to_owned() + &word[1..].to_lowercase()).collect();
        assert_eq!(parameter, name);
        let default = match &template["Parameters"][parameter]["Default"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        assert_eq!(default, setting.default, "{}", setting.name);
        left.remove(setting.name);
    }
    let resources = ["SLUICE_TABLE_", "SLUICE_QUEUE_", "SLUICE_KEYS_SECRET_ID"];
    left.retain(|name| !resources.iter().any(|known| name.starts_with(known)));
    assert!(left.is_empty(), "no setting is called {left:?}");
}

#[test]
fn no_function_may_do_more_than_it_names() {
    for Function { id, properties, .. } in functions(&load()) {
        let policies = properties["Policies"].as_array().cloned().unwrap_or_default();
        for statement in
            policies.iter().flat_map(|policy| policy["Statement"].as_array().expect("statements of our own"))
        {
            let (actions, on) = (statement["Action"].to_string(), statement["Resource"].to_string());
            assert!(!actions.contains('*'), "{id} may {actions}");
            assert!(on.contains("!GetAtt") && !on.contains('*'), "{id}: {on}");
        }
    }
}

/// The guard before each of these writes the audit log, and a POST's claim on its idempotency key.
#[test]
fn whatever_changes_something_may_write_what_the_guard_writes() {
    let text = std::fs::read_to_string(root().join("openapi.json")).expect("openapi.json is there");
    let document: Value = serde_json::from_str(&text).expect("openapi.json is JSON");
    let functions = functions(&load());
    for (operation, route) in operations() {
        let path = &document["paths"][&route.path];
        let guarded = path[route.method.to_lowercase()]["security"].as_array().is_some_and(|ways| !ways.is_empty());
        let needed: &[&str] = match route.method.as_str() {
            "POST" => &["dynamodb:PutItem", "dynamodb:DeleteItem"],
            "PUT" | "PATCH" | "DELETE" => &["dynamodb:PutItem"],
            _ => &[],
        };
        let statements = owner(&functions, &operation).properties["Policies"][0]["Statement"].clone();
        let statements = statements.as_array().cloned().unwrap_or_default();
        let activity = statements.iter().filter(|s| s["Resource"].to_string().contains("ActivityTable.Arn"));
        let allowed: String = activity.map(|statement| statement["Action"].to_string()).collect();
        for action in needed.iter().filter(|_| guarded) {
            assert!(allowed.contains(action), "{operation} may not {action} on the table of the guard's records");
        }
    }
}

#[test]
fn the_master_keys_are_for_those_who_need_them_and_callers_are_counted() {
    for Function { id, handler, properties, .. } in functions(&load()) {
        let policies = properties["Policies"].to_string();
        let works = handler == TICK || Worker::named(&handler).is_some();
        let keys = works || sluice_api::needs_keys(&handler);
        assert_eq!(policies.contains("secretsmanager:GetSecretValue"), keys, "{id}");
        let counts = sluice_api::needs_keys(&handler) && handler != "auth.token";
        assert_eq!(policies.contains("#both#"), counts, "{id}");
    }
}

#[test]
fn queues_hide_messages_long_enough_and_keep_what_fails() {
    let template = load();
    let functions = functions(&template);
    let sources: Vec<_> = resources(&template, "AWS::Lambda::EventSourceMapping").collect();
    assert_eq!(sources.len(), Worker::ALL.len());
    for (id, source) in sources {
        assert_eq!(source["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]), "{id}");
        let worker =
            functions.iter().find(|function| source["FunctionName"]["!Ref"] == *function.id).expect("its worker");
        let queue =
            source["EventSourceArn"]["!GetAtt"].as_str().and_then(|arn| arn.strip_suffix(".Arn")).expect("its queue");
        let queue = &template["Resources"][queue]["Properties"];
        let (hidden, runs) = (queue["VisibilityTimeout"].as_u64(), worker.properties["Timeout"].as_u64());
        assert!(hidden >= runs.map(|seconds| 6 * seconds), "{id}: {hidden:?} for {runs:?}");
        assert!(queue["RedrivePolicy"]["maxReceiveCount"].as_u64() >= Some(5), "{id}");
    }
    for (id, queue) in resources(&template, "AWS::SQS::Queue") {
        assert_eq!(queue["SqsManagedSseEnabled"], true, "{id}");
    }
}

#[tokio::test]
async fn the_deployed_endpoints_answer() {
    let stack = stack().await;
    let get = |path| Request { method: "GET", path, authorization: None, body: None };
    let health = stack.call(&get("/healthz")).await;
    assert_eq!((health.status, &health.body["status"]), (200, &json!("ok")));
    let document = stack.call(&get("/openapi.json")).await;
    assert_eq!((document.status, document.body["openapi"].is_string()), (200, true));
    let nobody = stack.call(&get("/v1/integrations")).await;
    assert_eq!((nobody.status, &nobody.body["error_code"]), (401, &json!("unauthorized")));
    assert!(nobody.headers["www-authenticate"].is_string());
    assert_eq!(nobody.headers["x-request-id"], nobody.body["request_id"]);
    let nowhere = stack.call(&get("/v1/nothing")).await;
    assert_eq!((nowhere.status, &nowhere.body["error_code"]), (404, &json!("not_found")));
    let wrong = stack.call(&Request { method: "PUT", ..get("/v1/integrations") }).await;
    assert_eq!((wrong.status, &wrong.body["error_code"]), (405, &json!("method_not_allowed")));
    assert!(wrong.headers["allow"].as_str().is_some_and(|allow| allow.contains("POST")), "{wrong:?}");
}

#[tokio::test]
async fn a_worker_names_the_messages_that_failed() {
    let record = |id: &str, body: &str| {
        json!({
            "messageId": id, "receiptHandle": id, "body": body, "attributes": {}, "messageAttributes": {},
            "md5OfBody": "", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:queue",
            "awsRegion": "us-east-1",
        })
    };
    let chunk = json!({"scope": {"tenant": "nobody", "environment": "production"}, "chunk": "", "body": null});
    let event = json!({"Records": [record("unreadable", "{"), record("wrong", &chunk.to_string())]});
    let stack = stack().await;
    for worker in Worker::ALL.map(Worker::name) {
        let answer = stack.invoke(worker, &event).await;
        let failed = [json!({"itemIdentifier": "unreadable"}), json!({"itemIdentifier": "wrong"})];
        assert_eq!(answer, json!({"batchItemFailures": failed}), "{worker}");
        let answer = stack.invoke(worker, &json!({"Records": []})).await;
        assert_eq!(answer, json!({"batchItemFailures": []}), "{worker}");
    }
}
