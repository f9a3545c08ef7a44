//! `POST /as2/{tenant}`: takes an AS2 message.

use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use http::HeaderMap;
use sluice::engine::documents::{DocumentInbox, Receipts, is_receipt};
use sluice::store::tenants::Tenants;

use super::{Message, take_message, take_receipt};
use crate::documents::Binary;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Take an AS2 message (RFC 4130)
///
/// Without credentials: the message's signature is what counts. The document is durable once the MDN is answered. What
/// is not accepted is answered with an MDN too, whose disposition says why. A message that comes again gets its first MDN
/// again. An asynchronous MDN is sent to `Receipt-Delivery-Option`; the MDN of a message that is not accepted is always
/// the response.
#[utoipa::path(
    post, path = "/as2/{tenant}", operation_id = "as2.receive", tag = "as2",
    params(
        ("tenant" = String, Path, description = "The tenant"),
        ("AS2-From" = String, Header, description = "The AS2 name of the partner"),
        ("AS2-To" = String, Header, description = "The AS2 name of an identity"),
        ("Message-ID" = String, Header, description = "The message's id"),
    ),
    request_body(content = Binary, content_type = "application/pkcs7-mime", example = json!("(CMS in DER)")),
    responses(
        (status = 200, description = "The MDN, if one was asked for in the response", body = Binary, content_type = "multipart/signed"),
        (status = 400, description = "`not_as2`: headers that AS2 needs are missing", body = ErrorBody),
        (status = 403, description = "`message_refused`: it is not accepted, and asks for no MDN", body = ErrorBody),
        (status = 404, description = "There is no such tenant", body = ErrorBody),
        (status = 413, description = "`payload_too_large`", body = ErrorBody),
    ),
)]
pub(crate) async fn receive(
    State(tenants): State<Tenants>,
    State(inbox): State<DocumentInbox>,
    State(receipts): State<Receipts>,
    OriginalUri(uri): OriginalUri,
    PathParams(tenant): PathParams<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let message =
        Message::read((&tenants, inbox.entrance()), (uri.path(), &tenant), &headers, body, inbox.max_bytes()).await?;
    // Some partners know one address alone.
    if is_receipt(&message.headers, &message.body) {
        return take_receipt(&receipts, message).await;
    }
    take_message(&inbox, message).await
}
