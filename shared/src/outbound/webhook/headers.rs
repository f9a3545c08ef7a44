//! The headers of a webhook, and which of them a customer may add.

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use crate::outbound::kind::Parcel;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
/// Marks what is sent again at the user's request.
const WEBHOOK_REPLAY: HeaderName = HeaderName::from_static("webhook-replay");

const MAX_NAME_LENGTH: usize = 64;
const MAX_VALUE_LENGTH: usize = 1024;

/// Why a header is refused. Never holds the value, which may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The name is empty, too long or has characters a header name cannot have.
    #[error("a header name has 1 to 64 letters, digits or hyphens")]
    Name,
    /// The name is one Sluice or the connection itself sets.
    #[error("this header is reserved")]
    Reserved,
    /// The value is too long or has characters a header value cannot have.
    #[error("a header value has at most 1024 printable ASCII characters")]
    Value,
}

/// Checks a customer's own header at registration.
///
/// `authorization` is allowed, for targets that want something else than a bearer token; where an
/// API key or an OAuth 2.0 client is set too, theirs wins.
pub(super) fn check_header(name: &str, value: &str) -> Result<(), HeaderError> {
    custom_name(name)?;
    check_value(value)
}

/// Checks at registration that an API key fits into an `authorization` header.
pub(super) fn check_api_key(api_key: &str) -> Result<(), HeaderError> {
    if api_key.is_empty() {
        return Err(HeaderError::Value);
    }
    check_value(api_key)
}

fn check_value(value: &str) -> Result<(), HeaderError> {
    // Narrower than `HeaderValue`, which sends any UTF-8 as bytes that each server reads its own way.
    let printable = |byte| matches!(byte, b' '..=b'~' | b'\t');
    if value.len() > MAX_VALUE_LENGTH || !value.bytes().all(printable) {
        return Err(HeaderError::Value);
    }
    Ok(())
}

fn custom_name(name: &str) -> Result<HeaderName, HeaderError> {
    if name.len() > MAX_NAME_LENGTH {
        return Err(HeaderError::Name);
    }
    // `from_bytes` also folds the case, so that the list below sees every spelling.
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderError::Name)?;
    if is_reserved(name.as_str()) {
        return Err(HeaderError::Reserved);
    }
    Ok(name)
}

/// Whether a header of this name always holds a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let last = name.rsplit(['-', '_']).next().unwrap_or_default();
    matches!(name.as_str(), "authorization" | "cookie" | "apikey") || matches!(last, "key" | "token" | "secret")
}

/// Checks a name that only says which header is secret.
pub(super) fn check_name(name: &str) -> Result<(), HeaderError> {
    custom_name(name).map(drop)
}

/// Headers that frame the message, steer the connection or belong to Sluice.
fn is_reserved(name: &str) -> bool {
    let listed = matches!(
        name,
        "accept-encoding"
            | "connection"
            | "content-encoding"
            | "content-length"
            | "content-type"
            | "expect"
            | "host"
            | "http2-settings"
            | "keep-alive"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "user-agent"
    );
    listed || name.starts_with("webhook-") || name.starts_with("proxy-")
}

/// The `authorization` of a bearer token.
pub(super) fn bearer(token: &str) -> Result<HeaderValue, HeaderError> {
    const SCHEME: &str = "Bearer ";
    let mut text = String::with_capacity(SCHEME.len() + token.len());
    text.push_str(SCHEME);
    text.push_str(token);
    let mut value = HeaderValue::try_from(text).map_err(|_| HeaderError::Value)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The headers that all messages of one route share, checked and encoded once.
#[derive(Debug, Clone)]
pub struct HeaderTemplate {
    base: HeaderMap,
}

impl HeaderTemplate {
    /// The shared headers of a route with this API key and these headers of the customer's.
    pub fn new(api_key: Option<&str>, custom: &[(String, Zeroizing<String>)]) -> Result<Self, HeaderError> {
        // Room for those of each message too, so that a clone never grows.
        let mut base = HeaderMap::with_capacity(custom.len() + 6);
        for (name, value) in custom {
            // Reserved names are refused again: a record may be older than the list.
            let mut value = HeaderValue::from_str(value).map_err(|_| HeaderError::Value)?;
            value.set_sensitive(true);
            base.insert(custom_name(name)?, value);
        }
        if let Some(api_key) = api_key {
            base.insert(AUTHORIZATION, bearer(api_key)?);
        }
        Ok(Self { base })
    }

    /// The headers of one message. `signature` comes from [`sign`](super::sign); a route without
    /// a secret has none.
    pub fn message(&self, parcel: &Parcel<'_>, signature: Option<String>) -> Result<HeaderMap, HeaderError> {
        let mut headers = self.base.clone();
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| HeaderError::Value);
        headers.insert(CONTENT_TYPE, value(parcel.content_type)?);
        headers.insert(WEBHOOK_ID, value(parcel.id)?);
        headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(parcel.sent_at.as_secs()));
        if let Some(signature) = signature {
            // Takes over the string's memory instead of copying it.
            let value = HeaderValue::try_from(signature).map_err(|_| HeaderError::Value)?;
            headers.insert(WEBHOOK_SIGNATURE, value);
        }
        if parcel.replay {
            headers.insert(WEBHOOK_REPLAY, HeaderValue::from_static("true"));
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests;
