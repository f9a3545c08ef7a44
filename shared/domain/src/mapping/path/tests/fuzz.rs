//! Generated paths over generated values.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::cost;

fn fragments() -> impl Strategy<Value = String> {
    let known = [
        "$",
        "@",
        ".",
        "..",
        "[",
        "]",
        "(",
        ")",
        "*",
        ",",
        ":",
        "?",
        "!",
        "&&",
        "||",
        "==",
        "<=",
        ">",
        "'a'",
        "\"b\"",
        "a",
        "b",
        "-1",
        "0",
        "1.5",
        "1e3",
        "true",
        "null",
        "length(",
        "count(",
        "value(",
        "match(",
        "search(",
        " ",
        "\\",
        "'",
        "\u{e9}",
        "\u{1f600}",
    ];
    prop::collection::vec(prop::sample::select(known.to_vec()), 0..14).prop_map(|parts| format!("${}", parts.concat()))
}

fn good() -> impl Strategy<Value = String> {
    let query = prop::sample::select(vec!["@", "@.a", "@['b'][0]", "$.a", "@[-1]"]);
    let operand = prop_oneof![
        query.prop_map(str::to_owned),
        prop::sample::select(vec!["1", "'a'", "null", "length(@.a)", "count(@..*)", "value($..a)"])
            .prop_map(str::to_owned),
    ];
    let comparison = (operand.clone(), prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]), operand)
        .prop_map(|(a, op, b)| format!("{a} {op} {b}"));
    let test = (comparison, prop::sample::select(vec!["", " && @.a", " || !(@.b)", " && match(@.a, 'a+')"]))
        .prop_map(|(a, b)| format!("[?{a}{b}]"));
    let segment = prop::sample::select(vec![".a", "['b']", "[0]", "[-1]", "[*]", "..a", "..*", "[::-1]", "[0,'a']"]);
    (prop::collection::vec(segment, 0..3), prop::option::of(test))
        .prop_map(|(segments, test)| format!("${}{}", segments.concat(), test.unwrap_or_default()))
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?(e[0-9])?".prop_map(Value::Number),
        "[ab]{0,3}".prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 30, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map("[ab]", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_a_path_or_refused(text in prop_oneof![fragments(), "\\PC{0,40}", "\\$\\PC{0,300}"], root in values()) {
        let (parsed, taken) = cost::of(|| Path::parse(&text));
        prop_assert!(taken < Duration::from_millis(50));
        match parsed {
            Ok(path) => { let _ = path.nodes(&root); }
            Err(error) => prop_assert!(error.offset <= text.len() && !error.reason.is_empty()),
        }
    }

    #[test]
    fn good_paths_are_accepted_and_singular_ones_agree(text in good(), root in values()) {
        let path = Path::parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let nodes = path.nodes(&root).expect("few nodes");
        if path.is_singular() {
            prop_assert_eq!(path.one(&root), nodes.first().copied());
        }
    }
}
