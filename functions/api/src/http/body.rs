//! Request bodies: JSON of a known shape, or an error that says where it is wrong.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use sluice::domain::json::{JsonFault, Scanner};
use sluice::domain::scope::TenantId;
use sluice::engine::room::{Entrance, Held};
use sluice::outbound::travel_time;

use super::problem::Problem;

/// The most a body may take, but where an endpoint says otherwise.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// How long a body may take to arrive: a client that drips must not hold memory for ever.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The bytes that arrive in this time over a slow line. What is larger has longer, as the line takes.
const BYTES_IN_TIME: usize = 4 * 1024 * 1024;

/// A body parsed from JSON, of at most `LIMIT` bytes.
#[derive(Clone, Debug)]
pub struct JsonBody<T, const LIMIT: usize = MAX_BODY_BYTES>(pub T);

impl<S, T, const LIMIT: usize> FromRequest<S> for JsonBody<T, LIMIT>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        expect_json(&parts.headers)?;
        parse(&read(&parts.headers, body, LIMIT).await?).map(Self)
    }
}

/// A body that is empty or `{}`.
#[derive(Clone, Copy, Debug)]
pub struct EmptyBody;

impl<S: Send + Sync> FromRequest<S> for EmptyBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body, 1_024).await?;
        if bytes.is_empty() {
            return Ok(Self);
        }
        expect_json(&parts.headers)?;
        let fields: serde_json::Map<String, serde_json::Value> = parse(&bytes)?;
        match fields.keys().next() {
            None => Ok(Self),
            Some(name) => Err(Problem::field(pointer([name.as_str()]), "unknown field: the body is empty or {}")),
        }
    }
}

/// A body parsed from JSON, or the default where there is none.
#[derive(Clone, Debug)]
pub struct OptionalBody<T>(pub T);

impl<S, T> FromRequest<S> for OptionalBody<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Default,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body, MAX_BODY_BYTES).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        expect_json(&parts.headers)?;
        parse(&bytes).map(Self)
    }
}

/// Tells `null` from a field that is missing, as `deserialize_with`.
///
/// # Errors
/// The deserializer's.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Reads a body of at most `limit` bytes for a tenant, once there is room for it, which is held by what comes with it.
///
/// # Errors
/// As [`read`].
pub async fn read_at(
    (entrance, tenant): (&Entrance, &TenantId),
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<(Bytes, Option<Held>), Problem> {
    let _reading = entrance.begin_reading(tenant, declared(headers).unwrap_or(limit)).await;
    let bytes = read(headers, body, limit).await?;
    let held = entrance.admit(bytes.len()).await;
    Ok((bytes, held))
}

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// 413 where it is larger, 400 where the client hung up.
pub async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    let declared = declared(headers);
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let beyond = declared.unwrap_or(limit).saturating_sub(BYTES_IN_TIME);
    let Ok(bytes) = tokio::time::timeout(READ_TIMEOUT + travel_time(beyond), to_bytes(body, limit)).await else {
        let message = "The request body did not arrive in time.";
        return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", message));
    };
    bytes.map_err(|error| {
        let source = std::error::Error::source(&error);
        if source.is_some_and(|e| e.is::<http_body_util::LengthLimitError>()) {
            too_large(limit)
        } else {
            Problem::bad_request("incomplete_body", "The body ended before it was complete.")
        }
    })
}

/// The length that is said.
fn declared(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok())
}

/// 413 with the limit.
#[must_use]
pub fn too_large(limit: usize) -> Problem {
    let message = format!("The body is larger than {limit} bytes.");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", message)
}

/// Whether the content type says JSON.
///
/// # Errors
/// 415.
pub fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(());
    }
    let message = "Send the body as application/json.";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message))
}

/// Parses JSON; an error names the place.
///
/// # Errors
/// 400 `malformed_json` if it is not JSON, `duplicate_key` if an object has a key twice, `validation_failed` if it has
/// another shape.
pub fn parse<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Problem> {
    let value = parse_raw(bytes)?;
    // Serde accepts duplicate keys in maps and takes the last.
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    Scanner::default().check(text).map_err(|fault| Problem::of_json("", &fault))?;
    Ok(value)
}

/// Like [`parse`], but does not look for duplicate keys inside of raw values.
///
/// # Errors
/// As [`parse`].
pub fn parse_raw<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Problem> {
    if is_list(bytes) {
        serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| malformed(&error))?;
        return Err(Problem::field("", "must be an object, not a list"));
    }
    // Tracking the path of an error is slower than parsing, so it is done in a second attempt only.
    if let Some(value) = try_parse(bytes) {
        return Ok(value);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| problem_of(&error, bytes))?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

/// Like [`parse_raw`], but without details of an error.
pub fn try_parse<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Option<T> {
    if is_list(bytes) { None } else { serde_json::from_slice(bytes).ok() }
}

/// Serde would read a list as the fields of a structure in their order.
fn is_list(bytes: &[u8]) -> bool {
    bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[')
}

fn problem_of(error: &serde_path_to_error::Error<serde_json::Error>, bytes: &[u8]) -> Problem {
    let inner = error.inner();
    if !inner.is_data() {
        return malformed(inner);
    }
    if let Some(fault @ JsonFault::DuplicateKey { .. }) = fault_of(bytes) {
        return Problem::of_json("", &fault);
    }
    let segments: Vec<String> = error.path().iter().map(ToString::to_string).filter(|s| s != "?").collect();
    // Serde says where in the text as well; the pointer says it better.
    let text = inner.to_string();
    let words = text.split(" at line ").next().unwrap_or_default();
    Problem::field(pointer(segments.iter().map(String::as_str)), words)
}

/// The fault of a text that is valid JSON.
fn fault_of(bytes: &[u8]) -> Option<JsonFault> {
    let text = std::str::from_utf8(bytes).ok()?;
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    Scanner::default().check(text).err()
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::bad_request("malformed_json", format!("The body is not JSON: {error}."))
}

/// A JSON Pointer (RFC 6901) of these segments.
#[must_use]
pub fn pointer<'a>(segments: impl IntoIterator<Item = &'a str>) -> String {
    let escape = |segment: &str| format!("/{}", segment.replace('~', "~0").replace('/', "~1"));
    segments.into_iter().map(|segment| escape(segment.trim_matches(['[', ']']))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Shape {
        list: Vec<u8>,
    }

    #[test]
    fn errors_name_the_place() {
        let problem = parse::<Shape>(br#"{"list":[1,"x"]}"#).expect_err("wrong type");
        assert_eq!(problem.details[0]["pointer"], "/list/1");
        let problem = parse::<Shape>(br#"{"list":[],"more":1}"#).expect_err("unknown field");
        assert_eq!((problem.code, &problem.details[0]["pointer"]), ("validation_failed", &"/more".into()));
        let problem = parse::<Shape>(b"[[1]]").expect_err("a list is not a structure");
        assert_eq!((problem.code, &problem.details[0]["pointer"]), ("validation_failed", &"".into()));
        for broken in [&b"{"[..], b"", b"{}x", b"\xff", b"[1,]"] {
            assert_eq!(parse::<Shape>(broken).expect_err("broken").status, StatusCode::BAD_REQUEST);
        }
        let twice = parse::<Shape>(br#"{"list":[],"list":[]}"#).expect_err("twice");
        assert_eq!((twice.code, &twice.details[0]["pointer"]), ("duplicate_key", &"/list".into()));
        let inside = parse::<serde_json::Value>(br#"{"a":{"b":1,"\u0062":2}}"#).expect_err("twice");
        assert_eq!((inside.code, &inside.details[0]["pointer"]), ("duplicate_key", &"/a/b".into()));
        assert_eq!(pointer(["a/b", "m~n"]), "/a~1b/m~0n");
    }
}
