//! That no document and no record takes long.

#![expect(clippy::disallowed_macros, reason = "shows what compiling and mapping cost")]

use std::time::Duration;

use serde_json::{Value, json};

use super::{Mapping, compile, compiled, example, made, made_at_cost, value, with_fields};
use crate::{cost, deep};

/// How long it takes to compile or refuse a document.
fn taken(document: Value) -> Duration {
    deep::run(move || cost::of(|| Mapping::compile(&document)).1)
}

/// Documents of up to 1 MB that would be slow without limits.
fn bombs() -> Vec<(&'static str, Value)> {
    let many =
        |times: usize, field: &dyn Fn(usize) -> Value| with_fields(&json!((0..times).map(field).collect::<Vec<_>>()));
    let nested = |levels: usize| {
        (0..levels).fold(
            json!([{"target": "a", "source": "$"}]),
            |fields, _| json!([{"target": "a", "type": "object", "fields": fields}]),
        )
    };
    let long = "(".repeat(2_000);
    let deep_text = format!("{}record.a{}", "(".repeat(700), ")".repeat(700));
    let alternatives = vec!["record.a == 'xxxxxxxxxxxxxxxx'"; 60].join(" || ");
    let pattern = "$[?match(@.a, '[\\\\p{L}\\\\p{N}]{1,40}[\\\\p{L}]{1,40}x{1,500}')]";
    let constant: serde_json::Map<String, Value> = (0..30_000).map(|n| (format!("{n}.a"), json!(n))).collect();
    let map: serde_json::Map<String, Value> = (0..40_000).map(|n| (format!("k{n}"), json!(n))).collect();
    let members: serde_json::Map<String, Value> = (0..50_000).map(|n| (format!("k{n}"), json!(n))).collect();
    let mut documents = vec![
        ("many fields", many(10_000, &|n| json!({"target": format!("a{n}"), "source": "$.a"}))),
        ("many bad fields", many(20_000, &|_| json!({"x": 1}))),
        ("many strings", with_fields(&json!(vec!["a"; 200_000]))),
        (
            "most fields",
            many(500, &|n| json!({"target": format!("a.b.c.d{n}"), "source": format!("$.{}", "a".repeat(250))})),
        ),
        ("nested fields", with_fields(&nested(40))),
        (
            "long paths",
            many(500, &|n| json!({"target": format!("a{n}"), "source": format!("$[?{}", "(".repeat(1_900))})),
        ),
        ("open brackets", many(500, &|n| json!({"target": format!("a{n}"), "value": 1, "when": long.clone()}))),
        ("parentheses", many(500, &|n| json!({"target": format!("a{n}"), "value": 1, "when": deep_text.clone()}))),
        ("alternatives", many(500, &|n| json!({"target": format!("a{n}"), "value": 1, "when": alternatives.clone()}))),
        ("short expressions", many(500, &|n| json!({"target": format!("a{n}"), "value": 1, "when": "record.a == 1"}))),
        ("patterns", many(500, &|n| json!({"target": format!("a{n}"), "source": pattern, "type": "array"}))),
        (
            "expression patterns",
            many(500, &|n| json!({"target": format!("a{n}"), "value": 1, "when": "record.a.matches('\\\\p{L}{60}')"})),
        ),
        (
            "zones",
            many(
                500,
                &|n| json!({"target": format!("a{n}"), "source": "$.a", "transform": "dateFormat", "options": {"format": "%c%c%c%c%c%c%c%c%c%c", "timezone": "America/Argentina/Buenos_Aires"}}),
            ),
        ),
        (
            "a large lookup",
            many(
                1,
                &|_| json!({"target": "a", "source": "$.a", "transform": "lookup", "options": {"map": map.clone()}}),
            ),
        ),
        ("a large value", many(1, &|_| json!({"target": "a", "value": members.clone(), "type": "object"}))),
        ("unknown members", Value::Object(members.clone())),
        ("a long name", json!({"x".repeat(900_000): 1})),
        ("dotted targets", many(500, &|n| json!({"target": format!("{n}{}", ".a".repeat(900)), "value": 1}))),
    ];
    for (name, part) in [
        ("constants", json!({"static": constant, "fields": [{"target": "a", "value": 1}]})),
        ("keys", json!({"key": vec!["a"; 200_000], "fields": [{"target": "a", "value": 1}]})),
    ] {
        let mut document = example();
        document["transformation"] = part;
        documents.push((name, document));
    }
    documents
}

#[test]
fn every_document_is_answered_at_once() {
    // What is set up once.
    taken(example());
    for (name, document) in bombs() {
        let taken = taken(document);
        println!("{name}: {taken:?}");
        assert!(taken < Duration::from_millis(100), "{name} took {taken:?}");
    }
}

#[test]
fn limits_are_where_they_are_said_to_be() {
    let fields = |count: usize| {
        with_fields(&json!((0..count).map(|n| json!({"target": format!("a{n}"), "source": "$.a"})).collect::<Vec<_>>()))
    };
    // One field is in the transformation.
    assert!(compile(&fields(499)).is_ok());
    assert!(compile(&fields(500)).is_err());
    let expressions = |count: usize| {
        let field = |n| json!({"target": format!("a{n}"), "value": 1, "when": "record.a"});
        with_fields(&json!((0..count).map(field).collect::<Vec<_>>()))
    };
    assert!(compile(&expressions(100)).is_ok());
    assert!(compile(&expressions(101)).is_err());
}

/// A record of seven fields, as they are usual.
fn usual() -> (Mapping, crate::value::Value) {
    let document = with_fields(&json!([
        {"target": "id", "source": "$.id", "type": "string", "required": true},
        {"target": "currency", "source": "$.currency", "type": "string", "default": "USD"},
        {"target": "total", "source": "$.total_price", "type": "decimal", "required": true},
        {"target": "at", "source": "$.updated_at", "type": "datetime"},
        {"target": "customer.email", "source": "$.customer.email", "type": "string"},
        {"target": "customer.name", "source": "$.customer.name"},
        {"target": "count", "source": "$.count", "type": "int"}]));
    let record = value(
        r#"{"id": 5000000000000000001, "updated_at": "2026-01-31T14:00:00+02:00", "a": 1, "b": 2, "c": [1, 2, 3], "d": "x", "e": null,
            "total_price": "1234567890123456789.10", "customer": {"email": "a@example.com", "name": "A"}, "count": 12}"#,
    );
    (compiled(&document), record)
}

#[test]
fn a_usual_record_takes_microseconds() {
    let (mapping, record) = usual();
    let (_, taken) = cost::of(|| {
        for _ in 0..10_000 {
            assert!(mapping.normalize(&record).is_ok());
        }
    });
    let each = taken / 10_000;
    println!("a record of seven fields: {each:?}");
    // Without optimisation; with it, it is a few microseconds.
    assert!(each < Duration::from_micros(500), "{each:?}");
    let mapping = compiled(&example());
    let normalized = value(
        r#"{"orderId":"1","currency":"EUR","total":"10.5","company":"ACME Inc","lines":[{"sku":"A","gift":false},{"sku":"B","gift":true}]}"#,
    );
    let taken = deep::run(move || {
        let thousand = || (0..1_000).all(|_| mapping.transform(&normalized).is_ok());
        let (made, taken) = cost::of(thousand);
        assert!(made);
        taken
    });
    println!("the example's transformation with three evaluations: {:?}", taken / 1_000);
}

#[test]
fn no_record_takes_long() {
    let list = |item: &str, times: usize| format!("[{}]", vec![item; times].join(","));
    let members: String = (0..20_000).map(|n| format!("\"m{n}\":{n},")).collect();
    let text = "x".repeat(200_000);
    let records = [
        format!("{{{members}\"t\":\"{text}\",\"l\":{}}}", list("{\"a\":1,\"b\":[1,2,3]}", 20_000)),
        format!("{{\"t\":\"{text}\",\"l\":{}}}", list(&list("{}", 100), 1_000)),
        format!("{{\"l\":{}{}}}", "[".repeat(120), "]".repeat(120)),
    ];
    let inner =
        json!([{"target": "t", "from": "record", "source": "$.t"}, {"target": "l", "from": "record", "source": "$.l"}]);
    let missing: Vec<Value> =
        (0..100).map(|n| json!({"target": format!("a{n}"), "from": "record", "source": "$.zzz"})).collect();
    let looped = json!([{"target": "m", "from": "record", "source": "$.l", "type": "array", "fields": [{"target": "x", "source": "$.zzz"}]}]);
    let checks: Vec<Value> =
        (0..30).map(|n| json!({"target": format!("a{n}"), "value": 1, "when": "item == 1 || has(item.zzz)"})).collect();
    let list_of =
        |source: &str, fields: Value| json!([{"target": "l", "source": source, "type": "array", "fields": fields}]);
    let mappings = [
        list_of("$.l[*]", inner),
        list_of("$.l[*]", json!(missing)),
        list_of("$.l[*]", looped.clone()),
        list_of("$.l", json!([{"target": "n", "source": "$..*", "type": "array"}])),
        list_of("$..*", json!([{"target": "n", "source": "$..*", "type": "array", "where": "item != 1"}])),
        list_of("$..*", json!(checks)),
        json!(
            (0..400).map(|n| json!({"target": format!("a{n}"), "source": "$..b", "type": "array"})).collect::<Vec<_>>()
        ),
        json!(
            (0..90)
                .map(|n| json!({"target": format!("a{n}"), "source": "$..*", "type": "array", "where": "item != 'x'"}))
                .collect::<Vec<_>>()
        ),
        json!([{"target": "a", "source": "$.l[*]", "type": "array", "where": "item.b.exists(x, x == record.t) || record.m1 == item.a"}]),
    ];
    for fields in &mappings {
        for record in &records {
            let (_, taken) = made_at_cost(fields, record);
            println!("{taken:?}");
            assert!(taken < Duration::from_secs(10), "{fields} took {taken:?}");
        }
    }
}

#[test]
fn what_is_made_can_be_read_again() {
    let deep = |levels: usize| format!("{{\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let plain = json!([{"target": "a", "source": "$.x"}]);
    assert!(value(&made(&plain, &deep(126)).expect("fits")).get("a").is_some());
    let moved = json!([{"target": "a.b", "source": "$.x"}]);
    assert!(made(&moved, &deep(125)).is_ok_and(|made| value(&made).get("a").is_some()));
    assert_eq!(made(&moved, &deep(126)).map_err(|fault| fault.message), Err("nests deeper than 127 levels".into()));
}
