//! What the functions may do: as little as they need, by as few roles as that allows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sluice_api::{ENDPOINTS, FALLBACK};

use super::routes::{belongs, document, documented};
use super::template::{Function, functions, load, resources};

#[test]
fn no_function_may_do_more_than_it_names() {
    for Function { id, statements, .. } in functions(&load()) {
        for statement in statements {
            let (actions, on) = (statement["Action"].to_string(), statement["Resource"].to_string());
            assert!(!actions.contains('*'), "{id} may {actions}");
            let named = on.contains("!GetAtt") || on.contains("${Data.Outputs.");
            // Objects have names that nobody knows before.
            let on = on.replace("${Data.Outputs.DocumentsBucketArn}/*", "");
            assert!(named && !on.contains('*'), "{id}: {on}");
        }
    }
}

#[test]
fn functions_share_a_role_where_they_may_do_the_same() {
    let template = load();
    let functions = functions(&template);
    let mut roles: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for Function { role, statements, .. } in &functions {
        roles.entry(json!(statements).to_string()).or_default().insert(role);
    }
    for (statements, roles) in &roles {
        assert_eq!(roles.len(), 1, "{roles:?} allow the same: {statements}");
    }
    let used: BTreeSet<&str> = functions.iter().map(|function| &*function.role).collect();
    let defined: BTreeSet<&str> = resources(&template, "AWS::IAM::Role").map(|(id, _)| &**id).collect();
    assert_eq!(used, defined);
    assert!(resources(&template, "AWS::IAM::Role").all(|(_, role)| role["ManagedPolicyArns"].is_null()));
}

#[test]
fn every_function_logs_to_the_one_group() {
    let template = load();
    let group = &template["Globals"]["Function"]["LoggingConfig"]["LogGroup"];
    assert_eq!(group, &json!({"!Ref": "Logs"}));
    for Function { id, statements, .. } in functions(&template) {
        let logs = statements.iter().filter(|statement| statement["Action"].to_string().contains("logs:"));
        let logs: Vec<_> = logs.map(|statement| (&statement["Action"], &statement["Resource"])).collect();
        let write = json!(["logs:CreateLogStream", "logs:PutLogEvents"]);
        assert_eq!(logs, [(&write, &json!({"!GetAtt": "Logs.Arn"}))], "{id}");
    }
}

/// The guard before each of these writes the audit log, and a POST's claim on its idempotency key.
#[test]
fn whatever_changes_something_may_write_what_the_guard_writes() {
    let (document, functions) = (document(), functions(&load()));
    for (operation, method, path) in documented() {
        let guarded = document["paths"][&path][method.to_lowercase()]["security"].as_array();
        let needed: &[&str] = match method.as_str() {
            "POST" => &["dynamodb:PutItem", "dynamodb:DeleteItem"],
            "PUT" | "PATCH" | "DELETE" => &["dynamodb:PutItem"],
            _ => &[],
        };
        let owner = functions.iter().find(|function| belongs(&operation, &function.handler));
        let owner = owner.unwrap_or_else(|| panic!("no function serves {operation}"));
        let allowed = owner.actions_on("ActivityTableArn");
        for action in needed.iter().filter(|_| guarded.is_some_and(|schemes| !schemes.is_empty())) {
            assert!(allowed.contains(action), "{operation} may not {action} on the table of the guard's records");
        }
    }
}

#[test]
fn callers_are_counted_wherever_they_are_authenticated() {
    for Function { id, handler, statements, .. } in functions(&load()) {
        let is_open = handler == FALLBACK || ["meta.", "as2."].iter().any(|of| handler.starts_with(of));
        let is_endpoint = ENDPOINTS.iter().any(|endpoint| endpoint.name == handler);
        assert_eq!(json!(statements).to_string().contains("#both#"), is_endpoint && !is_open, "{id}");
    }
}
