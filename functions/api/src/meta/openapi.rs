//! `GET /openapi.json`: this API's description.

use std::sync::LazyLock;

use axum::response::Response;
use http::HeaderMap;

use super::file::StaticFile;
use crate::http::problem::Problem;

static FILE: LazyLock<Option<StaticFile>> =
    LazyLock::new(|| StaticFile::new("application/json", crate::document_text().into()).ok());

/// This document
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "meta.openapi", tag = "meta",
    responses((status = 200, description = "An OpenAPI 3.1 document", content_type = "application/json", body = Object)),
)]
pub(crate) async fn openapi(headers: HeaderMap) -> Result<Response, Problem> {
    let file = FILE.as_ref().ok_or_else(|| Problem::internal(&"no document"))?;
    Ok(file.answer(&headers))
}
