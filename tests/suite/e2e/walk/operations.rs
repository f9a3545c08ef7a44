//! The operations of the OpenAPI document, as the walk calls them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use axum::http::Method;
use serde_json::Value;

/// One operation.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: Method,
    pub(super) path: String,
    /// The scope it asks for; `None` where it asks for no credentials.
    pub(super) scope: Option<String>,
    /// Whether it must be sent a body, or may be.
    pub(super) body: Option<bool>,
}

impl Operation {
    /// The path up to and with each parameter: what a fixture is found by.
    pub(super) fn parameters(&self) -> Vec<&str> {
        self.path.match_indices('}').map(|(end, _)| &self.path[..=end]).collect()
    }

    /// The path with something in place of each parameter.
    pub(super) fn filled(&self, value: impl Fn(&str) -> String) -> String {
        let mut path = self.path.clone();
        // From the last to the first: what stands before it keeps its place.
        for parameter in self.parameters().into_iter().rev() {
            let begin = parameter.rfind('{').unwrap_or_default();
            path.replace_range(begin..parameter.len(), &value(parameter));
        }
        path
    }

    pub(super) fn reads(&self) -> bool {
        self.method == Method::GET
    }

    /// Whether it makes what its path names, if that is not there.
    pub(super) fn makes_its_name(&self) -> bool {
        matches!(self.id.as_str(), "callbacks.put" | "event_types.put" | "consumers.events")
    }

    pub(super) fn is_open(&self) -> bool {
        self.scope.is_none()
    }
}

/// Every operation, as the document has it.
pub(super) fn all() -> Result<Vec<Operation>> {
    let document: Value = serde_json::from_str(&sluice_api::document_text())?;
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().context("no paths")? {
        for (method, operation) in methods.as_object().context("no methods")? {
            let scope =
                operation["security"].as_array().and_then(|all| all.iter().find_map(|one| one["oauth2"].get(0)));
            let body = operation.get("requestBody").map(|body| body["required"] == true);
            found.push(Operation {
                id: operation["operationId"].as_str().context("no operationId")?.to_owned(),
                method: method.to_uppercase().parse()?,
                path: path.clone(),
                scope: scope.and_then(Value::as_str).map(str::to_owned),
                body,
            });
        }
    }
    Ok(found)
}

/// The methods of each path.
pub(super) fn methods() -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut paths: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for operation in all()? {
        paths.entry(operation.filled(|_| "x".to_owned())).or_default().insert(operation.method.to_string());
    }
    Ok(paths)
}

/// Whether the operation exists for the sandbox too.
pub(super) fn is_scoped(operation: &Operation) -> bool {
    let named = |name: &str| operation.id == name || operation.id.starts_with(&format!("{name}."));
    sluice_api::ENDPOINTS.iter().any(|endpoint| endpoint.scoped && named(endpoint.name))
}

#[test]
fn parameters_are_found_and_filled() {
    let operation = Operation {
        id: String::new(),
        method: Method::GET,
        path: "/v1/a/{id}/b/{other}/_do".to_owned(),
        scope: None,
        body: None,
    };
    assert_eq!(operation.parameters(), ["/v1/a/{id}", "/v1/a/{id}/b/{other}"]);
    assert_eq!(operation.filled(|parameter| parameter.len().to_string()), "/v1/a/10/b/20/_do");
}
