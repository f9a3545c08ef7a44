//! Documents for partners.

pub(crate) mod create;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::json;
use sluice::domain::document::{Acknowledgment, ControlNumbers, Document};
use sluice::domain::partner::MAX_PARTNERS;
use sluice::engine::EngineError;
use sluice::engine::documents::{Content, DocumentError};

use crate::http::idempotency;
use crate::http::problem::{FieldError, Problem};

/// Bytes of any kind.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes bodies in the OpenAPI document")]
pub(crate) struct Binary(Vec<u8>);

/// What is known of a document.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DocumentDetail)]
pub(crate) struct DocumentView {
    content_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_name: Option<String>,
    /// The id that whoever handed it in gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    correlation_id: Option<String>,
    /// How many bytes it has.
    #[schema(minimum = 0, maximum = 104_857_600)]
    size: u64,
    /// The SHA-256 of its bytes in hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    sha256: String,
    /// The numbers of its interchanges.
    control_numbers: Vec<ControlNumbers>,
    /// What is wrong with its envelope.
    defects: Vec<String>,
    /// The id of the AS2 message that carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 998)]
    message_id: Option<String>,
    /// What business acknowledgments (997, 999, CONTRL) say of it.
    acknowledgments: Vec<Acknowledgment>,
}

impl From<Document> for DocumentView {
    fn from(document: Document) -> Self {
        let facts = document.facts;
        Self {
            content_type: facts.content_type,
            file_name: facts.file_name,
            correlation_id: facts.correlation_id,
            size: document.size,
            sha256: document.sha256,
            control_numbers: facts.control_numbers,
            defects: facts.defects,
            message_id: document.message.map(|message| message.id),
            acknowledgments: document.acknowledgments,
        }
    }
}

impl From<DocumentError> for Problem {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::NotFound => Self::not_found(),
            DocumentError::Facts(problems) => {
                let field = |(pointer, message): (String, String)| FieldError::new(pointer, message);
                Self::invalid(problems.0.into_iter().map(field).collect())
            }
            DocumentError::Unready(unready) => {
                Self::new(StatusCode::CONFLICT, "partner_not_ready", unready.to_string())
            }
            DocumentError::LimitReached => {
                let message =
                    format!("Documents are exchanged with {MAX_PARTNERS} partners already, which is the limit.");
                Self::bad_request("partner_limit_exceeded", message).detail(json!({ "limit": MAX_PARTNERS }))
            }
            DocumentError::Engine(EngineError::KeyReused) => idempotency::reused(),
            DocumentError::Engine(error) => error.into(),
        }
    }
}

/// Bytes as they are. They come from others: no browser may take them for a page of ours.
pub(crate) fn download(content: Content) -> Response {
    let Content { content_type, file_name, bytes } = content;
    let octets = HeaderValue::from_static("application/octet-stream");
    let content_type = HeaderValue::from_str(&content_type).unwrap_or(octets);
    let name = file_name.map(|name| format!("; filename*=UTF-8''{}", percent_encoded(&name)));
    let disposition = format!("attachment{}", name.unwrap_or_default());
    let disposition = HeaderValue::from_str(&disposition).unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_DISPOSITION, disposition),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, bytes).into_response()
}

fn percent_encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    name.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_sent_is_no_page_of_ours() {
        let of = |content_type: &str, name: Option<&str>| {
            let (content_type, file_name) = (content_type.to_owned(), name.map(str::to_owned));
            download(Content { content_type, file_name, bytes: b"<html>".to_vec() })
        };
        let page = of("text/html", Some("a\"é.html"));
        let text = |name: &str| page.headers()[name].to_str().expect("ASCII").to_owned();
        assert_eq!(text("content-type"), "text/html");
        assert_eq!(text("content-disposition"), "attachment; filename*=UTF-8''a%22%C3%A9.html");
        assert_eq!(text("x-content-type-options"), "nosniff");
        assert_eq!(of("a\nb", None).headers()["content-type"], "application/octet-stream");
    }
}
