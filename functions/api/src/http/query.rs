//! Query and path parameters, and the cursors of lists.

use std::time::Duration;

use axum::extract::{FromRequestParts, Path, Query};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sluice::domain::event::is_event_name;

use super::problem::Problem;

/// Query parameters of a known shape.
#[derive(Clone, Debug)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => {
                let source = std::error::Error::source(&rejection).map(ToString::to_string);
                Err(Problem::field("?", source.unwrap_or_else(|| rejection.to_string())))
            }
        }
    }
}

/// Path parameters; one that cannot be read names nothing.
#[derive(Clone, Debug)]
pub struct PathParams<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathParams<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(params)| Self(params)).map_err(|_| Problem::not_found())
    }
}

/// Which page of a list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// `next_cursor` of the previous page.
    #[param(max_length = 1024)]
    pub cursor: Option<String>,
    /// 1 to 500, default 100.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

/// The limit of a list: between 1 and `max`, `default` where none is asked for.
///
/// # Errors
/// 400 where it is out of range.
pub fn limit(asked: Option<u32>, default: usize, max: usize) -> Result<usize, Problem> {
    let Some(asked) = asked else { return Ok(default) };
    let asked = asked as usize;
    if (1..=max).contains(&asked) { Ok(asked) } else { Err(Problem::field("?limit", format!("must be 1 to {max}"))) }
}

/// The longest wait of a poll: API Gateway gives a request 30 s.
const MAX_WAIT_SECONDS: u32 = 20;

/// How long a poll waits for a first event; not at all where nothing is asked for.
///
/// # Errors
/// 400 where it is out of range.
pub fn wait(asked: Option<u32>) -> Result<Duration, Problem> {
    let seconds = asked.unwrap_or(0);
    if seconds > MAX_WAIT_SECONDS {
        return Err(Problem::field("?wait", format!("must be 0 to {MAX_WAIT_SECONDS}")));
    }
    Ok(Duration::from_secs(seconds.into()))
}

/// The event name that a list is filtered by.
///
/// # Errors
/// 400 where it is none.
pub fn event_name(asked: Option<&str>) -> Result<Option<&str>, Problem> {
    match asked {
        Some(name) if !is_event_name(name) => Err(Problem::field("?name", "is not an event name")),
        other => Ok(other),
    }
}

/// A cursor as text that tells its reader nothing.
#[must_use]
pub fn encode_cursor(place: &str) -> String {
    BASE64.encode(place)
}

/// Decodes the text of [`encode_cursor`].
///
/// # Errors
/// 400 where the text is no cursor.
pub fn decode_cursor(text: &str) -> Result<String, Problem> {
    let bytes = BASE64.decode(text).ok();
    bytes.and_then(|b| String::from_utf8(b).ok()).ok_or_else(bad_cursor)
}

/// 400 for a text that is no cursor of this list.
#[must_use]
pub fn bad_cursor() -> Problem {
    Problem::field("?cursor", "is not a cursor of this list")
}

#[cfg(test)]
mod fuzz {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cursors_round_trip_and_any_text_is_refused_or_read(place: String) {
            prop_assert_eq!(decode_cursor(&encode_cursor(&place)).ok(), Some(place.clone()));
            let _ = decode_cursor(&place);
        }
    }
}
