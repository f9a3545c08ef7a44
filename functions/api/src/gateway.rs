//! Methods and paths, as API Gateway writes them.

use utoipa::openapi::OpenApi;
use utoipa::openapi::path::PathItem;

/// A method and a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// The path: `/docs/{path+}`.
    pub path: String,
    /// The method, in capitals.
    pub method: &'static str,
}

/// The routes that a document describes, their paths below a prefix. HEAD answers as GET.
pub(crate) fn routes(prefix: &str, document: &OpenApi) -> Vec<Route> {
    let of_path = |(path, item): (&String, &'_ PathItem)| {
        let path = format!("{prefix}{}", gateway_path(path));
        methods(item).map(|method| Route { path: path.clone(), method }).collect::<Vec<_>>()
    };
    document.paths.paths.iter().flat_map(of_path).collect()
}

/// A wildcard is `{*path}` in axum and `{path+}` in API Gateway.
fn gateway_path(path: &str) -> String {
    match path.split_once("{*") {
        Some((before, name)) => format!("{before}{{{}+}}", name.trim_end_matches('}')),
        None => path.to_owned(),
    }
}

fn methods(item: &PathItem) -> impl Iterator<Item = &'static str> {
    let PathItem { get, put, post, patch, delete, .. } = item;
    let operations = [("GET", get), ("HEAD", get), ("POST", post), ("PUT", put), ("PATCH", patch), ("DELETE", delete)];
    operations.into_iter().filter(|(_, operation)| operation.is_some()).map(|(method, _)| method)
}
