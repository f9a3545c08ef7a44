//! `GET /docs`: an interactive explorer of this API; all of it is in the binary, so it works offline.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use axum::extract::Path;
use axum::response::{Redirect, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use utoipa_swagger_ui::{Config, serve};

use super::file::StaticFile;
use crate::http::problem::{ErrorBody, Problem};

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::new(["/openapi.json"]).try_it_out_enabled(true).persist_authorization(false);
    // By default, the explorer sends the URL of the document to a public validator.
    Arc::new(config.validator_url("none"))
});

/// The files of the explorer that have been requested so far.
static FILES: LazyLock<Mutex<HashMap<String, StaticFile>>> = LazyLock::new(Mutex::default);

/// Allows scripts, styles and requests of this origin only. The style sheet embeds its icons as `data:` images.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const SECURITY: [(HeaderName, HeaderValue); 2] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// Explore the API
#[utoipa::path(
    get, path = "/docs", operation_id = "meta.docs", tag = "meta",
    responses((status = 303, description = "A redirect to the explorer")),
)]
pub(crate) async fn docs() -> Redirect {
    Redirect::to("/docs/index.html")
}

/// A file of the explorer
///
/// Not in the OpenAPI document, which has no notation for a wildcard path.
#[utoipa::path(
    get, path = "/docs/{*path}", operation_id = "meta.docs.asset", tag = "meta",
    params(("path" = String, Path, description = "The file")),
    responses(
        (status = 200, description = "The file", content_type = "text/html"),
        (status = 404, description = "There is no such file", body = ErrorBody),
    ),
)]
pub(crate) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let mut response = file(path)?.answer(&headers);
    response.headers_mut().extend(SECURITY);
    Ok(response)
}

fn file(path: String) -> Result<StaticFile, Problem> {
    let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = files.get(&path) {
        return Ok(file.clone());
    }
    let found = serve(&path, Arc::clone(&CONFIG)).map_err(|error| Problem::internal(&error))?;
    let found = found.ok_or_else(Problem::not_found)?;
    let file = StaticFile::new(&found.content_type, Bytes::from(found.bytes.into_owned()));
    let file = file.map_err(|error| Problem::internal(&error))?;
    files.insert(path, file.clone());
    Ok(file)
}
