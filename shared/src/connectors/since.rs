//! From which cursor value a source is asked for changes.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::domain::pipeline::extraction::{Cursor, CursorType};

/// A time of a record or a cursor. Without a zone it is UTC.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let zoned = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse().ok().or_else(zoned)
}

/// So long before a time.
pub(super) fn before(time: Timestamp, overlap: Duration) -> Timestamp {
    time.checked_sub(overlap).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The value to ask from, for what changed at `from` or later: times are moved back by the overlap.
pub(super) fn since(cursor: &Cursor, from: &str) -> String {
    if cursor.kind != CursorType::Datetime || cursor.overlap_seconds == 0 {
        return from.to_owned();
    }
    let overlap = Duration::from_secs(cursor.overlap_seconds.into());
    time(from).map_or_else(|| from.to_owned(), |time| before(time, overlap).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_moved_back_and_the_rest_is_left_alone() {
        let cursor = |kind, overlap_seconds| Cursor { column: "$.a".into(), kind, parameter: None, overlap_seconds };
        let of = |overlap, from| since(&cursor(CursorType::Datetime, overlap), from);
        assert_eq!(of(2, "2026-01-01T00:00:01Z"), "2025-12-31T23:59:59Z");
        assert_eq!(of(1, "2026-01-01T02:00:01.250+02:00"), "2026-01-01T00:00:00.25Z");
        assert_eq!(of(1, "2026-01-01T00:00:01"), "2026-01-01T00:00:00Z");
        assert_eq!(of(0, "2026-01-01T02:00:01+02:00"), "2026-01-01T02:00:01+02:00");
        assert_eq!(of(5, "soon"), "soon");
        assert_eq!(since(&cursor(CursorType::Int, 5), "17"), "17");
    }
}
