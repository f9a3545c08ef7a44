//! The deployed form: the template agrees with the program, and the program works as the template deploys it.

mod journey;
mod keys;
mod limits;
mod operations;
mod permissions;
mod pipelining;
mod queues;
mod resources;
mod restore;
mod routes;
pub(crate) mod stack;
pub(crate) mod template;
mod trading;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice::settings::SETTINGS;
use sluice_api::{ENDPOINTS, FALLBACK};
use sluice_workers::{BOOTSTRAP, TICK, Worker};

use stack::{REQUEST_ID, Request, stack};
use template::{Function, functions, load};

fn workers() -> Vec<&'static str> {
    Worker::ALL.map(Worker::name).into_iter().chain([TICK, BOOTSTRAP]).collect()
}

/// `.ci/run` compares them too, and says which command writes them.
#[test]
fn the_templates_are_what_the_generator_prints() {
    for (file, text) in [("template.yaml", sluice_template::template()), ("infra/data.yaml", sluice_template::data())] {
        let found = std::fs::read_to_string(template::root().join(file)).expect("the template is there");
        assert!(found == text, "{file} is not what `sluice template` prints");
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
    for setting in SETTINGS.iter().filter(|setting| setting.name != "SLUICE_ALLOW_INSECURE_TARGETS") {
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
    let secrets = ["SLUICE_KEYS_SECRET_ID", "SLUICE_TOKEN_KEYS_SECRET_ID"];
    let resources = ["SLUICE_TABLE_", "SLUICE_QUEUE_", "SLUICE_BUCKET_"].into_iter().chain(secrets);
    let resources: Vec<&str> = resources.collect();
    left.retain(|name| !resources.iter().any(|known| name.starts_with(known)));
    assert!(left.is_empty(), "no setting is called {left:?}, or it is none of a deployment");
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
    assert_eq!(nobody.headers["x-request-id"], REQUEST_ID, "the gateway's, which is in its access log");
    let nowhere = stack.call(&get("/v1/nothing")).await;
    assert_eq!((nowhere.status, &nowhere.body["error_code"]), (404, &json!("not_found")));
    let head = stack.call(&Request { method: "HEAD", ..get("/healthz") }).await;
    assert_eq!((head.status, &head.body), (200, &Value::Null), "{head:?}");
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
