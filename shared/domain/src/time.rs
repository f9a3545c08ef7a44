//! Time as Sluice speaks it: milliseconds since the epoch, RFC 3339 in UTC with milliseconds on the wire.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time with millisecond precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

impl Millis {
    /// The epoch, before every event.
    pub const ZERO: Self = Self(0);
    /// After every event.
    pub const MAX: Self = Self((1 << 47) - 1);

    /// This time and `by` more.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(millis(by)))
    }

    /// This time less `by`, at least the epoch.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(millis(by)).max(0))
    }

    /// How long after `earlier` this is; zero where it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whole seconds since the epoch, as signatures, tokens and TTL attributes want them.
    #[must_use]
    pub fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// The day number since the epoch; the event log is partitioned by it.
    #[must_use]
    pub fn day(self) -> i64 {
        self.0.div_euclid(DAY_MILLIS)
    }
}

/// The milliseconds of a day.
pub const DAY_MILLIS: i64 = 86_400_000;

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is beyond the last year that is written so is written as its end.
        let end = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        write!(f, "{:.3}", jiff::Timestamp::from_millisecond(self.0).unwrap_or(end))
    }
}

/// Not an RFC 3339 time.
#[derive(Debug, thiserror::Error)]
#[error("not an RFC 3339 time such as 2026-01-31T12:00:00.000Z")]
pub struct NotATime;

impl FromStr for Millis {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        // jiff reads more than RFC 3339 (a bracketed zone, a week date): hold it to the standard's alphabet.
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b"-+:.TtZz ".contains(&b));
        let time: jiff::Timestamp = text.parse().map_err(|_| NotATime)?;
        if plain && time.as_millisecond() >= 0 { Ok(Self(time.as_millisecond())) } else { Err(NotATime) }
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Millis {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)))
            .description(Some("RFC 3339 in UTC with milliseconds"))
            .into()
    }
}

impl utoipa::ToSchema for Millis {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_latest_time_has_47_bits() {
        // Ids keep 48 bits of a time, so a range up to the latest one can still be named.
        assert_eq!(Millis::MAX, Millis(0x7fff_ffff_ffff));
    }

    proptest! {
        #[test]
        fn seconds_and_days_are_whole(day in 0_i64..40_000, second in 0_i64..86_400, milli in 0_i64..1_000) {
            let seconds = day * 86_400 + second;
            let time = Millis(seconds * 1_000 + milli);
            prop_assert_eq!((time.day(), time.as_secs()), (day, seconds));
        }

        #[test]
        fn later_and_earlier_cancel_out(at in 0_i64..1 << 47, by in 0_u64..1 << 40) {
            let (time, by) = (Millis(at), Duration::from_millis(by));
            prop_assert_eq!(time.plus(by).minus(by), time);
            prop_assert_eq!(time.plus(by).since(time), by);
            prop_assert_eq!(time.since(time.plus(by)), Duration::ZERO);
        }
    }

    #[test]
    fn writes_milliseconds_and_reads_offsets() {
        assert_eq!(Millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Millis(1_700_000_000_120).to_string(), "2023-11-14T22:13:20.120Z");
        assert_eq!("2023-11-14T23:13:20.12+01:00".parse::<Millis>().ok(), Some(Millis(1_700_000_000_120)));
        assert_eq!(Millis(i64::MAX).to_string(), "9999-12-30T22:00:00.999Z");
        for bad in ["", "2023-11-14", "yesterday", "2023-11-14T22:13:20", "2023-11-14T22:13:20Z[UTC]"] {
            assert!(bad.parse::<Millis>().is_err(), "{bad}");
        }
    }
}
