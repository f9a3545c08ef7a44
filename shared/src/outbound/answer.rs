//! What is kept of a target's answer: a short excerpt, and when it wants to be asked again.

use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, RETRY_AFTER};
use reqwest::Response;
use tokio::time::{Instant, timeout_at};

/// How much of an answer is kept, and about how much of it is read.
pub(super) const EXCERPT_LIMIT: usize = 4096;
/// The answer's first line already decided the outcome; its body is worth no more than this.
const READ_LIMIT: Duration = Duration::from_secs(2);
/// A target cannot hold an event back for longer.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads the start of an answer's body, for a short while.
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

/// Text that is safe to store and show: lossy UTF-8, no control characters, at most 4 KiB.
fn clean(bytes: &[u8]) -> String {
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

/// The target's `Retry-After`, in seconds or as a date, from `now` on and capped at a day.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Only a number beyond all measure fails here; it means the cap too.
        text.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs)
    } else {
        let date = httpdate::parse_http_date(text).ok()?;
        date.duration_since(now).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn retry(value: &str) -> Option<Duration> {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:00 GMT").expect("a date");
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().expect("a header value"));
        retry_after(&headers, now)
    }

    #[test]
    fn retry_after_in_all_its_forms() {
        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(retry("0"), seconds(0));
        assert_eq!(retry("120"), seconds(120));
        assert_eq!(retry(" 7 "), seconds(7));
        assert_eq!(retry("86400"), seconds(86_400));
        assert_eq!(retry("86401"), seconds(86_400));
        assert_eq!(retry("99999999999999999999999"), seconds(86_400));
        assert_eq!(retry("Sun, 06 Nov 1994 08:49:37 GMT"), seconds(37));
        assert_eq!(retry("Sunday, 06-Nov-94 08:49:37 GMT"), seconds(37));
        assert_eq!(retry("Sun Nov  6 08:49:37 1994"), seconds(37));
        assert_eq!(retry("Sun, 06 Nov 1994 08:00:00 GMT"), seconds(0));
        assert_eq!(retry("Fri, 01 Jan 2100 00:00:00 GMT"), seconds(86_400));
        for bad in ["", "-1", "+5", "1.5", "soon", "1e3", "2026-01-01T00:00:00Z"] {
            assert_eq!(retry(bad), None, "{bad:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::UNIX_EPOCH), None);
    }

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

        #[test]
        fn any_retry_after_is_none_or_below_the_cap(value in "[ -~]{0,40}") {
            prop_assert!(retry(&value).is_none_or(|wait| wait <= MAX_RETRY_AFTER));
        }
    }
}
