//! What a document is refused for, and where.

use serde_json::{Value, json};

use super::{MappingFault, compile, example, with_fields};
use crate::mapping::MAX_FAULTS;

fn faults(document: &Value) -> Vec<MappingFault> {
    compile(document).map_or_else(|faults| faults, |_| panic!("accepted: {document}"))
}

fn pointers(document: &Value) -> Vec<String> {
    faults(document).into_iter().map(|fault| fault.pointer).collect()
}

/// The pointers below the only field.
fn of_field(field: Value) -> Vec<String> {
    let document = with_fields(&json!([field]));
    let below =
        |pointer: String| pointer.strip_prefix("/normalization/fields/0").map_or(pointer.clone(), str::to_owned);
    pointers(&document).into_iter().map(below).collect()
}

#[test]
fn all_faults_are_reported_at_once() {
    let mut document = example();
    document["name"] = json!("");
    document["extra"] = json!(1);
    document["extraction"]["sourceId"] = json!("id");
    document["extraction"]["cursor"]["column"] = json!("$..updated_at");
    document["normalization"]["fields"][0]["source"] = json!("$.id[");
    document["normalization"]["fields"][3]["fields"][0]["typ"] = json!("string");
    document["normalization"]["fields"][3]["fields"][1]["type"] = json!("boolean");
    document["transformation"]["key"] = json!(["NumAtCard", "Nothing"]);
    document["transformation"]["fields"][1]["when"] = json!("has(record.company) &&");
    document["transformation"]["fields"][3]["options"] = json!({"decimals": "2"});
    document["transformation"]["fields"][5]["where"] = json!("!line.gift");
    let want = [
        "/extra",
        "/name",
        "/extraction/sourceId",
        "/extraction/cursor/column",
        "/normalization/fields/0/source",
        "/normalization/fields/3/fields/0/typ",
        "/normalization/fields/3/fields/1/type",
        "/transformation/fields/1/when",
        "/transformation/fields/3/options/decimals",
        "/transformation/fields/5/where",
    ];
    let mut found = pointers(&document);
    // Whether a key is a target is known only once the targets are.
    found.retain(|pointer| !pointer.starts_with("/transformation/key"));
    assert_eq!(found, want);
    assert!(faults(&document).iter().all(|fault| !fault.message.is_empty()));
}

#[test]
fn the_parts_of_a_document() {
    assert_eq!(pointers(&json!([])), [""]);
    let all = ["/name", "/entityType", "/extraction", "/normalization", "/transformation"];
    assert_eq!(pointers(&json!({})), all);
    assert_eq!(
        pointers(
            &json!({"name": 1, "entityType": null, "extraction": [], "normalization": "x", "transformation": false})
        ),
        all
    );
    let mut document = example();
    document["normalization"] = json!({"fields": []});
    document["transformation"] = json!({"fields": {}, "keys": []});
    assert_eq!(pointers(&document), ["/normalization/fields", "/transformation/keys", "/transformation/fields"]);
    document["normalization"] = json!({});
    document["transformation"] = json!({});
    assert_eq!(pointers(&document), ["/normalization/fields", "/transformation/fields"]);
}

#[test]
fn the_extraction() {
    let of = |member: &str, value: Value| {
        let mut document = example();
        document["extraction"][member] = value;
        pointers(&document)
    };
    assert_eq!(of("records", json!("orders")), ["/extraction/records"]);
    assert_eq!(of("sourceId", json!("$.a[*]")), ["/extraction/sourceId"]);
    assert_eq!(of("sourceID", json!("$.a")), ["/extraction/sourceID"]);
    assert_eq!(of("pagination", json!({"type": "pages"})), ["/extraction/pagination/type"]);
    assert_eq!(
        of("pagination", json!({"type": "cursor", "path": "$..a", "parameter": "p"})),
        ["/extraction/pagination/path"]
    );
    assert_eq!(of("pagination", json!({"type": "page", "parameter": "p", "size": 0})), ["/extraction/pagination/size"]);
    assert_eq!(of("cursor", json!({"column": "$.a", "type": "date"})), ["/extraction/cursor/type"]);
    for path in ["orders", "//example.com/a", "https://example.com/", "", "/a\nb", "/\\example.com"] {
        assert_eq!(of("request", json!({"path": path})), ["/extraction/request/path"], "{path}");
    }
    assert_eq!(of("request", json!({"path": "/a", "headers": {"a b": "c"}})), ["/extraction/request/headers/a b"]);
    assert_eq!(of("request", json!({"path": "/a", "headers": {"a": "c\r\nd: e"}})), ["/extraction/request/headers/a"]);
    assert_eq!(of("request", json!({"path": "/a", "method": "DELETE"})), ["/extraction/request/method"]);
}

#[test]
fn members_that_do_not_go_together() {
    let field = |mut more: Value| {
        more["target"] = json!("a");
        of_field(more)
    };
    assert_eq!(field(json!({})), ["/source"]);
    assert_eq!(field(json!({"source": "$.a", "value": 1})), ["/value"]);
    assert_eq!(field(json!({"value": 1, "from": "record"})), ["/from"]);
    assert_eq!(field(json!({"value": 1, "default": 1})), ["/default"]);
    assert_eq!(field(json!({"source": "$.a", "where": "true"})), ["/where"]);
    assert_eq!(field(json!({"source": "$.a", "type": "object", "where": "true"})), ["/where"]);
    assert_eq!(field(json!({"source": "$.a", "fields": [{"target": "b", "source": "$"}]})), ["/fields"]);
    assert_eq!(field(json!({"type": "array", "fields": [{"target": "b", "source": "$"}]})), ["/source"]);
    assert_eq!(field(json!({"source": "$.a", "type": "array", "transform": "toInt"})), ["/transform"]);
    assert_eq!(field(json!({"source": "$.a", "options": {}})), ["/options"]);
    assert_eq!(field(json!({"source": "$.a", "from": "root"})), ["/from"]);
    assert_eq!(field(json!({"source": "$.a", "type": "array", "fields": []})), ["/fields"]);
    assert_eq!(field(json!({"source": 5})), ["/source"]);
    assert_eq!(field(json!({"source": "$.a", "required": "yes", "x": 1})), ["/x", "/required"]);
    assert_eq!(of_field(json!({"source": "$.a"})), [""]);
    assert_eq!(of_field(json!("a")), [""]);
}

#[test]
fn paths_of_many_nodes_need_an_array() {
    for source in ["$.a[*]", "$..a", "$.a[0,1]", "$.a[0:1]", "$.a[?@.b]", "$.a['b','c']", "$.*"] {
        assert_eq!(of_field(json!({"target": "a", "source": source})), ["/source"], "{source}");
        assert_eq!(of_field(json!({"target": "a", "source": source, "type": "object"})), ["/source"], "{source}");
        assert!(
            compile(&with_fields(&json!([{"target": "a", "source": source, "type": "array"}]))).is_ok(),
            "{source}"
        );
    }
}

#[test]
fn targets_conflict() {
    let of = |targets: &[&str]| {
        let fields: Vec<Value> = targets.iter().map(|target| json!({"target": target, "value": 1})).collect();
        compile(&with_fields(&json!(fields)))
            .map_or_else(|faults| faults.into_iter().map(|fault| fault.pointer).collect(), |_| Vec::new())
    };
    let none: [&str; 0] = [];
    assert_eq!(of(&["a", "b", "a.", "a"]), ["/normalization/fields/2/target", "/normalization/fields/3/target"]);
    assert_eq!(of(&["a.b", "a"]), ["/normalization/fields/0/target"]);
    assert_eq!(of(&["a", "a.b.c"]), ["/normalization/fields/1/target"]);
    assert_eq!(of(&["a.b", "a.c", "ab", "a b", "a.bc"]), none);
    for bad in ["", ".", "a..b", ".a", "a.b.c.d.e.f.g.h.i", "a\u{0}"] {
        assert_eq!(of(&[bad]), ["/normalization/fields/0/target"], "{bad}");
    }
    let when =
        json!([{"target": "a", "value": 1, "when": "true"}, {"target": "a", "value": 2}, {"target": "a", "value": 3}]);
    assert_eq!(pointers(&with_fields(&when)), ["/normalization/fields/2/target"]);
    let constants = |constants: Value| {
        let mut document = example();
        document["transformation"]["static"] = constants;
        pointers(&document)
    };
    assert_eq!(constants(json!({"NumAtCard": 1})), ["/transformation/static/NumAtCard"]);
    assert_eq!(constants(json!({"DocTotal.x": 1})), ["/transformation/static/DocTotal.x"]);
    assert_eq!(constants(json!({"AddressExtension": {}})), ["/transformation/static/AddressExtension"]);
    assert_eq!(constants(json!({"x": 1, "x.y": 1})), ["/transformation/static/x.y"]);
    assert_eq!(constants(json!({"a..b": 1})), ["/transformation/static/a..b"]);
}

#[test]
fn keys_are_targets() {
    let of = |key: Value| {
        let mut document = example();
        document["transformation"]["key"] = key;
        pointers(&document)
    };
    assert_eq!(of(json!("NumAtCard")), ["/transformation/key"]);
    assert_eq!(of(json!(["NumAtCard", "numatcard"])), ["/transformation/key/1"]);
    assert_eq!(of(json!(["DocumentLines"])), ["/transformation/key/0"]);
    assert_eq!(of(json!(["NumAtCard", "NumAtCard"])), ["/transformation/key/1"]);
    assert_eq!(of(json!([1])), ["/transformation/key/0"]);
}

#[test]
fn transformers_and_their_options() {
    let of = |name: &str, options: Value| {
        of_field(json!({"target": "a", "source": "$.a", "transform": name, "options": options}))
    };
    assert_eq!(of("toUpper", json!({})), ["/transform"]);
    assert_eq!(of(&"x".repeat(1_000), json!({})), ["/transform"]);
    assert_eq!(of("toInt", json!({"decimals": 2})), ["/options/decimals"]);
    assert_eq!(of("formatDecimal", json!({})), ["/options"]);
    assert_eq!(of("formatDecimal", json!({"decimals": -1})), ["/options/decimals"]);
    assert_eq!(of("formatDecimal", json!({"decimals": 31})), ["/options/decimals"]);
    assert_eq!(of("formatDecimal", json!({"decimals": 2, "mode": "up"})), ["/options/mode"]);
    assert_eq!(of("dateFormat", json!({"timezone": "UTC"})), ["/options"]);
    assert_eq!(of("dateFormat", json!({"format": "%Y", "timezone": "Europe/Nowhere"})), ["/options/timezone"]);
    assert_eq!(of("dateFormat", json!({"format": "%Y", "timezone": "../../etc/passwd"})), ["/options/timezone"]);
    for format in ["", "%", "%!", "%J", &"%Y".repeat(33)] {
        assert_eq!(of("dateFormat", json!({"format": format})), ["/options/format"], "{format}");
    }
    assert_eq!(of("lookup", json!({"default": 1})), ["/options"]);
    assert_eq!(of("lookup", json!({"map": []})), ["/options/map"]);
    assert_eq!(of("boolToStatus", json!({"trueValue": 1})), ["/options"]);
    assert_eq!(of_field(json!({"target": "a", "source": "$.a", "transform": "lookup"})), ["/options"]);
}

#[test]
fn defaults_and_values_must_fit() {
    let of = |more: Value| {
        let mut field = json!({"target": "a"});
        for (name, value) in more.as_object().expect("an object") {
            field[name] = value.clone();
        }
        of_field(field)
    };
    assert_eq!(of(json!({"source": "$.a", "type": "int", "default": "x"})), ["/default"]);
    assert_eq!(of(json!({"source": "$.a", "type": "array", "default": {}})), ["/default"]);
    assert_eq!(of(json!({"source": "$.a", "type": "object", "default": 1})), ["/default"]);
    assert_eq!(of(json!({"source": "$.a", "required": true, "default": ""})), ["/default"]);
    assert_eq!(of(json!({"value": "x", "type": "datetime"})), ["/value"]);
    assert_eq!(of(json!({"value": {}, "type": "array"})), ["/value"]);
    assert_eq!(of(json!({"value": null, "required": true})), ["/value"]);
    assert_eq!(of(json!({"value": "x", "transform": "toInt"})), ["/value"]);
    // A number that JSON's reader could not keep.
    assert_eq!(of(json!({"value": 1234567890.1234567})), ["/value"]);
    assert_eq!(of(json!({"source": "$.a", "default": [{"b": 0.30000000000000004}]})), ["/default"]);
}

#[test]
fn expressions_name_record_and_item() {
    let of = |when: &str| of_field(json!({"target": "a", "value": 1, "when": when}));
    for bad in [
        "",
        "payload.a == 1",
        "record.",
        "1",
        "'x'",
        "record.a.exists(x, record.b.exists(y, x == y))",
        "{'a': 1}.a == 1",
    ] {
        assert_eq!(of(bad), ["/when"], "{bad}");
    }
    let document = with_fields(
        &json!([{"target": "a", "source": "$.l[*]", "type": "array", "where": "record.all.exists(x, x == item.x)"}]),
    );
    let found = faults(&document);
    assert_eq!(found[0].pointer, "/normalization/fields/0/where");
    assert!(found[0].message.contains("would be read again for each item"), "{}", found[0].message);
    let document = with_fields(&json!([{"target": "a", "value": 1, "when": "entity == 'x'"}]));
    assert!(faults(&document)[0].message.ends_with("there is no variable entity: there are record, item"));
}

#[test]
fn at_most_a_hundred_faults() {
    let fields: Vec<Value> = (0..300).map(|n| json!({"target": format!("a{n}"), "source": "x"})).collect();
    assert_eq!(faults(&with_fields(&json!(fields))).len(), MAX_FAULTS);
    let mut document = example();
    for n in 0..300 {
        document[format!("x/{n}")] = json!(1);
    }
    let found = faults(&document);
    assert_eq!((found.len(), found[0].pointer.as_str()), (MAX_FAULTS, "/x~10"));
}
