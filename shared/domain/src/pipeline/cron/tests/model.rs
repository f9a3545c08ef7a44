//! A model that walks every minute, and resolves each wall-clock time by itself.

use std::collections::BTreeSet;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, ToSpan};
use proptest::prelude::*;

use super::*;

/// A field: its text, and the numbers that it selects.
type Written = (String, BTreeSet<i8>);

#[derive(Debug)]
struct Model {
    fields: [Written; 5],
}

impl Model {
    fn text(&self) -> String {
        self.fields.each_ref().map(|(text, _)| text.clone()).join(" ")
    }

    fn matches(&self, time: DateTime) -> bool {
        let has = |field: usize, number: i8| self.fields[field].1.contains(&number);
        let open = |field: usize| self.fields[field].0.starts_with('*');
        let (day, weekday) = (has(2, time.day()), has(4, time.weekday().to_sunday_zero_offset()));
        let date = if open(2) || open(4) { day && weekday } else { day || weekday };
        has(0, time.minute()) && has(1, time.hour()) && has(3, time.month()) && date
    }

    /// The first due time in the days after `after`.
    fn next(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        if self.fields[0].0.starts_with('*') || self.fields[1].0.starts_with('*') {
            let minute = after.as_second().div_euclid(60) + 1;
            let minutes = (minute..minute + DAYS * 1_440).map(|minute| Timestamp::from_second(minute * 60));
            return minutes.flatten().find(|time| self.matches(zone.to_datetime(*time)));
        }
        // From three days ago to a day too many: a zone may skip or repeat one.
        let first = zone.to_datetime(after).date().checked_sub(3.days()).expect("a date").at(0, 0, 0, 0);
        let minutes = (0..(DAYS + 5) * 1_440).map(|minute| first + SignedDuration::from_mins(minute));
        minutes.filter(|time| self.matches(*time)).map(|time| first_pass(zone, time)).filter(|due| *due > after).min()
    }
}

const DAYS: i64 = 4;

/// When the zone's clock first shows a time, or the end of the gap that skips it.
fn first_pass(zone: &TimeZone, time: DateTime) -> Timestamp {
    match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(time).expect("a time"),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(time).expect("a time"),
        AmbiguousOffset::Gap { after, .. } => {
            // With the later offset, the skipped time lies before the jump.
            let before_jump = after.to_timestamp(time).expect("a time");
            zone.following(before_jump - SignedDuration::from_secs(1)).next().expect("the jump").timestamp()
        }
    }
}

fn list(low: i8, high: i8) -> impl Strategy<Value = Written> {
    let text = |numbers: &BTreeSet<i8>| numbers.iter().map(i8::to_string).collect::<Vec<_>>().join(",");
    prop::collection::btree_set(low..=high, 1..4).prop_map(move |numbers| (text(&numbers), numbers))
}

fn stepped(text: &str, low: i8, high: i8, step: i8) -> Written {
    (format!("{text}/{step}"), (low..=high).step_by(usize::try_from(step).expect("a step")).collect())
}

fn field(low: i8, high: i8) -> impl Strategy<Value = Written> {
    prop_oneof![
        3 => Just(("*".to_owned(), (low..=high).collect())),
        2 => (1..=high).prop_map(move |step| stepped("*", low, high, step)),
        4 => list(low, high),
        3 => (low..=high, low..=high, 1..=high).prop_map(|(one, other, step)| {
            let (from, to) = (one.min(other), one.max(other));
            stepped(&format!("{from}-{to}"), from, to, step)
        }),
    ]
}

/// Days and hours in which the clock changes are likely.
fn model() -> impl Strategy<Value = Model> {
    let hour = prop_oneof![field(0, 23), list(0, 4), list(22, 23)];
    let day = prop_oneof![2 => Just(("*".to_owned(), (1..=31).collect())), 1 => field(1, 31)];
    let month = Just(("*".to_owned(), (1..=12).collect::<BTreeSet<i8>>()));
    let weekday = prop_oneof![2 => Just(("*".to_owned(), (0..=6).collect())), 1 => field(0, 6)];
    (field(0, 59), hour, day, month, weekday)
        .prop_map(|(minute, hour, day, month, weekday)| Model { fields: [minute, hour, day, month, weekday] })
}

/// Changes of the clock: forward, back, by half an hour, at midnight, over midnight, by a day.
const CHANGES: [(&str, &str); 14] = [
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2026-03-08T07:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("America/Sao_Paulo", "2018-02-18T02:00:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
    ("America/Nuuk", "2024-03-31T01:00:00Z"),
    ("America/Nuuk", "2024-10-27T01:00:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("Pacific/Kwajalein", "1993-08-21T12:00:00Z"),
    ("America/St_Johns", "2006-10-29T02:31:00Z"),
    ("Asia/Kathmandu", "1985-12-31T18:30:00Z"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_next_due_time_is_the_models(
        model in model(),
        change in prop::sample::select(&CHANGES[..]),
        before in -86_400_i64..2 * 86_400,
    ) {
        let (cron, zone) = (cron(&model.text()), zone(change.0));
        let after = change.1.parse::<Timestamp>().expect("a time") - SignedDuration::from_secs(before);
        let found = cron.next(&zone, Millis(after.as_millisecond()));
        match model.next(zone.zone(), after) {
            Some(due) => prop_assert_eq!(found, Some(Millis(due.as_millisecond())), "{} {}", model.text(), change.0),
            // The model sees some days only.
            None => prop_assert!(found.is_none_or(|due| due.0 > after.as_millisecond() + (DAYS - 1) * 86_400_000)),
        }
    }
}
