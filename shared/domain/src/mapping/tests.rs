//! Mappings: the document of the contract, and what each of its rules says.

mod fuzz;
mod limits;
mod refusals;
mod rules;
mod schema;
mod transformers;

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{cost, deep};

/// The document of the contract.
fn example() -> serde_json::Value {
    json!({"name": "shopify-order-to-sap-sales-order", "entityType": "order",
    "extraction": {"request": {"method": "GET", "path": "/orders.json", "query": {"status": "any"}},
      "records": "$.orders[*]", "sourceId": "$.id", "pagination": {"type": "link"},
      "cursor": {"column": "$.updated_at", "type": "datetime", "parameter": "updated_at_min", "overlapSeconds": 1}},
    "normalization": {"fields": [
      {"target": "orderId", "source": "$.id", "type": "string", "required": true},
      {"target": "currency", "source": "$.currency", "type": "string", "default": "USD"},
      {"target": "total", "source": "$.total_price", "type": "decimal", "required": true},
      {"target": "lines", "source": "$.line_items[*]", "type": "array", "required": true, "fields": [
        {"target": "sku", "source": "$.sku", "type": "string", "required": true},
        {"target": "gift", "source": "$.gift_card", "type": "bool", "default": false}]}]},
    "transformation": {"key": ["NumAtCard"], "static": {"DocType": "dDocument_Items"}, "fields": [
      {"target": "NumAtCard", "source": "$.orderId"},
      {"target": "CardCode", "source": "$.company", "when": "has(record.company) && record.company != null",
       "transform": "lookup", "options": {"map": {"ACME Inc": "C20000"}, "default": "C99999"}},
      {"target": "CardCode", "value": "C-WEB"},
      {"target": "DocTotal", "source": "$.total", "transform": "formatDecimal", "options": {"decimals": 2}},
      {"target": "AddressExtension.BillToEmail", "source": "$.email"},
      {"target": "DocumentLines", "source": "$.lines[*]", "type": "array", "where": "!item.gift", "fields": [
        {"target": "ItemCode", "source": "$.sku"}, {"target": "Currency", "from": "record", "source": "$.currency"}]}]}})
}

/// Compiles a document as its callers do.
fn compile(document: &serde_json::Value) -> Result<Mapping, Vec<MappingFault>> {
    let document = document.clone();
    deep::run(move || Mapping::compile(&document))
}

fn compiled(document: &serde_json::Value) -> Mapping {
    compile(document).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn value(json: &str) -> Value {
    Value::parse(json.as_bytes()).unwrap_or_else(|error| panic!("{error}: {json:.200}"))
}

/// A document with these fields in its normalization.
fn with_fields(fields: &serde_json::Value) -> serde_json::Value {
    json!({"name": "m", "entityType": "e", "extraction": {"sourceId": "$.id"}, "normalization": {"fields": fields},
        "transformation": {"fields": [{"target": "all", "source": "$"}]}})
}

/// What these fields make of a record: its JSON, or the fault.
fn made(fields: &serde_json::Value, record: &str) -> Result<String, RecordFault> {
    made_at_cost(fields, record).0
}

/// Also the processor time that it took.
fn made_at_cost(fields: &serde_json::Value, record: &str) -> (Result<String, RecordFault>, Duration) {
    let (document, record) = (with_fields(fields), value(record));
    deep::run(move || {
        cost::of(|| {
            let mapping = Mapping::compile(&document).unwrap_or_else(|faults| panic!("{document}: {faults:?}"));
            mapping.normalize(&record).map(|value| value.to_json())
        })
    })
}

fn fault(fields: &serde_json::Value, record: &str) -> RecordFault {
    made(fields, record).map_or_else(|fault| fault, |value| panic!("{value}"))
}

#[test]
fn a_document_is_written_as_it_was_read() {
    let document: document::Document = serde_json::from_value(example()).expect("a document");
    assert_eq!(document.normalization.fields[1].default, Some(json!("USD")));
    let written = serde_json::to_value(&document).expect("JSON");
    assert_eq!(serde_json::from_value::<document::Document>(written.clone()).ok(), Some(document));
    assert!(compile(&written).is_ok());
    let null: document::Field = serde_json::from_value(json!({"target": "a", "value": null})).expect("a field");
    assert_eq!((null.value, null.default), (Some(serde_json::Value::Null), None));
}

#[test]
fn a_mapping_is_shared_among_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&compiled(&example()));
}

#[test]
fn an_order_is_read_normalized_and_transformed() {
    let mapping = compiled(&example());
    let page = value(
        r#"{"orders": [{"id": 5000000000000000001, "updated_at": "2026-01-31T14:00:00.5+02:00",
            "total_price": 1234567890123456789.10, "email": "a@example.com",
            "line_items": [{"sku": "A-1"}, {"sku": "G-1", "gift_card": true}, {"sku": "B-2", "gift_card": null}]}]}"#,
    );
    let records = mapping.records(&page).expect("records");
    let [order] = records[..] else { panic!("{records:?}") };
    assert_eq!(mapping.source_id(order).as_deref(), Ok("5000000000000000001"));
    assert_eq!(mapping.cursor_value(order).as_deref(), Some("2026-01-31T12:00:00.500Z"));
    let normalized = mapping.normalize(order).expect("fits");
    assert_eq!(
        normalized.to_json(),
        r#"{"orderId":"5000000000000000001","currency":"USD","total":"1234567890123456789.10","lines":[{"sku":"A-1","gift":false},{"sku":"G-1","gift":true},{"sku":"B-2","gift":false}]}"#
    );
    let (transformed, mapping) = deep::run(move || (mapping.transform(&normalized).expect("fits"), mapping));
    assert_eq!(
        transformed.to_json(),
        r#"{"DocType":"dDocument_Items","NumAtCard":"5000000000000000001","CardCode":"C-WEB","DocTotal":"1234567890123456789.10","DocumentLines":[{"ItemCode":"A-1","Currency":"USD"},{"ItemCode":"B-2","Currency":"USD"}]}"#
    );
    assert_eq!(mapping.key(&transformed), Ok(Some("5000000000000000001".to_owned())));
    let columns = ["DocType", "NumAtCard", "CardCode", "DocTotal", "AddressExtension.BillToEmail", "DocumentLines"];
    assert_eq!(mapping.columns(), columns);
    assert_eq!((mapping.name(), mapping.entity_type()), ("shopify-order-to-sap-sales-order", "order"));
    assert!(mapping.extraction().pagination.is_some());
    assert_eq!(format!("{mapping:?}"), "Mapping { name: \"shopify-order-to-sap-sales-order\", .. }");
}

#[test]
fn the_transformation_sees_the_normalized_record() {
    let mapping = compiled(&example());
    let cases = [
        (r#"{"orderId":"1","company":"ACME Inc","email":"a@b","total":"-0.004","lines":[]}"#, "C20000", "0.00"),
        (r#"{"orderId":"1","company":"Other","email":"a@b","total":"-0.005","lines":[]}"#, "C99999", "-0.01"),
        (r#"{"orderId":"1","company":null,"email":"a@b","total":"2.675","lines":[]}"#, "C-WEB", "2.68"),
    ];
    deep::run(move || {
        for (normalized, code, total) in cases {
            let transformed = mapping.transform(&value(normalized)).expect("fits");
            assert_eq!(transformed.get("CardCode").and_then(Value::as_str), Some(code), "{normalized}");
            assert_eq!(transformed.get("DocTotal").and_then(Value::as_str), Some(total), "{normalized}");
            let email = transformed.get("AddressExtension").and_then(|address| address.get("BillToEmail"));
            assert_eq!(email.and_then(Value::as_str), Some("a@b"));
        }
    });
}

#[test]
fn records_are_found_in_pages() {
    let document = |records: serde_json::Value| {
        let mut document = with_fields(&json!([{"target": "a", "source": "$.a"}]));
        document["extraction"]["records"] = records;
        compiled(&document)
    };
    let count = |mapping: &Mapping, page: &str| mapping.records(&value(page)).map(|records| records.len());
    let whole = compiled(&with_fields(&json!([{"target": "a", "source": "$.a"}])));
    assert_eq!((count(&whole, "[{},{}]"), count(&whole, "{}"), count(&whole, "[]")), (Ok(2), Ok(1), Ok(0)));
    let listed = document(json!("$.items"));
    for (page, want) in [(r#"{"items":[{},{}]}"#, 2), (r#"{"items":{}}"#, 1), (r#"{"items":null}"#, 0), ("{}", 0)] {
        assert_eq!(count(&listed, page), Ok(want), "{page}");
    }
    let many = document(json!("$.items[?@.kind == 'a']"));
    assert_eq!(count(&many, r#"{"items":[{"kind":"a"},{"kind":"b"}]}"#), Ok(1));
    let page = format!("{{\"items\":[{}]}}", vec!["[0,0,0,0,0,0,0,0,0,0]"; 20_000].join(","));
    let error = document(json!("$.items[*][*]")).records(&value(&page)).expect_err("too many");
    assert_eq!(error.field, "extraction.records");
}

#[test]
fn ids_and_cursors_are_texts() {
    let mapping = |cursor: serde_json::Value| {
        let mut document = with_fields(&json!([{"target": "a", "source": "$.a"}]));
        document["extraction"]["cursor"] = cursor;
        compiled(&document)
    };
    let plain = mapping(json!({"column": "$.at"}));
    let id = |record: &str| plain.source_id(&value(record)).map_err(|fault| fault.to_string());
    assert_eq!((id(r#"{"id":"a b"}"#), id(r#"{"id":12.50}"#)), (Ok("a b".into()), Ok("12.50".into())));
    for (record, want) in [
        ("{}", "extraction.sourceId: is required: "),
        (r#"{"id":null}"#, "extraction.sourceId: is required: null"),
        (r#"{"id":""}"#, "extraction.sourceId: is required: \"\""),
        (r#"{"id":[1]}"#, "extraction.sourceId: is no id: [1]"),
    ] {
        assert_eq!(id(record), Err(want.into()), "{record}");
    }
    let long = id(&format!(r#"{{"id":"{}"}}"#, "x".repeat(1_025))).expect_err("long");
    assert!(long.starts_with("extraction.sourceId: is too long for an id: \"xxx") && long.len() < 300, "{long}");

    let at = |mapping: &Mapping, at: &str| mapping.cursor_value(&value(&format!(r#"{{"at":{at}}}"#)));
    assert_eq!(at(&plain, r#""2026-01-31""#).as_deref(), Some("2026-01-31T00:00:00.000Z"));
    assert_eq!((at(&plain, "5"), at(&plain, "null"), at(&plain, r#""soon""#)), (None, None, None));
    assert!(plain.compare_cursors("2026-01-31T00:00:00.000Z", "2026-01-31T00:00:00.001Z").is_lt());
    let numbers = mapping(json!({"column": "$.at", "type": "int"}));
    assert_eq!((at(&numbers, "12").as_deref(), at(&numbers, r#""007""#).as_deref()), (Some("12"), Some("7")));
    assert!(numbers.compare_cursors("9", "10").is_lt() && numbers.compare_cursors("-9", "-10").is_gt());
    let texts = mapping(json!({"column": "$.at", "type": "string"}));
    assert_eq!(
        (at(&texts, r#""b""#).as_deref(), at(&texts, "1e3").as_deref(), at(&texts, r#""""#)),
        (Some("b"), Some("1e3"), None)
    );
    assert!(texts.compare_cursors("9", "10").is_gt());
}

#[test]
fn keys_are_unambiguous() {
    let mut document = with_fields(&json!([{"target": "a", "source": "$.a"}]));
    let fields = json!([{"target": "a", "source": "$.a"}, {"target": "b.c", "source": "$.b"}]);
    document["transformation"] = json!({"key": ["b.c", "a", "s"], "static": {"s": true}, "fields": fields});
    let mapping = compiled(&document);
    let key = |record: &str| mapping.transform(&value(record)).and_then(|made| mapping.key(&made));
    assert_eq!(key(r#"{"a":"x,\"","b":1}"#), Ok(Some(r#"1:x,":true"#.into())));
    assert_ne!(key(r#"{"a":"1:2","b":3}"#), key(r#"{"a":"1","b":"3:2"}"#));
    assert_eq!(key(r#"{"a":"1:\\","b":"3"}"#), Ok(Some(r"3:1\:\\:true".into())));
    for (record, want) in [
        (r#"{"a":1}"#, "b.c: is required: it is part of the key: "),
        (r#"{"a":"","b":1}"#, "a: is required: it is part of the key: \"\""),
        (r#"{"a":null,"b":1}"#, "a: is required: it is part of the key: null"),
        (r#"{"a":{},"b":1}"#, "a: is no single value, and part of the key: {}"),
    ] {
        assert_eq!(key(record).map_err(|fault| fault.to_string()), Err(want.into()), "{record}");
    }
    let without = compiled(&with_fields(&json!([{"target": "a", "source": "$.a"}])));
    assert_eq!(without.key(&value("{}")), Ok(None));
}

#[test]
fn a_preview_shows_each_stage() {
    let mapping = compiled(&example());
    let (good, bad, worse) = deep::run(move || {
        let good = value(r#"{"id":1,"total_price":10.50,"line_items":[{"sku":"A"}]}"#);
        let bad = value(r#"{"id":1,"total_price":"free","line_items":[{"sku":"A"}]}"#);
        let worse = value(r#"{"id":1,"total_price":1e400,"line_items":{"a":{"sku":"A"},"b":{}}}"#);
        (mapping.preview(&good), mapping.preview(&bad), mapping.preview(&worse))
    });
    let written = serde_json::to_string(&good).expect("JSON");
    assert_eq!(
        written,
        r#"{"extracted":{"id":1,"total_price":10.50,"line_items":[{"sku":"A"}]},"normalized":{"orderId":"1","currency":"USD","total":"10.50","lines":[{"sku":"A","gift":false}]},"transformed":{"DocType":"dDocument_Items","NumAtCard":"1","CardCode":"C-WEB","DocTotal":"10.50","DocumentLines":[{"ItemCode":"A","Currency":"USD"}]},"error":null}"#
    );
    let written = serde_json::to_value(&bad).expect("JSON");
    assert_eq!((&written["normalized"], &written["transformed"]), (&json!(null), &json!(null)));
    assert_eq!(written["error"], json!({"field": "total", "value": "\"free\"", "message": "is no decimal number"}));
    let error = worse.error.expect("no sku");
    assert_eq!((error.field.as_str(), error.message.as_str()), ("lines[1].sku", "is required"));
}
