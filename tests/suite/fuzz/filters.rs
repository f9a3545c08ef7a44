//! Filters as users write them.

use proptest::prelude::*;
use sluice::deep;
use sluice::domain::event::Event;
use sluice::domain::expression::Facts;
use sluice::domain::filter::FilterConditions;
use sluice::domain::schema::Schema;
use sluice::domain::time::Millis;

use super::{json, runtime};

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
/// An event with this payload.
fn event(name: &str, payload: &serde_json::Value) -> Event {
    let at = Millis(0);
    let text =
        format!(r#"{{"id":"one","name":"{name}","published_at":"{at}","logged_at":"{at}","payload":{payload}}}"#);
    serde_json::from_str(&text).expect("an event")
}

proptest! {
    #[test]
    fn what_is_read_is_refused_with_a_place_or_matches(written in json(WORDS), name in "[a.*]{1,12}") {
        let Ok(filter) = serde_json::from_value::<FilterConditions>(written) else { return Ok(()) };
        let judged = runtime().block_on(deep::run(move || {
            let problems = filter.problems();
            if problems.is_empty() {
                let event = event(&name, &serde_json::Value::Null);
                let _ = filter.compile().matches(&Facts::of(&event));
            }
            problems.iter().all(|(at, words)| at.starts_with('/') && !words.is_empty())
        }));
        prop_assert!(judged.unwrap_or(false));
    }

    #[test]
    fn a_schema_is_refused_with_its_place_or_judges(schema in json(SCHEMA), payload in json(PAYLOAD)) {
        let judged = runtime().block_on(deep::run(move || match Schema::compile(&schema) {
            Err(faults) => !faults.is_empty() && faults.iter().all(|fault| !fault.message.is_empty()),
            Ok(schema) => schema.faults(&payload.to_string()).iter().all(|fault| !fault.message.is_empty()),
        }));
        prop_assert!(judged.unwrap_or(false));
    }
}
