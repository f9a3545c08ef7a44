//! AS2: what partners send. They have no credentials here; their signatures are what counts.

pub(crate) mod mdn;
pub(crate) mod receive;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sluice::domain::scope::{Environment, Scope, TenantId};
use sluice::domain::tenant::TenantStatus;
use sluice::engine::documents::{As2Headers, DocumentInbox, Receipts, Reply, Taken};
use sluice::engine::room::{Entrance, Held};
use sluice::store::tenants::Tenants;

use crate::http::body::read_at;
use crate::http::problem::Problem;

/// A message as it came.
struct Message {
    scope: Scope,
    headers: As2Headers,
    body: Vec<u8>,
    /// The room that it has in memory.
    _held: Option<Held>,
}

impl Message {
    /// Reads a message for a tenant. A tenant that is not there is looked up before the body is read.
    async fn read(
        (tenants, entrance): (&Tenants, &Entrance),
        (path, tenant): (&str, &str),
        headers: &HeaderMap,
        body: Body,
        limit: usize,
    ) -> Result<Self, Problem> {
        let tenant: TenantId = tenant.parse().map_err(|_| Problem::not_found())?;
        let known = tenants.get(&tenant).await?.is_some_and(|one| one.status == TenantStatus::Active);
        if !known {
            return Err(Problem::not_found());
        }
        let scope = Scope { tenant, environment: Environment::of_path(path) };
        let (body, held) = read_at((entrance, &scope.tenant), headers, body, limit).await?;
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        Ok(Self { scope, headers, body: body.into(), _held: held })
    }
}

async fn take_receipt(receipts: &Receipts, message: Message) -> Result<Response, Problem> {
    let Message { scope, headers, body, _held } = message;
    match receipts.take(&scope, headers, body).await? {
        Taken::Recorded => Ok(StatusCode::OK.into_response()),
        Taken::NotAReceipt(detail) => Err(Problem::bad_request("not_an_mdn", detail)),
        Taken::Unknown => Err(Problem::bad_request("unknown_message", "The MDN is for no message of this tenant's.")),
        Taken::Refused(reason) => {
            Err(Problem::new(StatusCode::FORBIDDEN, "mdn_refused", format!("The MDN proves nothing: {reason}.")))
        }
    }
}

async fn take_message(inbox: &DocumentInbox, message: Message) -> Result<Response, Problem> {
    let Message { scope, headers, body, _held } = message;
    match inbox.receive(&scope, headers, body).await? {
        Reply::Receipt(headers, body) => Ok((header_map(&headers), body).into_response()),
        Reply::Nothing => Ok(StatusCode::OK.into_response()),
        Reply::Refused(modifier) => {
            let message = format!("The message is not accepted, and asks for no MDN that would say so: {modifier}.");
            Err(Problem::new(StatusCode::FORBIDDEN, "message_refused", message))
        }
        Reply::NotAs2(detail) => Err(Problem::bad_request("not_as2", detail)),
    }
}

fn header_map(headers: &As2Headers) -> HeaderMap {
    let field = |(name, value): (&str, &str)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
    };
    headers.iter().filter_map(field).collect()
}
