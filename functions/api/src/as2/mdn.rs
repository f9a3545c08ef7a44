//! `POST /as2/{tenant}/mdn`: takes the MDN of a message that was sent.

use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use http::HeaderMap;
use sluice::engine::documents::Receipts;
use sluice::store::tenants::Tenants;

use super::{Message, take_receipt};
use crate::documents::Binary;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// The most bytes of an MDN: it repeats no document.
const MAX_BYTES: usize = 1024 * 1024;

/// Take an asynchronous MDN
///
/// Without credentials: an MDN counts if it is signed by the partner, unless its messages need no signed MDN.
#[utoipa::path(
    post, path = "/as2/{tenant}/mdn", operation_id = "as2.mdn", tag = "as2",
    params(("tenant" = String, Path, description = "The tenant")),
    request_body(content = Binary, content_type = "multipart/signed", example = json!("(an MDN and its signature)")),
    responses(
        (status = 200, description = "Recorded"),
        (status = 400, description = "`not_an_mdn`, `unknown_message`", body = ErrorBody),
        (status = 403, description = "`mdn_refused`: it is not signed by the partner, or has another MIC", body = ErrorBody),
        (status = 404, description = "There is no such tenant", body = ErrorBody),
        (status = 413, description = "`payload_too_large`", body = ErrorBody),
    ),
)]
pub(crate) async fn mdn(
    State(tenants): State<Tenants>,
    State(receipts): State<Receipts>,
    OriginalUri(uri): OriginalUri,
    PathParams(tenant): PathParams<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let message =
        Message::read((&tenants, receipts.entrance()), (uri.path(), &tenant), &headers, body, MAX_BYTES).await?;
    take_receipt(&receipts, message).await
}
