//! Tests of cron expressions: what is refused, when expressions are due around changes of the clock, and a comparison
//! with a model that walks every minute.

use super::*;

mod model;

fn cron(text: &str) -> Cron {
    Cron::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn zone(name: &str) -> ZoneName {
    ZoneName::parse(name).expect(name)
}

fn at(text: &str) -> Millis {
    let time: Timestamp = text.parse().expect(text);
    Millis(time.as_millisecond())
}

/// The next due times, in the zone's own time with its offset.
fn due(text: &str, name: &str, after: &str, count: usize) -> Vec<String> {
    let (cron, zone) = (cron(text), zone(name));
    let show = |due: Millis| {
        let zoned = Timestamp::from_millisecond(due.0).expect("a time").to_zoned(zone.zone().clone());
        zoned.strftime("%Y-%m-%dT%H:%M%:z").to_string()
    };
    std::iter::successors(cron.next(&zone, at(after)), |due| cron.next(&zone, *due)).take(count).map(show).collect()
}

#[test]
fn what_is_not_five_fields_is_refused() {
    for text in ["@daily", "@every 5m", " @reboot", "@"] {
        assert_eq!(Cron::parse(text), Err(CronError::Nickname), "{text}");
    }
    for (text, count) in [("", 0), ("*", 1), ("* * * *", 4), ("0 * * * * *", 6), ("0 0 1 1 * 2026 x", 7)] {
        assert_eq!(Cron::parse(text), Err(CronError::FieldCount(count)), "{text}");
    }
    let long = "0,".repeat(95) + "00 * * * *";
    assert_eq!(long.len(), MAX_LENGTH);
    assert!(Cron::parse(&long).is_ok());
    assert_eq!(Cron::parse(&(long + " ")), Err(CronError::TooLong));
}

#[test]
fn a_bad_field_is_named() {
    for (text, expected) in [
        ("0 0 L * *", "day of month `L`: `L`, `W`, `#` and `?` are not supported"),
        ("0 0 15W * *", "day of month `15W`: `L`, `W`, `#` and `?` are not supported"),
        ("0 0 ? * MON", "day of month `?`: `L`, `W`, `#` and `?` are not supported"),
        ("0 0 * * MON#2", "day of week `MON#2`: `L`, `W`, `#` and `?` are not supported"),
        ("0 0 * * 5L", "day of week `5L`: `L`, `W`, `#` and `?` are not supported"),
        ("60 * * * *", "minute `60`: `60` is not within 0 to 59"),
        ("* 24 * * *", "hour `24`: `24` is not within 0 to 23"),
        ("* * 0 * *", "day of month `0`: `0` is not within 1 to 31"),
        ("* * * 13 *", "month `13`: `13` is not within 1 to 12"),
        ("* * * * 8", "day of week `8`: `8` is not within 0 to 7"),
        ("* * * FOO *", "month `FOO`: `FOO` is not a number or a name of three letters"),
        ("JAN * * * *", "minute `JAN`: `JAN` is not a number"),
        ("1, * * * *", "minute ``: `` is not a number"),
        ("30-10 * * * *", "minute `30-10`: the range ends before it begins"),
        ("5/15 * * * *", "minute `5/15`: a step needs a range, such as `*/5` or `10-40/5`"),
        ("*/0 * * * *", "minute `*/0`: a step is 1 to 59"),
        ("*/60 * * * *", "minute `*/60`: a step is 1 to 59"),
        ("*/+5 * * * *", "minute `*/+5`: a step is a number"),
        ("-1 * * * *", "minute `-1`: `` is not a number"),
        ("99999999999999999999 * * * *", "minute `99999999999999999999`: `99999999999999999999` is not within 0 to 59"),
    ] {
        assert_eq!(Cron::parse(text).expect_err(text).to_string(), expected, "{text}");
    }
    for text in
        ["* * * * *\n", "*-5 * * * *", "1-2-3 * * * *", "*/5/5 * * * *", "** * * * *", "1;2 * * * *", "１ * * * *"]
    {
        assert!(Cron::parse(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_never_due_is_refused() {
    for text in ["0 0 31 2 *", "0 0 30 FEB *", "0 0 31 4,6,9,11 *", "0 0 30-31 2 */2", "* * 31 2 *"] {
        assert_eq!(Cron::parse(text), Err(CronError::Never), "{text}");
    }
    // A union with weekdays is due on those.
    for text in ["0 0 29 2 *", "0 0 31 2 MON", "0 0 31 2,3 *"] {
        assert!(Cron::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn ways_of_writing_the_same() {
    for (one, other) in [
        ("0 0 * jan-Mar,DEC *", "0 0 * 1,2,3,12 *"),
        ("0 0 * * sun", "0 0 * * 7"),
        ("0 0 * * 0", "0 0 * * 7"),
        ("0 0 * * fri-SUN", "0 0 * * 5-7"),
        ("0 0 * * 5-7", "0 0 * * 0,5,6"),
        ("0-59/20 0 1 1 *", "0,20,40 0 1 1 *"),
        ("  0\t0  1 1 * ", "0 0 1 1 *"),
        ("0 0 * * 0-7", "0 0 * * 0-6"),
    ] {
        assert_eq!(cron(one).fields, cron(other).fields, "{one} {other}");
        assert_eq!(cron(one).as_str(), one);
    }
    // Both read all minutes, but only one of them matches the wall clock as it is.
    assert_ne!(cron("0-59 0 * * *").fields, cron("* 0 * * *").fields);
    let stored: Cron = serde_json::from_str("\"*/5 * * * *\"").expect("an expression");
    assert_eq!(serde_json::to_string(&stored).expect("JSON"), "\"*/5 * * * *\"");
    assert!(serde_json::from_str::<Cron>("\"@daily\"").is_err());
}

#[test]
fn due_times() {
    for (text, name, after, expected) in [
        // Strictly after, to the millisecond.
        ("0 12 * * *", "UTC", "2026-01-01T11:59:59.999Z", &["2026-01-01T12:00+00:00"][..]),
        ("0 12 * * *", "UTC", "2026-01-01T12:00:00Z", &["2026-01-02T12:00+00:00"]),
        ("* * * * *", "UTC", "2026-01-01T12:00:00.001Z", &["2026-01-01T12:01+00:00"]),
        ("59 23 31 12 *", "UTC", "2026-12-31T23:59:00Z", &["2027-12-31T23:59+00:00"]),
        // Before 1970.
        ("0 0 * * *", "UTC", "1969-12-31T23:00:00.5Z", &["1970-01-01T00:00+00:00"]),
        // A union: the 13th, and Fridays.
        (
            "0 0 13 * FRI",
            "UTC",
            "2026-03-01T00:00:00Z",
            &["2026-03-06T00:00+00:00", "2026-03-13T00:00+00:00", "2026-03-20T00:00+00:00", "2026-03-27T00:00+00:00"],
        ),
        ("0 0 13 * 5", "UTC", "2026-04-10T00:00:00Z", &["2026-04-13T00:00+00:00", "2026-04-17T00:00+00:00"]),
        // A field that begins with `*` narrows: Mondays with an odd date; the 1st on every other weekday from Sunday.
        ("0 0 */2 * MON", "UTC", "2026-03-01T00:00:00Z", &["2026-03-09T00:00+00:00", "2026-03-23T00:00+00:00"]),
        ("0 0 1 * */2", "UTC", "2026-01-02T00:00:00Z", &["2026-02-01T00:00+00:00", "2026-03-01T00:00+00:00"]),
        // Rare ones.
        ("0 0 29 2 *", "UTC", "2096-02-29T00:00:00Z", &["2104-02-29T00:00+00:00", "2108-02-29T00:00+00:00"]),
        ("0 0 29 2 1", "UTC", "2026-01-31T00:00:00Z", &["2026-02-02T00:00+00:00", "2026-02-09T00:00+00:00"]),
        (
            "0 0 29 2 */7",
            "Europe/Berlin",
            "2026-01-01T00:00:00Z",
            &["2032-02-29T00:00+01:00", "2060-02-29T00:00+01:00"],
        ),
        // Zones with a quarter of an hour.
        ("30 6 * * MON-FRI", "Asia/Kathmandu", "2026-01-02T00:45:00Z", &["2026-01-05T06:30+05:45"]),
        ("*/15 * * * *", "Asia/Kathmandu", "2026-01-02T00:45:00Z", &["2026-01-02T06:45+05:45"]),
        // In 1986 it went from +05:30 to +05:45, at midnight.
        ("5 0 1 * *", "Asia/Kathmandu", "1985-12-15T00:00:00Z", &["1986-01-01T00:15+05:45", "1986-02-01T00:05+05:45"]),
    ] {
        let found = due(text, name, after, expected.len());
        assert_eq!(found, expected, "{text} in {name} after {after}");
    }
}

#[test]
fn a_time_that_is_skipped_is_due_after_the_gap() {
    for (text, name, after, expected) in [
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            &["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"][..],
        ),
        ("30 2 29 3 *", "Europe/Berlin", "2026-03-28T12:00:00Z", &["2026-03-29T03:00+02:00", "2027-03-29T02:30+02:00"]),
        // Two that are skipped and one that is due just then: once.
        ("0 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", &["2026-03-29T03:00+02:00", "2026-03-30T02:00+02:00"]),
        (
            "0,30 2 * * *",
            "Europe/Berlin",
            "2026-03-29T00:00:00Z",
            &["2026-03-29T03:00+02:00", "2026-03-30T02:00+02:00"],
        ),
        // A list and a range around the gap lose nothing.
        (
            "15 1-3 * * *",
            "Europe/Berlin",
            "2026-03-29T00:00:00Z",
            &["2026-03-29T01:15+01:00", "2026-03-29T03:00+02:00", "2026-03-29T03:15+02:00", "2026-03-30T01:15+02:00"],
        ),
        (
            "30 2 * * *",
            "America/New_York",
            "2026-03-08T06:00:00Z",
            &["2026-03-08T03:00-04:00", "2026-03-09T02:30-04:00"],
        ),
        // The gap from 02:00 to 02:30.
        (
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T12:00:00Z",
            &["2026-10-04T02:30+11:00", "2026-10-05T02:15+11:00"],
        ),
        ("45 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", &["2026-10-04T02:45+11:00"]),
        // The gap at midnight.
        (
            "0 0 * * *",
            "America/Sao_Paulo",
            "2018-11-03T12:00:00Z",
            &["2018-11-04T01:00-02:00", "2018-11-05T00:00-02:00"],
        ),
        ("30 0 4 11 *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", &["2018-11-04T01:00-02:00"]),
        (
            "30 0 * * SUN",
            "America/Sao_Paulo",
            "2018-11-03T12:00:00Z",
            &["2018-11-04T01:00-02:00", "2018-11-11T00:30-02:00"],
        ),
        ("0 0 1 * *", "America/Sao_Paulo", "2018-10-20T12:00:00Z", &["2018-11-01T00:00-03:00"]),
        // The gap that ends at midnight: due the next day.
        ("30 23 30 3 *", "America/Nuuk", "2024-03-30T12:00:00Z", &["2024-03-31T00:00-01:00"]),
        // The day that was skipped.
        ("0 9 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z", &["2011-12-29T09:00-10:00", "2011-12-31T00:00+14:00"]),
        ("0 9 30 12 *", "Pacific/Apia", "2011-12-01T12:00:00Z", &["2011-12-31T00:00+14:00", "2012-12-30T09:00+14:00"]),
        ("0 9 * * FRI", "Pacific/Apia", "2011-12-24T12:00:00Z", &["2011-12-31T00:00+14:00", "2012-01-06T09:00+14:00"]),
        // The wall clock as it is.
        (
            "*/30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            &["2026-03-30T02:00+02:00", "2026-03-30T02:30+02:00"],
        ),
        ("30 */2 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", &["2026-03-29T04:30+02:00"]),
        ("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", &["2026-03-29T01:30+01:00", "2026-03-29T03:30+02:00"]),
        ("0 * 30 12 *", "Pacific/Apia", "2011-12-01T12:00:00Z", &["2012-12-30T00:00+14:00"]),
    ] {
        let found = due(text, name, after, expected.len());
        assert_eq!(found, expected, "{text} in {name} after {after}");
    }
}

#[test]
fn a_time_that_comes_twice_is_due_once() {
    for (text, name, after, expected) in [
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            &["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"][..],
        ),
        // Asked between the passes, and in the second.
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T01:00:00Z", &["2026-10-26T02:30+01:00"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T01:29:00Z", &["2026-10-26T02:30+01:00"]),
        (
            "0,30 1-3 * * *",
            "Europe/Berlin",
            "2026-10-24T23:45:00Z",
            &["2026-10-25T02:00+02:00", "2026-10-25T02:30+02:00", "2026-10-25T03:00+01:00", "2026-10-25T03:30+01:00"],
        ),
        (
            "30 1 * * *",
            "America/New_York",
            "2026-11-01T00:00:00Z",
            &["2026-11-01T01:30-04:00", "2026-11-02T01:30-05:00"],
        ),
        // The clock goes back from 02:00 to 01:30.
        (
            "45 1 * * *",
            "Australia/Lord_Howe",
            "2026-04-04T00:00:00Z",
            &["2026-04-05T01:45+11:00", "2026-04-06T01:45+10:30"],
        ),
        // It goes back over midnight: the 17th's last hour comes twice.
        (
            "30 23 * * *",
            "America/Sao_Paulo",
            "2018-02-17T12:00:00Z",
            &["2018-02-17T23:30-02:00", "2018-02-18T23:30-03:00"],
        ),
        (
            "0 0 * * *",
            "America/Sao_Paulo",
            "2018-02-17T12:00:00Z",
            &["2018-02-18T00:00-03:00", "2018-02-19T00:00-03:00"],
        ),
        // The wall clock as it is.
        (
            "*/30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            &["2026-10-25T02:00+02:00", "2026-10-25T02:30+02:00", "2026-10-25T02:00+01:00", "2026-10-25T02:30+01:00"],
        ),
        ("0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", &["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"]),
    ] {
        let found = due(text, name, after, expected.len());
        assert_eq!(found, expected, "{text} in {name} after {after}");
    }
}

#[test]
fn the_rarest_expression_is_found() {
    // 2072 to 2112: 2100 is no leap year.
    let next = cron("0 0 29 2 */7").next(&zone("America/New_York"), at("2088-03-01T00:00:00Z"));
    assert_eq!(next, Some(at("2128-02-29T05:00:00Z")));
}

#[test]
fn beyond_the_calendar_is_none() {
    for after in [i64::MAX, i64::MIN, i64::MIN + 1] {
        assert_eq!(cron("* * * * *").next(&zone("Europe/Berlin"), Millis(after)), None);
    }
    assert_eq!(cron("0 0 29 2 *").next(&zone("Europe/Berlin"), at("9999-12-30T00:00:00Z")), None);
    assert!(cron("* * * * *").next(&zone("Europe/Berlin"), Millis::MAX).is_some());
}

mod fuzz {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(\\PC{0,60}|[0-9*/,@LW#?A-Za-z -]{0,40}|([0-9*/,-]{1,6} ){4}[0-9*/,-]{1,6})") {
            if let Ok(cron) = Cron::parse(&text) {
                prop_assert!(cron.next(&ZoneName::default(), Millis(1_700_000_000_000)).is_some());
            }
        }
    }
}
