//! The routes of the deployed API: what they serve, and which function answers.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice_api::{ENDPOINTS, Route};

use super::template::{api_body, api_operations, functions, integration, load, resolve, resources, root};

/// The operations of `openapi.json`: `operationId`, method in capitals, path.
pub(super) fn documented() -> Vec<(String, String, String)> {
    let document = document();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let Some(id) = operation["operationId"].as_str() else { continue };
            operations.push((id.to_owned(), method.to_uppercase(), path.clone()));
        }
    }
    operations
}

/// `openapi.json`.
pub(super) fn document() -> Value {
    let text = std::fs::read_to_string(root().join("openapi.json")).expect("openapi.json is there");
    serde_json::from_str(&text).expect("openapi.json is JSON")
}

/// Whether an operation belongs to the endpoint of that name: one endpoint may have several.
pub(super) fn belongs(operation: &str, endpoint: &str) -> bool {
    operation == endpoint || operation.starts_with(&format!("{endpoint}."))
}

#[test]
fn every_operation_reaches_its_endpoint_in_every_environment() {
    let functions = functions(&load());
    for (operation, method, path) in documented() {
        let scoped = ENDPOINTS.iter().any(|endpoint| endpoint.scoped && belongs(&operation, endpoint.name));
        let methods = if method == "GET" { vec!["GET", "HEAD"] } else { vec![&*method] };
        for method in methods {
            let found = resolve(&functions, method, &path).map(|(function, ..)| function.handler.clone());
            assert!(found.is_some_and(|handler| belongs(&operation, &handler)), "{method} {path}");
            let sandbox = resolve(&functions, method, &format!("/sandbox{path}"));
            assert_eq!(sandbox.is_some_and(|(function, ..)| belongs(&operation, &function.handler)), scoped, "{path}");
        }
    }
}

#[test]
fn the_api_has_the_routes_of_the_endpoints_and_no_others() {
    let functions = functions(&load());
    let routed = functions.iter().flat_map(|f| f.routes.iter().map(|route| (f.handler.clone(), route.clone())));
    let served = ENDPOINTS.iter().flat_map(|e| e.routes().into_iter().map(|route| (e.name.to_owned(), route)));
    assert_eq!(routed.collect::<BTreeSet<(String, Route)>>(), served.collect());
}

#[test]
fn the_api_may_call_the_function_of_each_operation() {
    let template = load();
    let integrations = &api_body(&template)["components"]["x-amazon-apigateway-integrations"];
    for (path, method, operation) in api_operations(&template) {
        let function = integration(operation);
        let uri = integrations[function]["uri"]["!Sub"].as_str().unwrap_or_default();
        assert!(uri.ends_with(&format!("/functions/${{{function}.Arn}}/invocations")), "{method} {path}: {uri}");
        assert_eq!(integrations[function]["payloadFormatVersion"], "2.0", "{function}");
        let named: Vec<&str> = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let declared = operation["parameters"].as_array().into_iter().flatten().map(|parameter| &parameter["name"]);
        assert_eq!(declared.collect::<Vec<_>>(), named, "{method} {path}");
    }
    let permissions = resources(&template, "AWS::Lambda::Permission").map(|(_, permission)| {
        assert!(permission["SourceArn"]["!Sub"].as_str().is_some_and(|arn| arn.ends_with(":${Api}/*")), "{permission}");
        permission["FunctionName"]["!Ref"].as_str().expect("a function").to_owned()
    });
    let called: BTreeSet<String> = integrations.as_object().expect("integrations").keys().cloned().collect();
    let permissions: Vec<String> = permissions.collect();
    assert_eq!(permissions.iter().cloned().collect::<BTreeSet<_>>(), called);
    assert_eq!(permissions.len(), called.len(), "one permission for each function");
    let default = &api_body(&template)["paths"]["$default"]["x-amazon-apigateway-any-method"];
    assert_eq!((&default["isDefaultRoute"], integration(default)), (&json!(true), "Fallback"));
}
