//! Inputs that nobody thought of: whatever comes in, nothing panics and no answer is a 5xx.
//!
//! Each is a short pass here; `infra/fuzz.sh` runs every property test in a module called `fuzz` for longer.

mod filters;
mod requests;
mod sqs;

use std::sync::OnceLock;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::Value;
use tokio::runtime::Runtime;

/// What the cases of these tests run on: a case is not asynchronous itself.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("a runtime"))
}

/// Any JSON, made of `words` more often than not: as keys, and as text.
fn json(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let text = move || prop_oneof![4 => prop::sample::select(words).prop_map(str::to_owned), 1 => "\\PC{0,12}"];
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        4 => text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 8, move |inner| {
        prop_oneof![
            1 => vec(inner.clone(), 0..6).prop_map(Value::from),
            3 => btree_map(text(), inner, 0..8).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

/// A text of JSON, sometimes with a piece cut out or a byte changed.
fn body(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let damaged =
        (json(words), any::<prop::sample::Index>(), any::<u8>(), 0..4_usize).prop_map(|(json, at, byte, cut)| {
            let mut text = json.to_string().into_bytes();
            let at = at.index(text.len());
            text[at] = byte;
            text.drain(at..(at + cut).min(text.len()));
            text
        });
    prop_oneof![
        4 => json(words).prop_map(|json| json.to_string().into_bytes()),
        2 => damaged,
        1 => vec(any::<u8>(), 0..200),
    ]
}
