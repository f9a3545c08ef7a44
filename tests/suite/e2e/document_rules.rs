//! What generated clients need the OpenAPI document to say, of every operation and every schema.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};
use sluice::domain::credentials::Permission;

use crate::support::{Reply, shared};

fn document() -> Result<Value> {
    Ok(serde_json::from_str(&sluice_api::document_text())?)
}

/// Every operation, by method and path.
fn operations(document: &Value) -> Result<Vec<(String, &Value)>> {
    let paths = document["paths"].as_object().context("no paths")?;
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    Ok(operations.collect())
}

/// Every object of the document that is a schema, by where it is.
fn schemas(document: &Value) -> Vec<(String, &Map<String, Value>)> {
    fn collect<'a>(place: &str, value: &'a Value, found: &mut Vec<(String, &'a Map<String, Value>)>) {
        match value {
            Value::Object(fields) => {
                if ["type", "$ref", "oneOf", "allOf", "anyOf"].iter().any(|mark| fields.contains_key(*mark)) {
                    found.push((place.to_owned(), fields));
                }
                for (name, field) in fields.iter().filter(|(name, _)| !name.starts_with("example")) {
                    collect(&format!("{place}/{name}"), field, found);
                }
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(at, item)| collect(&format!("{place}/{at}"), item, found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect("", &document["paths"], &mut found);
    collect("", &document["components"]["schemas"], &mut found);
    found
}

/// Whether a schema is of that type, `null` or not.
fn is(schema: &Map<String, Value>, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(of)) => of == kind,
        Some(Value::Array(of)) => of.iter().any(|of| of == kind),
        _ => false,
    }
}

#[test]
fn scopes_are_those_of_the_wire() -> Result<()> {
    let document = document()?;
    let wire: Vec<&str> = Permission::ALL.iter().map(|permission| permission.as_str()).collect();
    let components = &document["components"];
    ensure!(components["schemas"]["Permission"]["enum"] == json!(wire), "{}", components["schemas"]["Permission"]);
    let scopes = &components["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]["scopes"];
    for (place, operation) in operations(&document)? {
        for way in operation["security"].as_array().with_context(|| place.clone())? {
            let asked = way["oauth2"].as_array().into_iter().flatten();
            asked.into_iter().try_for_each(|scope| {
                ensure!(scope.as_str().is_some_and(|scope| scopes[scope].is_string()), "{place}: {scope}");
                Ok(())
            })?;
        }
    }
    Ok(())
}

#[test]
fn names_are_free_of_what_generators_stumble_over() -> Result<()> {
    let document = document()?;
    let paths = document["paths"].as_object().context("no paths")?;
    ensure!(paths.keys().all(|path| !path.contains('*')), "a wildcard of the router");
    let names = document["components"]["schemas"].as_object().context("no schemas")?;
    for taken in ["Error", "ApiClient"] {
        ensure!(!names.contains_key(taken), "a generated client has a class {taken} of its own");
    }
    // openapi-python-client names variables after both, and would mistake one for the other.
    for (name, schema) in names {
        let plain = |text: &str| text.replace('_', "").to_lowercase();
        let mut properties = schema["properties"].as_object().into_iter().flatten();
        ensure!(
            properties.all(|(property, _)| plain(property) != plain(name)),
            "{name} has a property of its own name"
        );
    }
    Ok(())
}

#[test]
fn responses_say_their_headers_and_both_forms_of_errors() -> Result<()> {
    let document = document()?;
    for (place, operation) in operations(&document)? {
        let responses = operation["responses"].as_object().with_context(|| place.clone())?;
        let statuses: BTreeSet<&str> = responses.keys().map(String::as_str).collect();
        let guarded = operation["security"].as_array().is_some_and(|ways| !ways.is_empty());
        let body = operation.get("requestBody").is_some();
        let needed = [("401", guarded), ("403", guarded), ("429", guarded), ("503", guarded)];
        for (status, _) in needed.into_iter().chain([("400", body), ("413", body), ("415", body)]).filter(|n| n.1) {
            ensure!(statuses.contains(status), "{place} says nothing about {status}");
        }
        for (status, response) in responses {
            let headers = &response["headers"];
            ensure!(headers["x-request-id"].is_object(), "{place} {status} has no request id");
            ensure!(!matches!(&**status, "429" | "503") || headers["Retry-After"].is_object(), "{place} {status}");
            if status.starts_with(['4', '5']) {
                let form = |kind: &str| response["content"][kind]["schema"]["$ref"].as_str().unwrap_or_default();
                ensure!(form("application/json").ends_with("/ErrorResponse"), "{place} {status}: {response}");
                ensure!(form("application/problem+json").ends_with("/ProblemDetails"), "{place} {status}: {response}");
            }
        }
    }
    Ok(())
}

/// The examples of a request body: its own, or its schema's.
fn examples<'a>(document: &'a Value, content: &'a Value) -> Vec<&'a Value> {
    let named = content["schema"]["$ref"].as_str().and_then(|name| document.pointer(name.strip_prefix('#')?));
    let own = content["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]);
    own.chain(content.get("example")).chain(named.and_then(|schema| schema.get("example"))).collect()
}

fn names_what_is_not_there(reply: &Reply) -> bool {
    let error: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let mut details = error["details"].as_array().into_iter().flatten();
    reply.status == 400
        && details.all(|detail| detail["message"].as_str().is_some_and(|text| text.starts_with("there is no such")))
}

#[tokio::test]
async fn every_request_has_an_example_that_is_good() -> Result<()> {
    let document = document()?;
    let (tenant, open) = (shared().await.tenant().await?, shared().await.open()?);
    for (place, operation) in operations(&document)? {
        let (method, path) = place.split_once(' ').context("a method and a path")?;
        let guarded = operation["security"].as_array().is_some_and(|ways| !ways.is_empty());
        let api = if guarded { &tenant.api } else { &open };
        let part = |part| match part {
            "{notification_type}" => "Notes",
            part if str::starts_with(part, "{") => "x",
            part => part,
        };
        let path: Vec<&str> = path.split('/').map(part).collect();
        for (kind, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
            let examples = examples(&document, content);
            ensure!(!examples.is_empty(), "{place} has no example of {kind}");
            for example in examples.into_iter().filter(|_| kind == "application/json") {
                let send = |request: reqwest::RequestBuilder| {
                    request.header("content-type", "application/json").body(example.to_string())
                };
                let reply = api.send(method.to_uppercase().parse()?, &path.join("/"), send).await?;
                // What it refers to may not exist, but the example itself must be valid.
                let good = matches!(reply.status, 200..=299 | 401 | 403 | 404) || names_what_is_not_there(&reply);
                ensure!(good, "{place}: {}", reply.text());
            }
        }
    }
    Ok(())
}

#[test]
fn numbers_have_bounds_and_objects_say_whether_they_are_open() -> Result<()> {
    let document = document()?;
    for (place, schema) in schemas(&document) {
        if is(schema, "integer") || is(schema, "number") {
            let bounded = ["minimum", "maximum"].iter().all(|bound| schema.get(*bound).is_some_and(Value::is_number));
            ensure!(bounded, "{place} has no bounds: {schema:?}");
        }
        if is(schema, "object") && !schema.contains_key("properties") {
            let open = schema.get("additionalProperties");
            ensure!(open.is_some_and(|open| *open == true || open["type"].is_string()), "{place}: {schema:?}");
        }
        ensure!(schema.get("default") != Some(&Value::Null), "{place}: a client would send null");
    }
    let payload = &document["components"]["schemas"]["NewEvent"]["properties"]["payload"];
    ensure!((&payload["type"], &payload["additionalProperties"]) == (&json!("object"), &json!(true)), "{payload}");
    Ok(())
}

#[test]
fn ids_and_names_say_what_they_look_like() -> Result<()> {
    let document = document()?;
    for (place, operation) in operations(&document)? {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.filter(|parameter| parameter["in"] == "path") {
            ensure!(parameter["schema"]["pattern"].is_string(), "{place}: {}", parameter["name"]);
        }
    }
    for (place, schema) in schemas(&document) {
        let name = place.rsplit('/').next().unwrap_or_default();
        let named = place.contains("/properties/") && (matches!(name, "id" | "name") || name.ends_with("_id"));
        if named && is(schema, "string") {
            let limited = schema.contains_key("pattern") || schema.contains_key("maxLength");
            ensure!(limited, "{place} has neither a pattern nor a length");
        }
    }
    Ok(())
}
