//! The bounds of paths, and that no text and no value is slow.

use std::time::Duration;

use super::*;
use crate::cost;

#[test]
fn what_is_beyond_the_bounds_is_refused() {
    let name = |bytes: usize| format!("$.{}", "a".repeat(bytes - 2));
    assert!(Path::parse(&name(MAX_PATH_BYTES)).is_ok());
    assert_eq!(Path::parse(&name(MAX_PATH_BYTES + 1)).expect_err("long").reason, "a path may take 256 bytes");
    let nested = |levels: usize| format!("$[?{}@.a{}]", "(".repeat(levels), ")".repeat(levels));
    assert!(Path::parse(&nested(4)).is_ok());
    assert_eq!(Path::parse(&nested(5)).expect_err("deep").reason, "nested deeper than 4 levels");
    assert!(Path::parse("$[?length(length(length(@['a']))) == 1]").is_ok());
    assert!(Path::parse("$[?length(length(length(length(@['a'])))) == 1]").is_err());
    for two in ["$[?@.a][?@.b]", "$[?@.a, ?@.b]", "$[?@[?@.b]]", "$[?count(@[?@.b]) > 1]", "$[?@.a].b[?@.c]"] {
        assert_eq!(Path::parse(two).expect_err(two).reason, "a path may have one filter", "{two}");
    }
}

#[test]
fn bombs_are_refused_at_once() {
    let mut bombs: Vec<String> =
        ["(", "[", "[?", "[?(", "!", "..", "..*", "[*]", "[?@", "length(", "[?length(", "&&", "'", "\\"]
            .iter()
            .flat_map(|unit| ["$", "$[?", "$[?@."].map(|head| format!("{head}{}", unit.repeat(8_000))))
            .collect();
    bombs.extend(
        ["(", "!(", "[?(", "length(", "@[", "[?@["]
            .iter()
            .flat_map(|unit| (1..80).map(move |times| format!("$[?{}", unit.repeat(times)))),
    );
    bombs.push(format!("$[?{}@.a{}]", "(".repeat(8_000), ")".repeat(8_000)));
    let (_, taken) = cost::of(|| {
        for bomb in &bombs {
            assert!(bomb.starts_with("$..*..*") || Path::parse(bomb).is_err(), "{bomb}");
        }
    });
    let each = taken / u32::try_from(bombs.len()).expect("few");
    assert!(each < Duration::from_millis(1), "{each:?}");
}

#[test]
fn no_path_is_slow_on_any_value() {
    let list = |item: &str, times: usize| format!("[{}]", vec![item; times].join(","));
    let deep = format!("{}{}", "[".repeat(120), "]".repeat(120));
    let members = (0..5_000).map(|n| format!("\"m{n}\":{n}")).collect::<Vec<_>>().join(",");
    let text = "a".repeat(500_000);
    let roots = [
        list(&list("0", 100), 1_000),
        list(&deep, 500),
        format!("{{{members},\"a\":{{{members}}},\"b\":{{{members}}},\"c\":{}}}", list("0", 5_000)),
        format!("{{\"a\":\"{text}\",\"b\":\"{text}\",\"c\":{}}}", list("0", 5_000)),
        format!("{{\"a\":1{0},\"b\":1{0},\"c\":{1}}}", "0".repeat(4_000), list("0", 5_000)),
    ];
    let paths = [
        "$..*",
        "$..*..*",
        "$..*..*..*..*",
        "$[*,*,*,*,*,*,*,*,*,*][*,*,*,*,*,*,*,*,*,*]",
        "$..[?$..a]",
        "$..[?count($..*) > 1]",
        "$..[?$.a == $.b]",
        "$..[?$.a < $.b]",
        "$..[?length($.a) > 3]",
        "$..[?match($.a, '(a|aa)+b')]",
        "$..[?search($.a, 'a{0,20}b')]",
        "$..[?@.m4999]",
        "$..[::1,::1,::1,::1,::1]",
        "$.c[?$.a == $.b && $.b == $.a]",
        "$..m1",
        "$..['a','b','c','d','e']",
    ];
    for root in roots {
        let root = value(&root);
        for path in paths {
            let parsed = Path::parse(path).expect(path);
            let (nodes, taken) = cost::of(|| parsed.nodes(&root).map(|nodes| nodes.len()));
            assert!(nodes.is_ok_and(|nodes| nodes <= MAX_NODES) || nodes == Err(TooMany));
            assert!(taken < Duration::from_secs(3), "{path} took {taken:?}");
        }
    }
}

#[test]
fn a_path_may_give_so_many_nodes() {
    let items = |count: usize| Value::Array(vec![Value::Null; count]);
    let path = Path::parse("$[*]").expect("a path");
    assert_eq!(path.nodes(&items(MAX_NODES)).map(|nodes| nodes.len()), Ok(MAX_NODES));
    assert_eq!(path.nodes(&items(MAX_NODES + 1)), Err(TooMany));
}
