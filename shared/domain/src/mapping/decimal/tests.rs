//! Decimals at their edges, and against integers of 128 bits.

use super::*;

fn plain(text: &str) -> Option<String> {
    Decimal::parse_bounded(text).map(|one| one.to_plain())
}

#[test]
fn every_digit_is_kept() {
    let cases = [
        ("0", "0"),
        ("-0", "0"),
        ("-0.00", "0.00"),
        ("19.90", "19.90"),
        ("1234567890123456789.10", "1234567890123456789.10"),
        ("-1234567890123456789012345678901234567890.123456789", "-1234567890123456789012345678901234567890.123456789"),
        ("1e3", "1000"),
        ("1.50E+1", "15.0"),
        ("1.5e1", "15"),
        ("1.5e3", "1500"),
        ("12e-1", "1.2"),
        ("1e-3", "0.001"),
        ("0e-3", "0.000"),
        ("0e3", "0"),
        ("+7", "7"),
        ("007.50", "7.50"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
    ];
    for (text, want) in cases {
        assert_eq!(plain(text).as_deref(), Some(want), "{text}");
    }
}

#[test]
fn what_is_no_number_or_too_large_is_refused() {
    let digits = "9".repeat(MAX_DIGITS);
    assert_eq!(plain(&digits), Some(digits.clone()));
    let long = format!("{digits}9");
    let zeros = "0".repeat(2 * MAX_DIGITS + 1);
    for text in [
        "",
        "-",
        "+",
        ".",
        "1.",
        "-.",
        "e1",
        "1e",
        "1e+",
        "1e1.5",
        "1,5",
        " 1",
        "1 ",
        "0x1",
        "1_0",
        "NaN",
        "--1",
        "1.2.3",
        "1e401",
        "1e-401",
        "1e1000000000",
        "1e99999999999999999999999",
        "\u{661}",
        &long,
        &zeros,
    ] {
        assert_eq!(plain(text), None, "{text}");
    }
    assert_eq!(plain("1e400").map(|text| text.len()), Some(401));
    assert_eq!(plain("1e-400").map(|text| text.len()), Some(402));
}

#[test]
fn integers_are_whole() {
    let integer = |text: &str| Decimal::parse_bounded(text).and_then(|one| one.to_integer());
    let whole = [
        ("1.0", "1"),
        ("-0.0", "0"),
        ("100", "100"),
        ("1e3", "1000"),
        ("1500e-2", "15"),
        ("0e-5", "0"),
        ("0.000", "0"),
        ("12345678901234567890123.00", "12345678901234567890123"),
    ];
    for (text, want) in whole {
        assert_eq!(integer(text).as_deref(), Some(want), "{text}");
    }
    for text in ["1.5", "0.1", "1e-1", "15e-2", "10e-3", "0.50"] {
        assert_eq!(integer(text), None, "{text}");
    }
    let truncated = |text: &str| Decimal::parse_bounded(text).map(|one| one.truncated());
    for (text, want) in [("1.9", "1"), ("-1.9", "-1"), ("-0.9", "0"), ("1e2", "100"), ("12e-5", "0"), ("199e-2", "1")] {
        assert_eq!(truncated(text).as_deref(), Some(want), "{text}");
    }
}

#[test]
fn rounding_is_half_away_from_zero() {
    let cases = [
        ("1.005", 2, "1.01"),
        ("-1.005", 2, "-1.01"),
        ("1.0049999", 2, "1.00"),
        ("2.5", 0, "3"),
        ("-2.5", 0, "-3"),
        ("0.5", 0, "1"),
        ("0.4", 0, "0"),
        ("-0.4", 0, "0"),
        ("-0.004", 2, "0.00"),
        ("-0.005", 2, "-0.01"),
        ("0.0005", 2, "0.00"),
        ("0.05", 1, "0.1"),
        ("0.005", 1, "0.0"),
        ("0.06", 0, "0"),
        ("0.06", 1, "0.1"),
        ("9.995", 2, "10.00"),
        ("99.5", 0, "100"),
        ("0.95", 1, "1.0"),
        ("1", 2, "1.00"),
        ("0", 2, "0.00"),
        ("-0", 2, "0.00"),
        ("1e3", 2, "1000.00"),
        ("1234567890123456789.125", 2, "1234567890123456789.13"),
    ];
    for (text, decimals, want) in cases {
        let rounded = Decimal::parse_bounded(text).map(|one| one.rounded(decimals));
        assert_eq!(rounded.as_deref(), Some(want), "{text} {decimals}");
    }
}

#[test]
fn numbers_compare_without_being_expanded() {
    let compare = |a: &str, b: &str| Decimal::parse(a).zip(Decimal::parse(b)).map(|(a, b)| a.compare(&b));
    let cases = [
        ("1", "1.00", Ordering::Equal),
        ("-0", "0.0", Ordering::Equal),
        ("1e3", "1000", Ordering::Equal),
        ("100e-2", "1", Ordering::Equal),
        ("9007199254740993", "9007199254740992", Ordering::Greater),
        ("0.1", "0.10000000000000000001", Ordering::Less),
        ("-2", "-1", Ordering::Less),
        ("-1", "1", Ordering::Less),
        ("0", "1", Ordering::Less),
        ("0", "-1", Ordering::Greater),
        ("1e-999999999", "0", Ordering::Greater),
        ("1e1000000000", "1e999999999", Ordering::Greater),
        ("-1e1000000000", "5", Ordering::Less),
        ("0e1000000000", "0", Ordering::Equal),
        ("12", "100", Ordering::Less),
        ("1e99999999999999999999999999", "2", Ordering::Greater),
    ];
    for (a, b, want) in cases {
        assert_eq!(compare(a, b), Some(want), "{a} {b}");
        assert_eq!(compare(b, a), Some(want.reverse()), "{b} {a}");
    }
}

mod fuzz {
    use proptest::prelude::*;

    use super::*;

    fn written(number: i128, scale: usize) -> String {
        let digits = format!("{:0>width$}", number.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let sign = if number < 0 { "-" } else { "" };
        if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }

    proptest! {
        #[test]
        fn agrees_with_integers(a in -(1_i128 << 80)..1 << 80, b in -(1_i128 << 80)..1 << 80, scale in 0_usize..12, decimals in 0_usize..14) {
            let read = |number| Decimal::parse_bounded(&written(number, scale)).expect("a number");
            let one = read(a);
            prop_assert_eq!(one.to_plain(), written(a, scale));
            prop_assert_eq!(one.compare(&read(b)), a.cmp(&b));
            let unit = 10_i128.pow(u32::try_from(scale).expect("small"));
            prop_assert_eq!(one.truncated(), (a / unit).to_string());
            prop_assert_eq!(one.to_integer(), (a % unit == 0).then(|| (a / unit).to_string()));
            let rounded = if decimals >= scale {
                a * 10_i128.pow(u32::try_from(decimals - scale).expect("small"))
            } else {
                let cut = 10_i128.pow(u32::try_from(scale - decimals).expect("small"));
                (a + a.signum() * (cut / 2)) / cut
            };
            prop_assert_eq!(one.rounded(decimals), written(rounded, decimals));
        }

        #[test]
        fn exponents_move_the_point(number in -100_000_i64..100_000, exponent in -30_i32..30) {
            let read = |text: String| Decimal::parse_bounded(&text).expect("a number");
            let scientific = read(format!("{number}e{exponent}"));
            let plain = read(scientific.to_plain());
            prop_assert_eq!(scientific.compare(&plain), Ordering::Equal);
        }

        #[test]
        fn any_text_is_a_number_or_none(text in "[-+.0-9eE]{0,12}|\\PC{0,12}") {
            if let Some(one) = Decimal::parse_bounded(&text) {
                prop_assert!(one.to_plain().len() < 1_000);
                one.rounded(2);
                one.to_integer();
            }
        }
    }
}
