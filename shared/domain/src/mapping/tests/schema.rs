//! The published schema: it takes what is good, and refuses the structure that the compiler refuses.

use serde_json::{Value, json};

use super::{compile, example, with_fields};
use crate::deep;
use crate::mapping::published_schema;

/// Whether the schema takes each document.
fn accepts(documents: Vec<Value>) -> Vec<bool> {
    deep::run(move || {
        let schema = jsonschema::draft202012::new(&published_schema()).expect("a schema");
        documents.iter().map(|document| schema.is_valid(document)).collect()
    })
}

#[test]
fn the_schema_takes_good_documents() {
    let mut rich = example();
    rich["extraction"]["pagination"] =
        json!({"type": "page", "parameter": "page", "sizeParameter": "limit", "size": 100});
    rich["extraction"]["request"]["headers"] = json!({"x-a": "b"});
    rich["normalization"]["fields"] = json!([
        {"target": "o", "type": "object", "fields": [{"target": "a.b", "source": "$.a", "type": "object", "fields": [
            {"target": "c", "source": "$.d[*]", "type": "array", "fields": [{"target": "e", "value": null}]}]}]},
        {"target": "d", "source": "$.d", "transform": "DATEFORMAT", "options": {"format": "%Y", "timezone": "UTC"}},
        {"target": "s", "source": "$.d", "transform": "boolToStatus", "options": {"trueValue": 1, "falseValue": []}},
        {"target": "i", "source": "$.d", "transform": "toInt", "options": {}}]);
    let documents = vec![example(), rich];
    assert!(documents.iter().all(|document| compile(document).is_ok()), "{:?}", compile(&documents[1]).err());
    assert_eq!(accepts(documents), [true, true]);
}

#[test]
fn the_schema_refuses_bad_structure() {
    let field = |more: Value| {
        let mut field = json!({"target": "a"});
        for (name, value) in more.as_object().expect("an object") {
            field[name] = value.clone();
        }
        with_fields(&json!([field]))
    };
    let nested = |levels: usize| {
        (1..levels).fold(
            json!([{"target": "a", "source": "$"}]),
            |fields, _| json!([{"target": "a", "type": "object", "fields": fields}]),
        )
    };
    assert_eq!(accepts(vec![with_fields(&nested(4))]), [true]);
    let mut documents = vec![
        json!([]),
        json!({}),
        with_fields(&json!([])),
        with_fields(&json!([{"source": "$.a"}])),
        with_fields(&nested(5)),
        field(json!({})),
        field(json!({"source": "a"})),
        field(json!({"source": "$.a", "value": 1})),
        field(json!({"value": 1, "from": "record"})),
        field(json!({"value": 1, "default": 1})),
        field(json!({"source": "$.a", "where": "true"})),
        field(json!({"source": "$.a", "type": "object", "where": "true"})),
        field(json!({"source": "$.a", "fields": [{"target": "b", "source": "$"}]})),
        field(json!({"source": "$.a", "type": "array", "fields": []})),
        field(json!({"type": "array", "fields": [{"target": "b", "source": "$"}]})),
        field(json!({"source": "$.a", "type": "array", "transform": "toInt"})),
        field(json!({"source": "$.a", "options": {}})),
        field(json!({"source": "$.a", "typ": "string"})),
        field(json!({"source": "$.a", "type": "text"})),
        field(json!({"source": "$.a", "required": 1})),
        field(json!({"source": "$.a", "from": "item"})),
        field(json!({"source": "$.a", "transform": "toUpper"})),
        field(json!({"source": "$.a", "transform": "toInt", "options": {"a": 1}})),
        field(json!({"source": "$.a", "transform": "formatDecimal"})),
        field(json!({"source": "$.a", "transform": "formatDecimal", "options": {"decimals": -1}})),
        field(json!({"source": "$.a", "transform": "dateFormat", "options": {}})),
        field(json!({"source": "$.a", "transform": "lookup", "options": {"map": {}, "x": 1}})),
        field(json!({"source": "$.a", "transform": "boolToStatus", "options": {"trueValue": 1}})),
        field(json!({"source": format!("$.{}", "a".repeat(255))})),
    ];
    for (pointer, value) in [
        ("/name", json!("")),
        ("/entityType", json!(5)),
        ("/extra", json!(1)),
        ("/extraction", json!({})),
        ("/extraction/sourceId", json!("id")),
        ("/extraction/extra", json!(1)),
        ("/extraction/request/method", json!("PUT")),
        ("/extraction/request/path", json!("//example.com")),
        ("/extraction/pagination", json!({"type": "link", "path": "$.a"})),
        ("/extraction/pagination", json!({"type": "page"})),
        ("/extraction/cursor/type", json!("date")),
        ("/normalization/extra", json!(1)),
        ("/transformation/key", json!("NumAtCard")),
        ("/transformation/static", json!({"a..b": 1})),
        ("/transformation/fields", json!(null)),
    ] {
        let mut document = example();
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        document.pointer_mut(parent).expect("the parent")[name] = value;
        documents.push(document);
    }
    for (document, accepted) in documents.iter().zip(accepts(documents.clone())) {
        assert!(!accepted, "the schema takes {document}");
        assert!(compile(document).is_err(), "the compiler takes {document}");
    }
}
