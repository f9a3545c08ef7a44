//! `POST /v1/partners/{id}/documents`: takes a document for a partner.

use axum::body::Body;
use axum::extract::State;
use axum::{Extension, Json};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use sluice::domain::document::DocumentFacts;
use sluice::engine::documents::{DocumentIntake, Handed};

use super::Binary;
use crate::http::auth::{Needs, PartnersWrite};
use crate::http::body::read_at;
use crate::http::idempotency::Keyed;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::{Params, PathParams};

/// What is said of a document.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DocumentParams {
    /// The kind of business document. By default it is read from the envelope: `ST01` of X12, `UNH` of EDIFACT.
    #[param(example = "invoice", min_length = 1, max_length = 255)]
    document_type: Option<String>,
    /// The file's name, for the partner.
    #[param(example = "invoice-4711.edi", min_length = 1, max_length = 255)]
    file_name: Option<String>,
    /// An id of your own, which comes back in events.
    #[param(min_length = 1, max_length = 255)]
    correlation_id: Option<String>,
}

/// A document that was taken.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct AcceptedDocument {
    /// Its transaction.
    #[schema(pattern = "^txn_[A-Za-z0-9_:-]{46,145}$")]
    transaction_id: String,
}

/// Send a document to a partner
///
/// The raw body, with its `Content-Type`. The response is sent once it is durable; it goes over the partner's transport
/// after that. At most 4 MiB on AWS, and what `SLUICE_DOCUMENT_MAX_BYTES` says elsewhere.
#[utoipa::path(
    post, path = "/v1/partners/{id}/documents", operation_id = "documents.create", tag = "documents",
    params(("id" = String, Path, description = "The partner"), DocumentParams),
    request_body(content = Binary, content_type = "application/octet-stream", example = json!("ISA*00*…")),
    responses(
        (status = 202, description = "Taken: durable, and being sent", body = AcceptedDocument),
        (status = 400, description = "`validation_failed`, `empty_document`", body = ErrorBody),
        (status = 404, description = "There is no such partner", body = ErrorBody),
        (status = 409, description = "`partner_not_ready`: what it lacks", body = ErrorBody),
        (status = 413, description = "`payload_too_large`", body = ErrorBody),
    ),
    security(("oauth2" = ["partners:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn create(
    Needs { caller, .. }: Needs<PartnersWrite>,
    State(intake): State<DocumentIntake>,
    PathParams(partner): PathParams<String>,
    Params(params): Params<DocumentParams>,
    keyed: Option<Extension<Keyed>>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<AcceptedDocument>), Problem> {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let content_type = text(header::CONTENT_TYPE).unwrap_or("application/octet-stream").to_owned();
    let base_url = intake.base_url(text(header::HOST));
    let entrance = (intake.entrance(), &caller.scope.tenant);
    let (bytes, _held) = read_at(entrance, &headers, body, intake.max_bytes()).await?;
    if bytes.is_empty() {
        return Err(Problem::bad_request("empty_document", "The body is empty: send the document as the body."));
    }
    let DocumentParams { document_type, file_name, correlation_id } = params;
    let facts = DocumentFacts { content_type, file_name, correlation_id, document_type, ..DocumentFacts::default() };
    let request = keyed.and_then(|Extension(keyed)| keyed.request());
    let handed = Handed { facts, bytes, base_url, request };
    let transaction = intake.accept(&caller.scope, &partner, handed).await?;
    Ok((StatusCode::ACCEPTED, Json(AcceptedDocument { transaction_id: transaction.to_string() })))
}
