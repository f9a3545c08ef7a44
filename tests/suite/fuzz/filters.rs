//! Filters as users write them.

use proptest::collection::vec;
use proptest::prelude::*;
use sluice::deep;
use sluice::domain::event::Event;
use sluice::domain::expression::{Expression, Facts};
use sluice::domain::filter::FilterConditions;
use sluice::domain::schema::Schema;
use sluice::domain::time::Millis;

use super::json;

const WORDS: &[&str] = &["entity_filter", "event_filter", "payload_filter", "*", "a", "a.b", "a.*", "**", "a*b*", "."];
const PAYLOAD: &[&str] = &["a", "b", "n", "items", "é", "order", "*", "2026-01-01T00:00:00Z"];
const SCHEMA: &[&str] = &[
    "type",
    "object",
    "array",
    "string",
    "number",
    "properties",
    "items",
    "$ref",
    "#",
    "#/properties/a",
    "$defs",
    "$id",
    "$dynamicRef",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "enum",
    "const",
    "pattern",
    "(a|b)*c",
    "required",
    "minimum",
    "multipleOf",
    "uniqueItems",
    "contains",
    "unevaluatedProperties",
    "additionalProperties",
    "a",
    "b",
    "https://json-schema.org/draft/2020-12/schema",
    "http://127.0.0.1:9/schema",
];
/// Pieces of expressions: any row of them is tried, and now and then one is good.
const PIECES: &[&str] = &[
    "payload",
    "event",
    ".a",
    ".b.n",
    "[0]",
    "['é']",
    ".items",
    ".size()",
    ".exists(x, ",
    ".all(x, ",
    ".map(x, ",
    ".filter(x, ",
    "x",
    "x.n",
    "has(payload.a)",
    "(",
    ")",
    ")",
    "[",
    "]",
    "{",
    "}",
    "?",
    ":",
    ",",
    " && ",
    " || ",
    "!",
    " == ",
    " > ",
    " in ",
    " + ",
    " * ",
    " % ",
    "1",
    "-1",
    "0",
    "1.5e308",
    "9223372036854775807",
    "'a'",
    "\"\\u00e9\"",
    "true",
    "null",
    ".matches('a+b')",
    ".startsWith('a')",
    "timestamp('2026-01-01T00:00:00Z')",
    "duration('1h')",
    "string(",
    "int(",
    "size(",
    "//",
    "\n",
    "'",
    "\u{0}",
];

/// An event with this payload.
fn event(name: &str, payload: &serde_json::Value) -> Event {
    let at = Millis(0);
    let text =
        format!(r#"{{"id":"one","name":"{name}","published_at":"{at}","logged_at":"{at}","payload":{payload}}}"#);
    serde_json::from_str(&text).expect("an event")
}

/// An expression made of pieces, or any text at all.
fn expression() -> impl Strategy<Value = String> {
    let pieces = vec(prop::sample::select(PIECES), 1..14).prop_map(|pieces| pieces.concat());
    let sound = (prop::sample::select(PIECES), prop::sample::select(PIECES))
        .prop_map(|(left, right)| format!("payload{left} == {right} || payload.items.exists(x, x{left} > {right})"));
    prop_oneof![4 => pieces, 2 => sound, 1 => "\\PC{0,60}"]
}

proptest! {
    #[test]
    fn what_is_read_is_refused_with_a_place_or_matches(written in json(WORDS), name in "[a.*]{1,12}") {
        let Ok(filter) = serde_json::from_value::<FilterConditions>(written) else { return Ok(()) };
        let problems = filter.problems();
        prop_assert!(problems.iter().all(|(at, words)| at.starts_with('/') && !words.is_empty()), "{problems:?}");
        if problems.is_empty() {
            let event = event(&name, &serde_json::Value::Null);
            let _ = filter.compile().matches(&Facts::of(&event));
        }
    }

    #[test]
    fn an_expression_is_refused_with_its_place_or_matches(source in expression(), payload in json(PAYLOAD)) {
        match Expression::compile(&source) {
            Err(error) => {
                prop_assert!(error.line >= 1 && error.column >= 1 && !error.reason.is_empty(), "{error}");
                prop_assert_ne!(&error.reason, "cannot be read", "the parser panicked: {:?}", source);
            }
            Ok(expression) => {
                let event = event("a.b", &payload);
                let answered = deep::run_blocking(move || expression.matches(&Facts::of(&event)));
                prop_assert!(answered.is_ok(), "{source:?} over {payload}");
            }
        }
    }

    #[test]
    fn a_schema_is_refused_with_its_place_or_judges(schema in json(SCHEMA), payload in json(PAYLOAD)) {
        let judged = deep::run_blocking(move || match Schema::compile(&schema) {
            Err(faults) => !faults.is_empty() && faults.iter().all(|fault| !fault.message.is_empty()),
            Ok(schema) => schema.faults(&payload.to_string()).iter().all(|fault| !fault.message.is_empty()),
        });
        prop_assert!(judged.unwrap_or(false));
    }
}
