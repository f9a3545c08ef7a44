//! `Retry-After`: when a target wants to be asked again.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

use crate::domain::retry::MAX_RETRY_AFTER;

/// The time that an HTTP response asks to be left alone, from now on.
pub(crate) fn of_headers(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    retry_after(text, SystemTime::now())
}

/// Reads a `Retry-After`, in seconds or as a date, as a time from `now` on, at most a day.
pub(super) fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number fails to parse only if it is beyond all measure; that means the cap too.
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
        retry_after(value, now)
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
    }

    proptest! {
        #[test]
        fn any_text_is_none_or_below_the_cap(value in "[ -~]{0,40}") {
            prop_assert!(retry(&value).is_none_or(|wait| wait <= MAX_RETRY_AFTER));
        }

        #[test]
        fn any_number_of_seconds_is_capped(seconds: u64) {
            let wait = Duration::from_secs(seconds).min(MAX_RETRY_AFTER);
            prop_assert_eq!(retry(&seconds.to_string()), Some(wait));
        }
    }
}
