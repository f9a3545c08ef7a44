//! Bodies of responses, which are never read without a limit: a short excerpt of a target's is kept, and a token
//! endpoint's is read whole.

use std::time::Duration;

use reqwest::Response;
use tokio::time::{Instant, timeout_at};

use super::failure::of_request;
use crate::outbound::failure::TIMEOUT;

/// How much of a body is kept, and about how much of it is read.
pub(super) const EXCERPT_LIMIT: usize = 4096;
/// The status already decided the outcome; the body is worth no more than this.
const READ_LIMIT: Duration = Duration::from_secs(2);

/// The most memory that is taken before anything has come.
const MAX_ANNOUNCED: usize = 1024 * 1024;
/// Why a body was not read to its end.
pub(crate) const TOO_LARGE: &str = "response too large";

/// Reads the start of a response's body, for a short while.
///
/// A short body is read to its end, which lets the connection be used again. Of a longer or slower
/// one the rest is never read: dropping the response closes the connection.
pub(super) async fn read_excerpt(mut response: Response, deadline: Instant) -> String {
    if response.content_length() == Some(0) {
        return String::new();
    }
    let mut body = Vec::new();
    let until = deadline.min(Instant::now() + READ_LIMIT);
    // One byte more than is kept, so that a body of just the limit is seen to have ended.
    while body.len() <= EXCERPT_LIMIT {
        let Ok(Ok(Some(chunk))) = timeout_at(until, response.chunk()).await else {
            break;
        };
        let room = EXCERPT_LIMIT + 1 - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    clean(&body)
}

/// Reads a body to its end, if it has at most `limit` bytes. The error is a constant phrase.
pub(crate) async fn read_whole(
    mut response: Response,
    limit: usize,
    deadline: Instant,
) -> Result<Vec<u8>, &'static str> {
    // What is announced need not come.
    let announced = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut body = Vec::with_capacity(announced.min(limit).min(MAX_ANNOUNCED));
    loop {
        match timeout_at(deadline, response.chunk()).await {
            Err(_elapsed) => return Err(TIMEOUT),
            Ok(Err(error)) => return Err(of_request(&error)),
            Ok(Ok(None)) => return Ok(body),
            Ok(Ok(Some(chunk))) if body.len() + chunk.len() > limit => return Err(TOO_LARGE),
            Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
        }
    }
}

/// Text that is safe to store and show: lossy UTF-8, no control characters, at most 4 KiB.
pub(crate) fn clean(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().min(EXCERPT_LIMIT));
    for chunk in bytes.utf8_chunks() {
        let broken = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        for c in chunk.valid().chars().chain(broken) {
            let c = if matches!(c, '\n' | '\t') { ' ' } else { c };
            if c.is_control() {
                continue;
            }
            if text.len() + c.len_utf8() > EXCERPT_LIMIT {
                return text;
            }
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn excerpts_lose_what_a_terminal_would_obey() {
        assert_eq!(clean(b""), "");
        assert_eq!(clean(b"a\r\nb\tc\0\x1b[31md\x7f\xc2\x9be"), "a b c[31mde");
        assert_eq!(clean(b"ok \xff\xfe!"), "ok \u{fffd}\u{fffd}!");
        assert_eq!(clean("é".repeat(3000).as_bytes()), "é".repeat(2048));
        assert_eq!(clean(&[b'x'; 5000]).len(), EXCERPT_LIMIT);
    }

    proptest! {
        #[test]
        fn any_excerpt_is_short_and_printable(bytes in prop::collection::vec(any::<u8>(), 0..6000)) {
            let text = clean(&bytes);
            prop_assert!(text.len() <= EXCERPT_LIMIT);
            prop_assert!(!text.contains(char::is_control));
        }
    }
}
