//! Generated expressions over generated payloads.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{event, on_own_stack};
use crate::expression::{EVENT, Facts, MAX_EXPRESSION_BYTES, compile};

/// Expressions by the grammar, good and bad.
fn grammar() -> impl Strategy<Value = String> {
    let names =
        ["payload", "payload.a", "payload.b.c", "i", "i.b", "j", "name", "published_at", "partner_id", "nobody"];
    let literals = [
        "1",
        "-1",
        "0",
        "1.5",
        "2u",
        "'x'",
        "''",
        "true",
        "false",
        "null",
        "[1, 'a']",
        "[]",
        "b'x'",
        "9223372036854775807",
        "-9223372036854775808",
        "1e308",
        "duration('1h')",
        "timestamp('9999-12-31T23:59:59Z')",
    ];
    let leaf = prop_oneof![
        prop::sample::select(names.to_vec()).prop_map(str::to_owned),
        prop::sample::select(literals.to_vec()).prop_map(str::to_owned)
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operator =
            prop::sample::select(vec!["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"]);
        let method = prop::sample::select(vec!["contains", "startsWith", "endsWith", "matches", "getHours", "size"]);
        let looped = prop::sample::select(vec!["exists", "all", "exists_one", "filter", "map"]);
        let function = prop::sample::select(vec![
            "size",
            "int",
            "uint",
            "double",
            "string",
            "bool",
            "timestamp",
            "duration",
            "type",
            "has",
            "!",
            "-",
            "dyn",
        ]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (inner.clone(), method, inner.clone()).prop_map(|(a, f, b)| format!("{a}.{f}({b})")),
            (inner.clone(), looped, prop::sample::select(vec!["i", "j"]), inner.clone())
                .prop_map(|(a, f, v, b)| format!("{a}.{f}({v}, {b})")),
            (function, inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}[{b}]")),
            prop::collection::vec(inner, 0..3).prop_map(|items| format!("[{}]", items.join(", "))),
        ]
    })
}

fn payloads() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~\u{fc}\u{1f600}]{0,5}".prop_map(Value::from),
        Just(json!("2026-01-01T00:00:00Z")),
        Just(json!("-1h")),
    ];
    leaf.prop_recursive(4, 30, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[abc]", inner, 0..4).prop_map(Value::from_iter),
        ]
    })
}

/// More than is usual: most of what the grammar makes is refused.
fn cases() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases.max(1_500), ..usual }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn whatever_is_written_is_compiled_or_refused_and_evaluates(source in grammar(), a in payloads(), b in payloads()) {
        match super::compiled(&source) {
            Ok(expression) => {
                // Not `matches`, which would catch the panic that this looks for.
                let event = event(&json!({"a": a, "b": b}).to_string());
                on_own_stack(move || expression.evaluate(&Facts::of(&event)));
            }
            Err(error) => {
                prop_assert!(error.line >= 1 && error.column >= 1 && !error.reason.is_empty(), "{error}");
                prop_assert_ne!(&error.reason, "cannot be parsed", "the parser panicked: {:?}", source);
            }
        }
    }

    #[test]
    fn any_bytes_in_between_are_refused_or_compiled(
        source in prop_oneof![4 => grammar(), 1 => "\\PC{1,60}"], cut in any::<prop::sample::Index>(), noise in "[ -~\\n\u{fc}]{0,6}", drop in 0_usize..4,
    ) {
        let chars: Vec<char> = source.chars().collect();
        let at = cut.index(chars.len());
        let mutated: String = chars[..at].iter().copied().chain(noise.chars()).chain(chars.iter().skip(at + drop).copied()).collect();
        // The parser itself must not panic either.
        if mutated.len() <= MAX_EXPRESSION_BYTES {
            on_own_stack(move || compile(&mutated, EVENT).is_ok());
        }
    }
}
