//! `GET /openapi.json`: this API's description.

use std::sync::LazyLock;

use axum::response::IntoResponse;
use http::header;

static TEXT: LazyLock<String> = LazyLock::new(crate::document_text);

/// This document
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "meta.openapi", tag = "meta",
    responses((status = 200, description = "An OpenAPI 3.1 document", content_type = "application/json")),
)]
pub(crate) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str())
}
