//! Times as sources write them, and as mappings write them.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;

/// The most bytes of a time.
const MAX_BYTES: usize = 40;

/// Reads RFC 3339, and ISO dates and times; what has no zone is UTC.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    // jiff reads more (a bracketed zone, a week date): hold it to the standard's alphabet.
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"-+:.TtZz ".contains(&byte));
    if !plain || text.len() > MAX_BYTES || !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let pieces = Pieces::parse(text).ok()?;
    let offset = pieces.to_numeric_offset().unwrap_or(Offset::UTC);
    let time = offset.to_timestamp(pieces.date().to_datetime(pieces.time().unwrap_or(Time::midnight()))).ok()?;
    // Years of four digits: then texts compare as times do.
    (0..=9_999).contains(&Offset::UTC.to_datetime(time).year()).then_some(time)
}

/// RFC 3339 in UTC with milliseconds; what is finer is cut.
pub(super) fn format(time: Timestamp) -> String {
    format!("{time:.3}")
}
