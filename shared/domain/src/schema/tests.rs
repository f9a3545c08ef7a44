//! Which schemas are taken, and what they say about payloads.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{cost, deep};

fn compile(schema: &Value) -> Result<Schema, Vec<Fault>> {
    let schema = schema.clone();
    deep::run(move || Schema::compile(&schema))
}

fn faults(schema: &Value, payload: &Value) -> Vec<Fault> {
    let (schema, payload) = (compile(schema).expect("compiles"), payload.to_string());
    deep::run(move || schema.faults(&payload))
}

fn pointers(faults: &[Fault]) -> Vec<&str> {
    faults.iter().map(|fault| fault.pointer.as_str()).collect()
}

#[test]
fn payloads_are_checked_and_each_fault_pointed_at() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.com/order",
        "type": "object", "required": ["total"],
        "properties": {
            "total": {"type": "number", "minimum": 0},
            "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
            "a/b": {"$ref": "https://example.com/order#text"},
        },
        "$defs": {
            "line": {"type": "object", "properties": {"sku": {"type": "string", "pattern": "^[A-Z]+-[0-9]+$"}}},
            "text": {"$anchor": "text", "type": "string"},
        },
    });
    assert_eq!(faults(&schema, &json!({"total": 1, "lines": [{"sku": "A-1"}], "a/b": "x"})), []);
    let found = faults(&schema, &json!({"total": -1, "lines": [{"sku": "A-1"}, {"sku": "secret"}], "a/b": 1}));
    let mut at = pointers(&found);
    at.sort_unstable();
    assert_eq!(at, ["/a~1b", "/lines/1/sku", "/total"]);
    assert!(found.iter().all(|fault| !fault.message.contains("secret")), "{found:?}");
    assert_eq!(pointers(&faults(&schema, &json!({}))), [""]);
    assert_eq!(faults(&json!(true), &json!({})), []);
    assert_eq!(pointers(&faults(&json!(false), &json!({}))), [""]);
    let many: Vec<i32> = (0..100).collect();
    assert_eq!(
        faults(&json!({"properties": {"n": {"items": {"type": "string"}}}}), &json!({"n": many})).len(),
        MAX_FAULTS
    );
}

#[test]
fn a_schema_may_be_as_large_as_its_limits() {
    let described = |bytes: usize| json!({"description": "x".repeat(bytes - r#"{"description":""}"#.len())});
    assert!(compile(&described(MAX_SCHEMA_BYTES)).is_ok());
    assert_eq!(
        compile(&described(MAX_SCHEMA_BYTES + 1)).expect_err("too large")[0].message,
        "a schema may take 65536 bytes"
    );
    assert!(compile(&json!({"pattern": "^[A-Z]{2}[0-9]{2}([A-Z0-9]{4}){1,7}[\\\\w ]{0,40}$"})).is_ok());
    // Each part weighs one, and so do sixteen values.
    let parts = |number: usize| json!({"allOf": vec![true; number]});
    let values = |number: usize| json!({"enum": (0..number).collect::<Vec<_>>()});
    for (fits, too_much) in [(parts(199), parts(200)), (values(199 * 16 + 15), values(200 * 16))] {
        assert!(compile(&fits).is_ok());
        let faults = compile(&too_much).expect_err("too heavy");
        assert_eq!(faults[0].message, "more than 200 of its parts may look at one place, 0 levels down");
    }
}

#[test]
fn references_in_lists_are_pointed_at() {
    let faults = compile(&json!({"allOf": [true, {"$ref": "https://example.com/schema"}]})).expect_err("refused");
    assert_eq!(pointers(&faults), ["/allOf/1/$ref"]);
    assert_eq!(format!("{:?}", compile(&json!({"title": "x"})).expect("compiles")), "Schema { .. }");
}

#[test]
fn a_tree_may_refer_to_itself() {
    let tree = json!({
        "type": "object",
        "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#"}}},
    });
    assert_eq!(faults(&tree, &json!({"name": "a", "children": [{"name": "b", "children": []}]})), []);
    let deep = (0..60).fold(json!({"name": 1}), |below, _| json!({"children": [below]}));
    assert_eq!(faults(&tree, &deep).len(), 1);
}

#[test]
fn bad_schemas_are_refused_with_a_pointer() {
    let doubling = (0..40).fold(json!({"n40": {"type": "string"}}), |mut all, n| {
        let next = format!("#/$defs/n{}", n + 1);
        all[format!("n{n}")] = json!({"allOf": [{"$ref": next}, {"$ref": next}]});
        all
    });
    let cases = [
        (json!({"type": "nothing"}), "/type"),
        (json!(7), ""),
        (json!({"properties": {"a": {"minimum": "x"}}}), "/properties/a/minimum"),
        (json!({"properties": {"a": {"$ref": "https://example.com/other"}}}), "/properties/a/$ref"),
        (json!({"$ref": "file:///etc/passwd"}), "/$ref"),
        (json!({"$ref": "other.json"}), "/$ref"),
        (json!({"$id": "https://example.com/a/b", "$ref": "c"}), "/$ref"),
        (json!({"$ref": "#/$defs/missing"}), "/$ref"),
        (json!({"$ref": "#missing"}), "/$ref"),
        (json!({"$dynamicRef": "http://169.254.169.254/#x"}), "/$dynamicRef"),
        (json!({"$schema": "http://json-schema.org/draft-07/schema#"}), "/$schema"),
        (json!({"$schema": "https://example.com/meta"}), "/$schema"),
        (json!({"$defs": {"a": {"$id": "https://example.com/a"}}}), "/$defs/a/$id"),
        (json!({"$ref": "#"}), ""),
        (json!({"allOf": [{"$ref": "#/allOf/0"}]}), ""),
        (json!({"$ref": "#/$defs/n0", "$defs": doubling}), ""),
        (json!({"allOf": [{"properties": {"a": {"$ref": "#"}}}, {"properties": {"a": {"$ref": "#"}}}]}), ""),
        (json!({"enum": vec![1; 40_000]}), ""),
        ((0..30).fold(json!({}), |inner, _| json!({"anyOf": [inner, {"type": "null"}]})), ""),
        (json!({"items": {"anyOf": vec![json!({"const": 1}); 120]}}), ""),
    ];
    for (schema, pointer) in cases {
        let shown: String = schema.to_string().chars().take(100).collect();
        let found = compile(&schema).expect_err(&shown);
        assert_eq!(pointers(&found)[0], pointer, "{shown}: {found:?}");
    }
    for pattern in ["(", "(?=x)", "(a)\\1", "((x{100}){100}){100}"] {
        let found = compile(&json!({"properties": {"a": {"pattern": pattern}}})).expect_err(pattern);
        assert_eq!(pointers(&found), ["/properties/a/pattern"], "{pattern}: {found:?}");
    }
}

#[test]
fn no_accepted_schema_takes_for_ever() {
    // Doubles as it is written out, but any one place is looked at once.
    let wide = (0..60).fold(json!({"n60": {"type": "string"}}), |mut all, n| {
        let next = json!({"$ref": format!("#/$defs/n{}", n + 1)});
        all[format!("n{n}")] = json!({"properties": {"a": next, "b": next}});
        all
    });
    let nested = (0..5).fold(json!({"type": "string"}), |inner, _| json!({"anyOf": [inner, {"type": "null"}]}));
    let schemas = [
        json!({"$ref": "#/$defs/n0", "$defs": wide}),
        nested.clone(),
        json!({"properties": {"a": {"items": nested}}}),
        json!({"properties": {"a": {"uniqueItems": true}}}),
        json!({"properties": {"a": {"items": {"pattern": "^(x+x+)+y$"}}}}),
        json!({"allOf": [{"properties": {"b": true}}], "unevaluatedProperties": {"uniqueItems": true}}),
        json!({"additionalProperties": {"contains": {"const": 1}, "items": {"enum": (0..1_000).collect::<Vec<i32>>()}}}),
        json!({"$ref": "https://json-schema.org/draft/2020-12/schema"}),
    ];
    let fill = |unit: &str| format!("{{\"a\":[{}]}}", vec![unit; 256 * 1024 / (unit.len() + 1)].join(","));
    let text = "x".repeat(250_000);
    let distinct: Vec<String> = (0..20_000).map(|n| format!("{{\"k\":{n}}}")).collect();
    let payloads = [fill("0"), fill("{}"), fill("[0,1]"), fill(&text), format!("{{\"a\":[{}]}}", distinct.join(","))];
    for schema in schemas {
        for payload in &payloads {
            let (compiled, payload) = (compile(&schema).expect("compiles"), payload.clone());
            let taken = deep::run(move || cost::of(|| compiled.faults(&payload)).1);
            // Milliseconds; what this is about would take hours.
            let shown: String = schema.to_string().chars().take(100).collect();
            assert!(taken < Duration::from_secs(20), "{shown}");
        }
    }
}

#[test]
fn deep_payloads_need_no_more_stack_than_there_is() {
    let chain = (0..90).fold(json!({"n90": {"properties": {"a": {"$ref": "#"}}}}), |mut all, n| {
        all[format!("n{n}")] = json!({"allOf": [{"$ref": format!("#/$defs/n{}", n + 1)}]});
        all
    });
    let schema = json!({"$ref": "#/$defs/n50", "$defs": chain});
    let payload = (0..120).fold(json!({"a": 1}), |below, _| json!({"a": below}));
    assert_eq!(faults(&schema, &payload), []);
    let too_deep = format!("{{\"a\":{}{}}}", "[".repeat(1_000), "]".repeat(1_000));
    let compiled = compile(&json!({"type": "object"})).expect("compiles");
    assert_eq!(pointers(&compiled.faults(&too_deep)), [""]);
}
