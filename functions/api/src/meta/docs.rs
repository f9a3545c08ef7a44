//! `GET /docs`: an interactive explorer of this API; all of it is in the binary, so it works offline.

use std::sync::{Arc, LazyLock};

use crate::http::problem::{ErrorBody, Problem};
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use http::header;
use utoipa_swagger_ui::{Config, serve};

static CONFIG: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::new(["/openapi.json"]).try_it_out_enabled(true).persist_authorization(false)));

/// Explore the API
#[utoipa::path(
    get, path = "/docs", operation_id = "meta.docs", tag = "meta",
    responses((status = 303, description = "To the explorer")),
)]
pub(crate) async fn docs() -> Redirect {
    Redirect::to("/docs/index.html")
}

/// A file of the explorer
#[utoipa::path(
    get, path = "/docs/{*path}", operation_id = "meta.docs.asset", tag = "meta",
    params(("path" = String, Path, description = "The file")),
    responses(
        (status = 200, description = "The file", content_type = "text/html"),
        (status = 404, description = "There is no such file", body = ErrorBody),
    ),
)]
pub(crate) async fn asset(Path(path): Path<String>) -> Result<Response, Problem> {
    match serve(&path, Arc::clone(&CONFIG)) {
        Ok(Some(file)) => Ok(([(header::CONTENT_TYPE, file.content_type)], file.bytes.to_vec()).into_response()),
        Ok(None) => Err(Problem::not_found()),
        Err(error) => Err(Problem::internal(&error)),
    }
}
