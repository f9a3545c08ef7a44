//! The generated documents are those in the repository, and name every endpoint.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sluice_api::{ENDPOINTS, document_text};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn the_openapi_document_is_up_to_date() -> Result<()> {
    let text = fs::read_to_string(root().join("openapi.json"))?;
    ensure!(
        text == document_text(),
        "stale: run `cargo build --workspace && target/debug/sluice openapi > openapi.json`"
    );
    Ok(())
}

#[test]
fn the_configuration_page_is_up_to_date() -> Result<()> {
    let text = fs::read_to_string(root().join("docs/configuration.md"))?;
    let fresh = sluice::settings::markdown();
    ensure!(
        text == fresh,
        "stale: run `cargo build --workspace && target/debug/sluice settings > docs/configuration.md`"
    );
    Ok(())
}

#[test]
fn the_tests_that_security_md_names_exist() -> Result<()> {
    let text = fs::read_to_string(root().join("SECURITY.md"))?;
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ") && line.contains("::")).collect();
    ensure!(rows.len() > 20, "the table is gone");
    for named in text.split('`').filter(|word| word.contains(".rs::")) {
        let (path, test) = named.split_once("::").context("a file and a test")?;
        let source = fs::read_to_string(root().join(path)).with_context(|| named.to_owned())?;
        let at = source.find(&format!("fn {test}(")).with_context(|| format!("{path} has no test {test}"))?;
        ensure!(source[..at].trim_end().trim_end_matches("async").trim_end().ends_with(']'), "{named} is no test");
    }
    Ok(())
}

/// Every operation of the document: path, method, operation.
fn operations(document: &Value) -> Result<Vec<(String, String, Value)>> {
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().context("no paths")? {
        for (method, operation) in methods.as_object().context("no methods")? {
            found.push((path.clone(), method.clone(), operation.clone()));
        }
    }
    Ok(found)
}

#[test]
fn operations_and_endpoints_have_the_same_names() -> Result<()> {
    let document: Value = serde_json::from_str(&document_text())?;
    let operations = operations(&document)?;
    let name = |operation: &Value| operation["operationId"].as_str().unwrap_or_default().to_owned();
    let documented: BTreeSet<String> = operations.iter().map(|(_, _, operation)| name(operation)).collect();
    ensure!(documented.len() == operations.len(), "an operationId stands twice");
    let served: BTreeSet<String> = ENDPOINTS.iter().map(|endpoint| endpoint.name.to_owned()).collect();
    ensure!(served.len() == ENDPOINTS.len(), "an endpoint's name stands twice");
    ensure!(documented == served, "{documented:?} are documented, {served:?} are served");
    Ok(())
}

/// Called by shops, which sign what they send.
pub(super) fn is_signed(operation: &str) -> bool {
    matches!(operation, "inbound.shopify" | "inbound.woocommerce" | "as2.receive" | "as2.mdn")
}

#[test]
fn every_operation_says_what_it_answers_and_what_it_asks_for() -> Result<()> {
    let document: Value = serde_json::from_str(&document_text())?;
    for (path, method, operation) in operations(&document)? {
        let place = format!("{method} {path}");
        ensure!(operation["summary"].as_str().is_some_and(|words| !words.is_empty()), "{place} has no summary");
        let responses = operation["responses"].as_object().with_context(|| place.clone())?;
        ensure!(responses.keys().any(|status| status.starts_with('2') || status.starts_with('3')), "{place}");
        let name = operation["operationId"].as_str().unwrap_or_default();
        let open = name.starts_with("meta.") || name == "auth.token" || is_signed(name);
        let ways = operation["security"].as_array().with_context(|| format!("{place} says nothing about security"))?;
        ensure!(open == ways.is_empty(), "{place}: security {ways:?}");
        for variable in path.split('/').filter_map(|part| part.strip_prefix('{')) {
            let variable = variable.trim_end_matches('}');
            let parameters = operation["parameters"].as_array().with_context(|| place.clone())?;
            ensure!(parameters.iter().any(|p| p["name"] == variable && p["in"] == "path"), "{place}: {variable}");
        }
    }
    Ok(())
}

#[test]
fn references_of_the_document_lead_somewhere() -> Result<()> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|field| collect(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let document: Value = serde_json::from_str(&document_text())?;
    let mut references = Vec::new();
    collect(&document, &mut references);
    ensure!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').with_context(|| reference.clone())?;
        ensure!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    Ok(())
}
