//! Each transformer at its edges.

use serde_json::{Value, json};

use super::{fault, made};

fn run(name: &str, options: Value, input: &str) -> Result<String, String> {
    let mut field = json!({"target": "a", "source": "$.x", "transform": name});
    if !options.is_null() {
        field["options"] = options;
    }
    let made = made(&json!([field]), &format!("{{\"x\":{input}}}")).map_err(|fault| fault.message)?;
    let inner = made.strip_prefix("{\"a\":").and_then(|rest| rest.strip_suffix('}'));
    Ok(inner.expect("one field").to_owned())
}

fn check(name: &str, options: Value, cases: &[(&str, &str)]) {
    for (input, want) in cases {
        assert_eq!(run(name, options.clone(), input).as_deref(), Ok(*want), "{name} of {input}");
    }
}

fn refused(name: &str, options: Value, inputs: &[&str]) {
    for input in inputs {
        assert!(run(name, options.clone(), input).is_err(), "{name} of {input}");
    }
}

#[test]
fn conversions() {
    check("toString", Value::Null, &[("1.50", "\"1.50\""), ("true", "\"true\""), ("\"a\"", "\"a\""), ("null", "null")]);
    refused("toString", Value::Null, &["[]", "{}"]);
    check(
        "toInt",
        json!({}),
        &[
            ("1.9", "1"),
            ("-1.9", "-1"),
            ("\"12.99\"", "12"),
            ("-0.5", "0"),
            ("1e2", "100"),
            ("123456789012345678901.5", "123456789012345678901"),
        ],
    );
    refused("toInt", Value::Null, &["\"\"", "\"a\"", "true", "[]", "1e1000000000"]);
    check("toDecimal", Value::Null, &[("1.90", "\"1.90\""), ("\"1e2\"", "\"100\""), ("-0", "\"0\"")]);
    refused("toDecimal", Value::Null, &["\"x\"", "true", "{}"]);
}

#[test]
fn booleans() {
    for (words, want) in [(["true", "1", "yes", "y"], "true"), (["false", "0", "no", "n"], "false")] {
        for word in words {
            check(
                "toBool",
                Value::Null,
                &[(&format!("\"{word}\""), want), (&format!("\"{}\"", word.to_uppercase()), want)],
            );
        }
    }
    check("TOBOOL", Value::Null, &[("true", "true"), ("false", "false"), ("1", "true"), ("0", "false")]);
    refused("toBool", Value::Null, &["\"\"", "\"ja\"", "2", "1.0", "[]", "\"t\""]);
    check(
        "sapYesNo",
        Value::Null,
        &[("\"tYES\"", "true"), ("\"Y\"", "true"), ("\"tNO\"", "false"), ("\"N\"", "false"), ("null", "null")],
    );
    refused("sapYesNo", Value::Null, &["\"yes\"", "\"\"", "true", "1", "\"tyes\""]);
    let options = json!({"trueValue": "open", "falseValue": 0});
    check("boolToStatus", options.clone(), &[("true", "\"open\""), ("\"no\"", "0"), ("1", "\"open\"")]);
    refused("boolToStatus", options, &["\"open\"", "5", "[]"]);
}

#[test]
fn format_decimal_rounds_half_away_from_zero() {
    check(
        "formatDecimal",
        json!({"decimals": 2}),
        &[
            ("1.005", "\"1.01\""),
            ("-1.005", "\"-1.01\""),
            ("\"-0.004\"", "\"0.00\""),
            ("-0.005", "\"-0.01\""),
            ("-0", "\"0.00\""),
            ("2.675", "\"2.68\""),
            ("1e3", "\"1000.00\""),
            ("1234567890123456789.10", "\"1234567890123456789.10\""),
            ("9007199254740993.015", "\"9007199254740993.02\""),
            ("99999999999999999999.995", "\"100000000000000000000.00\""),
        ],
    );
    check("formatDecimal", json!({"decimals": 0}), &[("0.5", "\"1\""), ("-0.4", "\"0\""), ("1.5", "\"2\"")]);
    check("formatDecimal", json!({"decimals": 30}), &[("1", "\"1.000000000000000000000000000000\"")]);
    refused("formatDecimal", json!({"decimals": 2}), &["\"\"", "\"1,5\"", "true", "1e500"]);
}

#[test]
fn date_format_knows_zones() {
    let berlin = json!({"format": "%d.%m.%Y %H:%M", "timezone": "Europe/Berlin"});
    check(
        "dateFormat",
        berlin.clone(),
        &[
            ("\"2026-01-31T23:30:00Z\"", "\"01.02.2026 00:30\""),
            ("\"2026-07-31T23:30:00Z\"", "\"01.08.2026 01:30\""),
            ("\"2026-01-31\"", "\"31.01.2026 01:00\""),
            ("null", "null"),
        ],
    );
    check("dateFormat", json!({"format": "%Y%m%d"}), &[("\"2026-01-31T23:30:00-02:00\"", "\"20260201\"")]);
    check(
        "dateFormat",
        json!({"format": "%Y-%m-%dT%H:%M:%S%:z", "timezone": "America/New_York"}),
        &[("\"2026-01-31T12:00:00Z\"", "\"2026-01-31T07:00:00-05:00\"")],
    );
    refused("dateFormat", berlin, &["\"soon\"", "20260131", "true"]);
}

#[test]
fn lookups_find_texts() {
    let map = json!({"map": {"a": "A", "5": {"five": true}, "true": null}});
    check(
        "lookup",
        map.clone(),
        &[("\"a\"", "\"A\""), ("5", "{\"five\":true}"), ("\"5\"", "{\"five\":true}"), ("true", "null")],
    );
    let options = json!({"map": {"a": "A"}, "default": null});
    check("Lookup", options, &[("\"b\"", "null"), ("\"A\"", "null"), ("5.0", "null")]);
    refused("lookup", map.clone(), &["\"b\"", "\"\"", "[]"]);
    let fault =
        fault(&json!([{"target": "a", "source": "$.x", "transform": "lookup", "options": map}]), "{\"x\":\"b\"}");
    assert_eq!((fault.field.as_str(), fault.value.as_str()), ("a", "\"b\""));
    assert_eq!(fault.message, "is not in the lookup's map, which has no default");
}

#[test]
fn constants_and_defaults_pass_through_as_well() {
    let field = json!({"target": "a", "value": "2026-01-31", "type": "datetime", "transform": "dateFormat", "options": {"format": "%Y"}});
    assert_eq!(made(&json!([field]), "{}").as_deref(), Ok("{\"a\":\"2026\"}"));
    let field = json!({"target": "a", "source": "$.x", "default": "N", "transform": "sapYesNo"});
    assert_eq!(made(&json!([field]), "{}").as_deref(), Ok("{\"a\":false}"));
    // First the type, then the transformer.
    let field = json!({"target": "a", "source": "$.x", "type": "bool", "transform": "boolToStatus", "options": {"trueValue": "open", "falseValue": "closed"}});
    assert_eq!(made(&json!([field]), "{\"x\":\"Y\"}").as_deref(), Ok("{\"a\":\"open\"}"));
}
