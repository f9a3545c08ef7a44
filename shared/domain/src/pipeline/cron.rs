//! Cron expressions of schedules: five fields, and when they are next due in a time zone.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use self::fields::Fields;
use super::zone::ZoneName;
use crate::time::Millis;

mod fields;
#[cfg(test)]
mod tests;

/// The longest expression, in characters.
pub const MAX_LENGTH: usize = 200;

/// A cron expression of five fields: minute, hour, day of month, month, day of week.
///
/// A field is a list of numbers, ranges (`1-5`), `*`, and steps of the last two (`*/15`, `8-18/2`). Months and weekdays
/// may be named (`JAN`, `mon`); Sunday is 0 and 7.
///
/// Day of month and day of week follow Vixie cron: if both are restricted, a day that matches either is due. A field
/// that begins with `*` does not count as restricted, `*/2` included: it only narrows the other one, so `0 0 */2 * MON`
/// is due on Mondays with an odd date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cron {
    text: String,
    fields: Fields,
}

/// Why a text is no cron expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// More than [`MAX_LENGTH`] characters.
    #[error("longer than {MAX_LENGTH} characters")]
    TooLong,
    /// `@daily` and the like.
    #[error("names such as @daily are not supported: write five fields, such as `0 0 * * *`")]
    Nickname,
    /// Not five fields.
    #[error("{0} fields; a cron expression has five: minute, hour, day of month, month, day of week")]
    FieldCount(usize),
    /// A field that cannot be read.
    #[error("{field} `{part}`: {reason}")]
    Field {
        /// Which one.
        field: &'static str,
        /// The part of its list.
        part: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No date matches, as for 31 February.
    #[error("never due: none of these months has such a day")]
    Never,
}

impl Cron {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`CronError`]: anything but five fields, `@daily` and the like, `L W # ?`, more than [`MAX_LENGTH`] characters, and
    /// expressions that are never due.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        if text.chars().count() > MAX_LENGTH {
            return Err(CronError::TooLong);
        }
        Ok(Self { text: text.to_owned(), fields: Fields::parse(text)? })
    }

    /// The expression, as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first due time after `after`; none if that is beyond the calendar's end.
    ///
    /// Where minute or hour begins with `*`, every minute whose wall clock matches is due. Otherwise a time that a jump
    /// of the clock skips is due once, at the first instant after the jump, and a time that the clock shows twice is due
    /// the first time only.
    #[must_use]
    pub fn next(&self, zone: &ZoneName, after: Millis) -> Option<Millis> {
        let search = Search::new(&self.fields, after)?;
        let first = Timestamp::from_second(search.start - LOOKBACK_SECONDS).ok()?;
        let mut transitions = zone.zone().following(first);
        let mut from = first.as_second();
        let mut offset = i64::from(zone.zone().to_offset(first).seconds());
        let mut reached = from + offset;
        loop {
            let next = transitions.next();
            let end = next.as_ref().map_or(search.end, |next| next.timestamp().as_second().min(search.end));
            if let Some(due) = search.stretch(from, end, offset, reached) {
                return due.checked_mul(1_000).map(Millis);
            }
            reached = reached.max(end + offset);
            from = end;
            offset = i64::from(next.filter(|_| end < search.end)?.offset().seconds());
        }
    }
}

/// The search begins this long before, so that it knows which wall-clock times have passed: no zone is ever set back by
/// more than a day.
const LOOKBACK_SECONDS: i64 = 2 * 86_400;

/// The search ends after this long. 29 February on a given weekday (`0 0 29 2 */7`) can be 40 years away.
const HORIZON_SECONDS: i64 = 60 * 366 * 86_400;

/// The search for a due time, in seconds since the epoch. A wall-clock time is such a number too, as if it were UTC.
struct Search<'f> {
    fields: &'f Fields,
    start: i64,
    end: i64,
}

impl<'f> Search<'f> {
    fn new(fields: &'f Fields, after: Millis) -> Option<Self> {
        let start = after.0.div_euclid(1_000) + 1;
        Some(Self { fields, start, end: start.checked_add(HORIZON_SECONDS)? })
    }

    /// The first due time in `from..end`, in which the offset is the same. `reached` is the latest time that the wall
    /// clock has shown before.
    fn stretch(&self, from: i64, end: i64, offset: i64, reached: i64) -> Option<i64> {
        let mut first = from.max(self.start) + offset;
        if self.fields.fixed {
            let skipped = reached..from + offset;
            if from >= self.start && self.fields.next_on_clock(skipped.start, skipped.end).is_some() {
                return Some(from);
            }
            first = first.max(reached);
        }
        self.fields.next_on_clock(first, end + offset).map(|due| due - offset)
    }
}

impl Fields {
    /// The first matching minute of the wall clock in `from..end`.
    fn next_on_clock(&self, from: i64, end: i64) -> Option<i64> {
        let minute = from.div_euclid(60) + i64::from(from.rem_euclid(60) > 0);
        let (mut day, mut minute) = (minute.div_euclid(MINUTES_OF_DAY), minute.rem_euclid(MINUTES_OF_DAY));
        if day * 86_400 + minute * 60 >= end {
            return None;
        }
        let mut date = Offset::UTC.to_datetime(Timestamp::from_second(day * 86_400).ok()?).date();
        while day * 86_400 < end {
            if self.is_due_on(date)
                && let Some(minute) = self.next_in_day(minute)
            {
                let due = day * 86_400 + minute * 60;
                return (due < end).then_some(due);
            }
            let skipped_to = if self.months.has(date.month()) { date } else { date.last_of_month() };
            day += i64::from(skipped_to.day() - date.day()) + 1;
            date = skipped_to.tomorrow().ok()?;
            minute = 0;
        }
        None
    }

    fn is_due_on(&self, date: Date) -> bool {
        let day = self.days.has(date.day());
        let weekday = self.weekdays.has(date.weekday().to_sunday_zero_offset());
        self.months.has(date.month()) && if self.either_day { day || weekday } else { day && weekday }
    }

    /// The first matching minute of a day at or after this one.
    fn next_in_day(&self, minute: i64) -> Option<i64> {
        let hour = minute / 60;
        let this_hour = self.hours.next(hour).filter(|next| *next == hour).and(self.minutes.next(minute % 60));
        match this_hour {
            Some(minute) => Some(hour * 60 + minute),
            None => Some(self.hours.next(hour + 1)? * 60 + self.minutes.next(0)?),
        }
    }
}

const MINUTES_OF_DAY: i64 = 24 * 60;

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Cron {
    type Error = CronError;

    fn try_from(text: String) -> Result<Self, CronError> {
        Self::parse(&text)
    }
}

impl From<Cron> for String {
    fn from(cron: Cron) -> Self {
        cron.text
    }
}
