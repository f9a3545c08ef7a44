//! Generated documents and records.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Mapping, example, with_fields};
use crate::deep;
use crate::mapping::MAX_FAULTS;

/// Any JSON, with the names that documents have.
fn json_values() -> impl Strategy<Value = Value> {
    let texts = prop::sample::select(vec![
        "$.a",
        "$.a[*]",
        "$..b",
        "$",
        "a",
        "a.b",
        "record",
        "item.a == 1",
        "!record.a",
        "string",
        "int",
        "array",
        "object",
        "decimal",
        "datetime",
        "toInt",
        "lookup",
        "formatDecimal",
        "dateFormat",
        "GET",
        "/a",
        "link",
        "",
        "%Y",
        "1e999",
        "-0.005",
        "2026-01-01",
    ]);
    let leaf = prop_oneof![
        4 => texts.prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => "\\PC{0,8}".prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "name",
        "entityType",
        "extraction",
        "normalization",
        "transformation",
        "fields",
        "key",
        "static",
        "sourceId",
        "records",
        "cursor",
        "column",
        "type",
        "target",
        "source",
        "from",
        "value",
        "default",
        "required",
        "when",
        "where",
        "transform",
        "options",
        "map",
        "decimals",
        "format",
        "a",
        "b",
        "a.b",
        "~/",
    ]);
    leaf.prop_recursive(6, 60, 8, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => prop::collection::hash_map(names.clone().prop_map(str::to_owned), inner, 0..8).prop_map(Value::from_iter),
        ]
    })
}

/// Fields that are mostly good.
fn fields() -> impl Strategy<Value = Value> {
    let source = prop::sample::select(vec!["$.a", "$.b", "$.c.d", "$", "$.l[0]", "$['a']"]);
    let kind = prop::option::of(prop::sample::select(vec!["string", "int", "decimal", "bool", "datetime", "object"]));
    let transform = prop::option::of(prop::sample::select(vec![
        ("toInt", json!({})),
        ("toString", json!({})),
        ("toBool", json!({})),
        ("formatDecimal", json!({"decimals": 2})),
        ("lookup", json!({"map": {"a": 1}, "default": 2})),
        ("dateFormat", json!({"format": "%F", "timezone": "Asia/Tokyo"})),
        ("sapYesNo", json!({})),
    ]));
    let when = prop::option::of(prop::sample::select(vec![
        "has(record.a)",
        "record.a == 1",
        "item.b == 'a'",
        "true",
        "record.l.exists(x, x == 1)",
    ]));
    let single =
        (source, kind, transform, when, any::<bool>()).prop_map(|(source, kind, transform, when, required)| {
            let mut field = json!({"source": source, "required": required});
            if let Some(kind) = kind {
                field["type"] = json!(kind);
            }
            if let Some((name, options)) = transform.filter(|_| kind != Some("object")) {
                field["transform"] = json!(name);
                field["options"] = options;
            }
            if let Some(when) = when {
                field["when"] = json!(when);
            }
            field
        });
    let lists = prop::sample::select(vec!["$.l[*]", "$.l", "$..a", "$[*]", "$.l[?@.a > 1]"]);
    let numbered = |fields: Vec<Value>| {
        let named = fields.into_iter().enumerate().map(|(index, mut field)| {
            field["target"] = json!(format!("{}{index}", if index % 3 == 0 { "o." } else { "t" }));
            field
        });
        json!(named.collect::<Vec<_>>())
    };
    single.prop_map(move |field| field).boxed().prop_recursive(3, 12, 4, move |inner| {
        let nested = prop::collection::vec(inner.clone(), 1..4).prop_map(numbered);
        let condition = prop::option::of(prop::sample::select(vec!["item == 1", "has(item.a)", "item.a != record.a"]));
        prop_oneof![
            inner,
            (lists.clone(), nested, condition).prop_map(|(source, fields, condition)| {
                let mut field = json!({"source": source, "type": "array", "fields": fields});
                if let Some(condition) = condition {
                    field["where"] = json!(condition);
                }
                field
            }),
        ]
    }).prop_map(|field| json!([{"target": "first", "value": 1}, {"target": "x", "type": "object", "fields": [{"target": "y", "source": "$.zz"}]}, with_target(field)]))
}

fn with_target(mut field: Value) -> Value {
    field["target"] = json!("main");
    field
}

fn records() -> impl Strategy<Value = crate::value::Value> {
    use crate::value::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][-+]?[0-9]{1,12})?".prop_map(Value::Number),
        "[ -~\u{e9}\u{1f600}]{0,8}".prop_map(Value::String),
        prop::sample::select(vec!["2026-01-31", "2026-01-31T12:00:00Z", "yes", "tYES", "1e400", "", "a"])
            .prop_map(|text| Value::String(text.into())),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::btree_map("[abcdl]", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_a_document_or_refused(part in json_values(), place in prop::sample::select(vec!["", "/extraction", "/normalization", "/normalization/fields", "/normalization/fields/3", "/transformation", "/transformation/fields/1/options", "/transformation/static"])) {
        let mut document = example();
        *document.pointer_mut(place).expect("a place") = part;
        if let Err(faults) = deep::run(move || Mapping::compile(&document)) {
            prop_assert!(!faults.is_empty() && faults.len() <= MAX_FAULTS);
            prop_assert!(faults.iter().all(|fault| !fault.message.is_empty() && fault.message != "cannot be read"), "{:?}", faults);
            prop_assert!(faults.iter().all(|fault| fault.pointer.is_empty() || fault.pointer.starts_with('/')), "{:?}", faults);
        }
    }

    #[test]
    fn any_record_is_mapped_or_refused(fields in fields(), record in records()) {
        let document = with_fields(&fields);
        let result = deep::run(move || {
            let mapping = match Mapping::compile(&document) {
                // A loop over the record in a condition of an item.
                Err(faults) if faults.iter().all(|fault| fault.message.contains("would be read again")) => return Ok(None),
                compiled => compiled.map_err(|faults| format!("{document} {faults:?}"))?,
            };
            let _ = (mapping.source_id(&record), mapping.cursor_value(&record), mapping.records(&record));
            Ok::<_, String>(Some((mapping.normalize(&record), mapping.preview(&record))))
        });
        let Some((normalized, preview)) = result.map_err(TestCaseError::fail)? else { return Ok(()) };
        match normalized {
            Ok(value) => {
                prop_assert_eq!(crate::value::Value::parse(value.to_json().as_bytes()), Ok(value.clone()));
                prop_assert_eq!(preview.normalized, Some(value));
            }
            Err(fault) => {
                prop_assert!((fault.field.starts_with("main") || fault.field == "x") && !fault.message.is_empty() && fault.value.len() < 210, "{:?}", fault);
                prop_assert_eq!(preview.error, Some(fault));
            }
        }
    }

    #[test]
    fn every_digit_of_an_amount_arrives(number in any::<i128>(), decimals in 0_usize..6) {
        let digits = format!("{:0>width$}", number.unsigned_abs(), width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        let sign = if number < 0 { "-" } else { "" };
        let amount = if decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") };
        let field = json!([{"target": "a", "source": "$.x", "type": "decimal", "transform": "formatDecimal", "options": {"decimals": decimals}}]);
        let record = crate::value::Value::parse(format!("{{\"x\":{amount}}}").as_bytes()).expect("JSON");
        let mapping = Mapping::compile(&with_fields(&field)).map_err(|faults| TestCaseError::fail(format!("{faults:?}")))?;
        prop_assert_eq!(mapping.normalize(&record).map(|made| made.to_json()), Ok(format!("{{\"a\":\"{amount}\"}}")));
    }
}
