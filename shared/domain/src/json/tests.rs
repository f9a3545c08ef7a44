//! The scanner against a plain definition.

use proptest::prelude::*;

use super::*;

/// JSON as a tree; keys are kept in their escaped form.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(&'static str),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

/// A key, possibly with escapes. The alphabet is small, so that keys repeat.
fn name() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b",
        r"\u0061",
        "~",
        "/",
        r"\/",
        r"\n",
        "é",
        r"\u00e9",
        r"\u00E9",
        "🎉",
        r"\ud83c\udf89",
        r"\ud83c",
        r"\udf89",
        "\u{10000}",
    ]);
    prop::collection::vec(piece, 0..3).prop_map(|pieces| pieces.concat())
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop::sample::select(vec!["1", "-0.10", "1e400", "null", r#""a\"{b,""#, r#"" \\""#, "true"]);
    leaf.prop_map(Tree::Leaf).prop_recursive(4, 64, 24, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::List),
            prop::collection::vec((name(), inner), 0..24).prop_map(Tree::Object),
        ]
    })
}

impl Tree {
    /// Its text, with `space` between all tokens.
    fn text(&self, space: &str) -> String {
        let all = |open: &str, items: Vec<String>, close: &str| {
            format!("{open}{space}{}{space}{close}", items.join(&format!("{space},{space}")))
        };
        match self {
            Self::Leaf(text) => (*text).to_owned(),
            Self::List(items) => all("[", items.iter().map(|item| item.text(space)).collect(), "]"),
            Self::Object(fields) => {
                let field = |(name, value): &(String, Tree)| format!("\"{name}\"{space}:{space}{}", value.text(space));
                all("{", fields.iter().map(field).collect(), "}")
            }
        }
    }

    /// The pointers of all duplicate keys.
    fn repeated(&self, at: &str, found: &mut Vec<String>) {
        match self {
            Self::Leaf(_) => {}
            Self::List(items) => {
                items.iter().enumerate().for_each(|(index, item)| item.repeated(&format!("{at}/{index}"), found));
            }
            Self::Object(fields) => {
                let mut seen: Vec<Vec<u16>> = Vec::new();
                for (name, value) in fields {
                    let units = units(name);
                    let shown = String::from_utf16_lossy(&units).replace('~', "~0").replace('/', "~1");
                    let place = format!("{at}/{shown}");
                    value.repeated(&place, found);
                    if seen.contains(&units) {
                        found.push(place);
                    }
                    seen.push(units);
                }
            }
        }
    }
}

/// A name as UTF-16, as JSON's escapes have it.
fn units(name: &str) -> Vec<u16> {
    let (mut units, mut rest) = (Vec::new(), name);
    while let Some(first) = rest.chars().next() {
        let escaped = rest.strip_prefix(r"\u").and_then(|digits| u16::from_str_radix(digits.get(..4)?, 16).ok());
        let (unit, length) = match (escaped, rest.get(..2).unwrap_or_default()) {
            (Some(unit), _) => (vec![unit], 6),
            (None, r"\n") => (vec![10], 2),
            (None, r"\/") => (vec![47], 2),
            _ => (first.encode_utf16(&mut [0; 2]).to_vec(), first.len_utf8()),
        };
        units.extend(unit);
        rest = &rest[length..];
    }
    units
}

/// Lone surrogates are shown as replacement characters, whose number differs between the two decoders.
fn without_marks(pointer: &str) -> String {
    pointer.replace('\u{fffd}', "")
}

proptest! {
    #[test]
    fn a_name_is_found_twice_where_the_plain_definition_finds_it(tree in tree(), space in "[ \n\t\r]{0,2}") {
        let text = tree.text(&space);
        let mut repeated = Vec::new();
        tree.repeated("", &mut repeated);
        match Scanner::default().check(&text) {
            Ok(()) => prop_assert!(repeated.is_empty(), "{}: {:?}", text, repeated),
            Err(JsonFault::DuplicateKey { pointer }) => {
                let found = repeated.iter().any(|place| without_marks(place) == without_marks(&pointer));
                prop_assert!(found, "{}: {} is not among {:?}", text, pointer, repeated);
            }
            Err(JsonFault::TooDeep(_)) => prop_assert!(false, "{}", text),
        }
    }

    #[test]
    fn compacting_changes_layout_only(tree in tree(), space in "[ \n\t\r]{0,2}") {
        let raw = |text: String| RawValue::from_string(text).expect("JSON");
        // An aborted scan must not affect the next one.
        let mut scanner = Scanner::default();
        let _ = scanner.check(r#"{"a":{"a":[1,{"b":1,"\u0062":2"#);
        if let Ok(small) = scanner.compact(&raw(tree.text(&space))) {
            prop_assert_eq!(small.get(), tree.text(""));
        }
    }

    #[test]
    fn any_text_is_walked_without_panic(text in "[\\[\\]{},:\"\\\\u0ad8 é]{0,60}") {
        let _ = Scanner::default().check(&text);
    }
}

#[test]
fn lone_surrogates_are_told_apart() {
    for (code, bytes) in [(0xd83c, [0xed, 0xa0, 0xbc]), (0xdfff, [0xed, 0xbf, 0xbf]), (0xd800, [0xed, 0xa0, 0x80])] {
        let mut out = Vec::new();
        push_code_point(code, &mut out);
        assert_eq!(out, bytes, "{code:x}");
    }
}

fn fault(text: &str) -> JsonFault {
    Scanner::default().check(text).expect_err("a fault")
}

#[test]
fn the_second_of_two_names_is_pointed_at() {
    for (text, pointer) in [
        (r#"{"a":1,"a":2}"#, "/a"),
        (r#"{"a":1,"\u0061":2}"#, "/a"),
        (r#"{"x":[0,{"y/~":{"b":1,"c":"a","b":{}}}]}"#, "/x/1/y~1~0/b"),
        (r#"[[1,2],[{"":1,"":2}]]"#, "/1/0/"),
        (r#"{"é":1,"\u00E9":2}"#, "/é"),
        (r#"{"🎉":1,"\ud83c\udf89":2}"#, "/🎉"),
    ] {
        assert_eq!(fault(text), JsonFault::DuplicateKey { pointer: pointer.to_owned() }, "{text}");
    }
    for text in [r#"{"a":{"a":1},"b":{"a":["a","a"]}}"#, r#"{"\ud83c":1,"\udf89":2}"#, r#"["a","a"]"#, r#""a""#] {
        assert_eq!(Scanner::default().check(text), Ok(()), "{text}");
    }
}

#[test]
fn many_names_are_compared_too() {
    let object = |names: &mut dyn Iterator<Item = usize>| {
        let fields: Vec<String> = names.map(|n| format!("\"{n}\":{n}")).collect();
        format!("{{{}}}", fields.join(","))
    };
    for many in [FEW - 1, FEW, FEW + 1, 10_000] {
        assert_eq!(Scanner::default().check(&object(&mut (0..many))), Ok(()));
        let last = many - 1;
        let twice = fault(&object(&mut (0..many).chain([last])));
        assert_eq!(twice, JsonFault::DuplicateKey { pointer: format!("/{last}") });
        // Of several, the first.
        let thrice = fault(&object(&mut (0..many).chain([2, 1, 2])));
        assert_eq!(thrice, JsonFault::DuplicateKey { pointer: "/2".to_owned() });
    }
}

#[test]
fn what_is_as_deep_as_the_parser_reads_is_taken() {
    let nested = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    assert_eq!(Scanner::default().check(&nested(MAX_DEPTH)), Ok(()));
    assert!(serde_json::from_str::<serde_json::Value>(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(fault(&nested(MAX_DEPTH + 1)), JsonFault::TooDeep(MAX_DEPTH));
    assert!(serde_json::from_str::<serde_json::Value>(&nested(MAX_DEPTH + 1)).is_err());
    assert_eq!(fault(&"[".repeat(1_000_000)), JsonFault::TooDeep(MAX_DEPTH));
    let mut payloads = Scanner::within(MAX_PAYLOAD_DEPTH);
    assert_eq!(payloads.check(&nested(64)), Ok(()));
    assert_eq!(payloads.check(&nested(65)), Err(JsonFault::TooDeep(64)));
}
