//! The rules of a field.

use serde_json::json;

use super::{fault, made};

/// Checks what a field makes of records: their JSON, or the fault's message.
fn check(field: serde_json::Value, cases: &[(&str, Result<&str, &str>)]) {
    for (record, want) in cases {
        let made = made(&json!([field.clone()]), record).map_err(|fault| fault.message);
        assert_eq!(made.as_deref().map_err(String::as_str), *want, "{field} of {record}");
    }
}

#[test]
fn missing_is_left_out_and_null_stays() {
    let plain = json!({"target": "a", "source": "$.x"});
    check(
        plain,
        &[
            ("{}", Ok("{}")),
            (r#"{"x":null}"#, Ok(r#"{"a":null}"#)),
            (r#"{"x":""}"#, Ok(r#"{"a":""}"#)),
            (r#"{"x":[1.10,{"b":null}]}"#, Ok(r#"{"a":[1.10,{"b":null}]}"#)),
        ],
    );
    for name in ["string", "int", "decimal", "bool", "datetime", "object", "array"] {
        let field = json!({"target": "a", "source": "$.x", "type": name});
        check(field, &[("{}", Ok("{}")), (r#"{"x":null}"#, Ok(r#"{"a":null}"#))]);
    }
    let options = json!({"map": {"null": 1}});
    let lookup = json!({"target": "a", "source": "$.x", "transform": "lookup", "options": options});
    check(lookup, &[("{}", Ok("{}")), (r#"{"x":null}"#, Ok(r#"{"a":null}"#))]);
}

#[test]
fn a_default_fills_what_is_missing_or_null() {
    let with = |default: serde_json::Value| json!({"target": "a", "source": "$.x", "default": default});
    check(
        with(json!("d")),
        &[("{}", Ok(r#"{"a":"d"}"#)), (r#"{"x":null}"#, Ok(r#"{"a":"d"}"#)), (r#"{"x":""}"#, Ok(r#"{"a":""}"#))],
    );
    check(with(json!(null)), &[("{}", Ok(r#"{"a":null}"#))]);
    check(with(json!(false)), &[("{}", Ok(r#"{"a":false}"#)), (r#"{"x":0}"#, Ok(r#"{"a":0}"#))]);
    // It comes before the type and the transformer.
    let typed = json!({"target": "a", "source": "$.x", "type": "decimal", "default": 1, "transform": "formatDecimal", "options": {"decimals": 1}});
    check(typed, &[("{}", Ok(r#"{"a":"1.0"}"#))]);
    let list = json!({"target": "a", "source": "$.x[*]", "type": "array", "default": [], "fields": [{"target": "b", "source": "$.c", "required": true}]});
    check(list, &[("{}", Ok(r#"{"a":[]}"#)), (r#"{"x":[{"c":1}]}"#, Ok(r#"{"a":[{"b":1}]}"#))]);
}

#[test]
fn required_refuses_missing_null_and_empty() {
    let field = json!({"target": "a", "source": "$.x", "required": true});
    check(
        field,
        &[
            ("{}", Err("is required")),
            (r#"{"x":null}"#, Err("is required")),
            (r#"{"x":""}"#, Err("is required")),
            (r#"{"x":" "}"#, Ok(r#"{"a":" "}"#)),
            (r#"{"x":0}"#, Ok(r#"{"a":0}"#)),
            (r#"{"x":[]}"#, Ok(r#"{"a":[]}"#)),
        ],
    );
    let with_default = json!({"target": "a", "source": "$.x", "required": true, "default": 1});
    check(with_default, &[("{}", Ok(r#"{"a":1}"#)), (r#"{"x":""}"#, Err("is required"))]);
    let list = json!({"target": "a", "source": "$.x[*]", "type": "array", "required": true});
    check(
        list,
        &[("{}", Err("is required")), (r#"{"x":null}"#, Err("is required")), (r#"{"x":[]}"#, Ok(r#"{"a":[]}"#))],
    );
}

#[test]
fn values_are_converted_to_types() {
    let typed = |name: &str| json!({"target": "a", "source": "$.x", "type": name});
    let run = |name: &str, cases: &[(&str, &str)]| {
        for (input, want) in cases {
            let record = format!("{{\"x\":{input}}}");
            check(typed(name), &[(&record, Ok(&format!("{{\"a\":{want}}}")))]);
        }
    };
    run(
        "string",
        &[
            ("1234567890123456789.10", r#""1234567890123456789.10""#),
            ("1e5", r#""1e5""#),
            ("true", r#""true""#),
            (r#""""#, r#""""#),
        ],
    );
    run(
        "int",
        &[
            ("1.0", "1"),
            ("-0", "0"),
            ("1e3", "1000"),
            (r#""42""#, "42"),
            ("12345678901234567890123", "12345678901234567890123"),
            (r#""007""#, "7"),
            (r#""+5.00""#, "5"),
        ],
    );
    run(
        "decimal",
        &[
            ("1234567890123456789.10", r#""1234567890123456789.10""#),
            ("0.10", r#""0.10""#),
            ("1e3", r#""1000""#),
            ("-1.50", r#""-1.50""#),
            (r#""19.90""#, r#""19.90""#),
            ("-0.0", r#""0.0""#),
            (r#"".5""#, r#""0.5""#),
            ("1.5E-2", r#""0.015""#),
        ],
    );
    run(
        "bool",
        &[("true", "true"), (r#""YES""#, "true"), ("0", "false"), (r#""n""#, "false"), (r#""False""#, "false")],
    );
    run(
        "datetime",
        &[
            (r#""2026-01-31T12:00:00Z""#, r#""2026-01-31T12:00:00.000Z""#),
            (r#""2026-01-31T12:00:00""#, r#""2026-01-31T12:00:00.000Z""#),
            (r#""2026-01-31 12:00:00""#, r#""2026-01-31T12:00:00.000Z""#),
            (r#""2026-01-31T12:00:00.123999-05:00""#, r#""2026-01-31T17:00:00.123Z""#),
            (r#""2026-01-31T23:30:00+0200""#, r#""2026-01-31T21:30:00.000Z""#),
            (r#""2026-01-31""#, r#""2026-01-31T00:00:00.000Z""#),
            (r#""2026-01-31T12:00""#, r#""2026-01-31T12:00:00.000Z""#),
            (r#""20260131""#, r#""2026-01-31T00:00:00.000Z""#),
            (r#""20260131T120000Z""#, r#""2026-01-31T12:00:00.000Z""#),
            (r#""1969-12-31T23:59:59.9999Z""#, r#""1969-12-31T23:59:59.999Z""#),
            (r#""0000-01-01""#, r#""0000-01-01T00:00:00.000Z""#),
        ],
    );
    run("array", &[("[1,{}]", "[1,{}]"), ("[]", "[]")]);
    run("object", &[(r#"{"b":1.0}"#, r#"{"b":1.0}"#)]);
}

#[test]
fn what_does_not_fit_its_type_is_a_fault() {
    let cases: [(&str, &[&str], &str); 7] = [
        ("string", &["[]", "{}"], "is no single value"),
        ("int", &["1.5", r#""""#, r#""a""#, r#"" 1""#, "true", "[1]", "1e-1", "1e401", r#""1,000""#], "is no integer"),
        (
            "decimal",
            &[r#""""#, r#""1,5""#, r#""1.""#, "false", "{}", "1e401", r#""1e1000000000""#, r#""NaN""#],
            "is no decimal number",
        ),
        ("bool", &[r#""""#, "2", r#""on""#, "[]", "1.0", r#""yes ""#], "is neither true nor false"),
        (
            "datetime",
            &[
                r#""""#,
                "20260131",
                r#""31.01.2026""#,
                r#""2026-02-30""#,
                r#""2026-01-31T25:00:00Z""#,
                r#""2026-W05""#,
                r#""now""#,
                r#""2026-01-31T12:00:00[Europe/Berlin]""#,
                r#""-000001-01-01""#,
                r#""12:00:00""#,
                r#""9999-12-31T23:59:59-23:00""#,
            ],
            "is no date or time",
        ),
        ("array", &["{}", r#""""#, "1"], "is no array"),
        ("object", &["[]", r#""a""#, "1"], "is no object"),
    ];
    for (name, values, message) in cases {
        for input in values {
            let fault = fault(&json!([{"target": "a", "source": "$.x", "type": name}]), &format!("{{\"x\":{input}}}"));
            assert_eq!((fault.message.as_str(), fault.value.as_str()), (message, *input), "{name} of {input}");
        }
    }
}

#[test]
fn nested_fields_are_about_items() {
    let fields = json!([
        {"target": "currency", "source": "$.cur"},
        {"target": "lines", "source": "$.l[*]", "type": "array", "where": "item.qty > 0 && record.cur == 'EUR'", "fields": [
            {"target": "sku", "source": "$.sku"},
            {"target": "money.cur", "from": "record", "source": "$.cur"},
            {"target": "money.net", "source": "$.net", "type": "decimal"},
            {"target": "tags", "source": "$.t[*]", "type": "array", "where": "item.n != record.skip", "fields": [
                {"target": "n", "source": "$.n"}, {"target": "who", "value": "x", "when": "item.n > 1"}]},
            {"target": "self", "source": "$.sku", "when": "item.qty == 2"}]},
        {"target": "whole", "type": "object", "fields": [{"target": "c", "source": "$.cur"}]},
        {"target": "first", "source": "$.l[0]", "type": "object", "fields": [{"target": "s", "source": "$.sku"}]},
        {"target": "skus", "source": "$.l[*].sku", "type": "array"}]);
    let record = r#"{"cur":"EUR","skip":1,"l":[
        {"sku":"A","qty":1,"net":1.10,"t":[{"n":1},{"n":2}]},{"sku":"B","qty":0},{"sku":"C","qty":2,"t":[]},{"qty":3,"t":null}]}"#;
    assert_eq!(
        made(&fields, record).expect("fits"),
        r#"{"currency":"EUR","lines":[{"sku":"A","money":{"cur":"EUR","net":"1.10"},"tags":[{"n":2,"who":"x"}]},{"sku":"C","money":{"cur":"EUR"},"tags":[],"self":"C"},{"money":{"cur":"EUR"},"tags":null}],"whole":{"c":"EUR"},"first":{"s":"A"},"skus":["A","B","C"]}"#
    );
}

#[test]
fn lists_come_from_arrays_and_nodes() {
    let list = |source: &str| json!({"target": "a", "source": source, "type": "array"});
    check(
        list("$.x[*]"),
        &[
            ("{}", Ok("{}")),
            (r#"{"x":[]}"#, Ok(r#"{"a":[]}"#)),
            (r#"{"x":[1,null]}"#, Ok(r#"{"a":[1,null]}"#)),
            (r#"{"x":{"b":1}}"#, Ok(r#"{"a":[1]}"#)),
            (r#"{"x":"b"}"#, Err("is no array")),
            (r#"{"x":1}"#, Err("is no array")),
        ],
    );
    check(list("$.x"), &[(r#"{"x":[1,[2]]}"#, Ok(r#"{"a":[1,[2]]}"#)), (r#"{"x":{"b":1}}"#, Err("is no array"))]);
    check(list("$..b"), &[("{}", Ok(r#"{"a":[]}"#)), (r#"{"b":1,"c":{"b":2}}"#, Ok(r#"{"a":[1,2]}"#))]);
    check(list("$.x[?@.b > 1].b"), &[(r#"{"x":[{"b":1},{"b":2}]}"#, Ok(r#"{"a":[2]}"#)), ("{}", Ok("{}"))]);
    let nested = json!({"target": "a", "source": "$.x", "type": "array", "fields": [{"target": "b", "source": "$"}]});
    check(nested, &[(r#"{"x":[1,null,{"c":2}]}"#, Ok(r#"{"a":[{"b":1},null,{"b":{"c":2}}]}"#))]);
}

#[test]
fn the_first_field_whose_condition_holds_wins() {
    let fields = json!([
        {"target": "a", "source": "$.x", "when": "has(record.x)"},
        {"target": "b", "value": 1},
        {"target": "a", "source": "$.y", "when": "record.kind == 'y'"},
        {"target": "a", "value": "else"}]);
    for (record, want) in [
        (r#"{"x":1,"kind":"y"}"#, r#"{"a":1,"b":1}"#),
        (r#"{"x":null,"kind":"y"}"#, r#"{"a":null,"b":1}"#),
        (r#"{"y":2,"kind":"y"}"#, r#"{"a":2,"b":1}"#),
        // It wins, though it has nothing.
        (r#"{"kind":"y"}"#, r#"{"b":1}"#),
        (r#"{"kind":"z"}"#, r#"{"a":"else","b":1}"#),
    ] {
        assert_eq!(made(&fields, record).as_deref(), Ok(want), "{record}");
    }
    let none = json!([{"target": "a", "value": 1, "when": "record.x == 1"}, {"target": "a", "value": 2, "when": "item.x == 2"}]);
    assert_eq!(made(&none, r#"{"x":3}"#).as_deref(), Ok("{}"));
    assert_eq!(made(&none, r#"{"x":2}"#).as_deref(), Ok(r#"{"a":2}"#));
}

#[test]
fn conditions_see_numbers_and_errors_are_faults() {
    let holds = |when: &str, record: &str| {
        made(&json!([{"target": "a", "value": 1, "when": when}]), record).map_err(|fault| fault.message)
    };
    let yes = Ok("{\"a\":1}".to_owned());
    for (when, record) in [
        ("record.n == 9223372036854775807", r#"{"n":9223372036854775807}"#),
        ("record.n > 9223372036854775807.0", r#"{"n":92233720368547758080}"#),
        ("record.n == 1.5 && type(record.n) == double", r#"{"n":1.5}"#),
        ("type(record.n) == int && record.n == -5", r#"{"n":-5}"#),
        ("type(record.n) == double && record.n == 1", r#"{"n":1.0}"#),
        ("size(record) == 2 && record['b c'] == null", r#"{"n":1,"b c":null}"#),
        ("record.l.exists(l, l.s == record.k)", r#"{"k":"x","l":[{"s":"y"},{"s":"x"}]}"#),
        ("'n' in record && !('m' in record)", r#"{"n":1}"#),
        ("record == item", r#"{"n":1}"#),
        ("true", "5"),
    ] {
        assert_eq!(holds(when, record), yes, "{when}");
    }
    for (when, record, want) in [
        ("record.n == 1", "{}", "when: No such key: n"),
        ("record.n", r#"{"n":"x"}"#, "when: gives string and not true or false"),
        ("record.n > 1", r#"{"n":"x"}"#, "when: "),
        ("record.n / 0 == 1", r#"{"n":1}"#, "when: "),
        ("record.n", "5", "when: "),
    ] {
        let error = holds(when, record).expect_err(when);
        assert!(error.starts_with(want) && error.chars().count() < 250, "{when}: {error}");
    }
}

#[test]
fn faults_name_the_field_and_the_value() {
    let fields = json!([
        {"target": "lines", "source": "$.l[*]", "type": "array", "where": "item.ok", "fields": [
            {"target": "sku", "source": "$.sku", "type": "string", "required": true},
            {"target": "a.b", "source": "$.n", "type": "int"},
            {"target": "deep", "source": "$.d", "type": "object", "fields": [
                {"target": "t", "source": "$.t[*]", "type": "array", "fields": [{"target": "when", "source": "$", "type": "datetime"}]}]},
            {"target": "c", "value": 1, "when": "item.c == record.c"}]}]);
    let good = r#"{"ok":true,"sku":"A","c":1}"#;
    let at = |item: &str| {
        let fault = fault(&fields, &format!(r#"{{"c":1,"l":[{good},{{"ok":false}},{item}]}}"#));
        (fault.field, fault.value, fault.message)
    };
    let want = |field: &str, value: &str, message: &str| (field.to_owned(), value.to_owned(), message.to_owned());
    assert_eq!(at(r#"{"ok":true}"#), want("lines[2].sku", "", "is required"));
    assert_eq!(at(r#"{"ok":true,"sku":""}"#), want("lines[2].sku", "\"\"", "is required"));
    assert_eq!(at(r#"{"ok":true,"sku":"A","n":1.50}"#), want("lines[2].a.b", "1.50", "is no integer"));
    let deep = r#"{"ok":true,"sku":"A","d":{"t":["2026-01-01","soon"]}}"#;
    assert_eq!(at(deep), want("lines[2].deep.t[1].when", "\"soon\"", "is no date or time"));
    assert_eq!(at(r#"{"ok":1}"#), want("lines[2]", r#"{"ok":1}"#, "where: gives int and not true or false"));
    assert_eq!(at("null").0, "lines[2]");
    let (field, _, message) = at(r#"{"ok":true,"sku":"A"}"#);
    assert_eq!((field.as_str(), message.as_str()), ("lines[2].c", "when: No such key: c"));

    let long = format!("{{\"x\":\"{}\"}}", "\u{e9}".repeat(500));
    let fault = fault(&json!([{"target": "a", "source": "$.x", "type": "int"}]), &long);
    assert!(fault.value.len() <= 204 && fault.value.ends_with('\u{2026}'), "{}", fault.value);
    assert_eq!(fault.to_string(), format!("a: is no integer: {}", fault.value));
}

#[test]
fn a_value_of_the_record_that_is_missing_fails_each_item() {
    let fields = json!([{"target": "a", "source": "$.l[*]", "type": "array", "where": "item.x == record.y"}]);
    let fault = fault(&fields, r#"{"l":[{"x":1}]}"#);
    assert_eq!(fault.message, "where: a value of the record is missing, no single value, or longer than 1024 bytes");
    assert_eq!(made(&fields, r#"{"l":[],"x":1}"#).as_deref(), Ok(r#"{"a":[]}"#));
    assert_eq!(made(&fields, r#"{"l":[{"x":1},{"x":2}],"y":2}"#).as_deref(), Ok(r#"{"a":[{"x":2}]}"#));
}

#[test]
fn dotted_targets_make_objects() {
    let fields = json!([
        {"target": "a.b.c", "source": "$.x"}, {"target": "d", "value": null}, {"target": "a.b.e", "value": {"f": 1.5}}, {"target": "a.g", "source": "$.y"}]);
    assert_eq!(made(&fields, r#"{"x":1}"#).as_deref(), Ok(r#"{"a":{"b":{"c":1,"e":{"f":1.5}}},"d":null}"#));
    assert_eq!(made(&fields, r#"{"y":null}"#).as_deref(), Ok(r#"{"d":null,"a":{"b":{"e":{"f":1.5}},"g":null}}"#));
}
