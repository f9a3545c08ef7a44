//! Paths: the examples of RFC 9535, what is refused, and that no text and no value is slow.

#![expect(clippy::disallowed_methods, reason = "measures what parsing and evaluation cost")]

use std::time::{Duration, Instant};

use super::*;

fn value(json: &str) -> Value {
    Value::parse(json.as_bytes()).unwrap_or_else(|error| panic!("{error}: {:.200}", json))
}

fn found(path: &str, root: &Value) -> String {
    let path = Path::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let nodes = path.nodes(root).expect("few nodes");
    if path.is_singular() {
        assert_eq!(path.one(root), nodes.first().copied(), "{path:?}");
    } else {
        assert_eq!(path.one(root), None, "{path:?}");
    }
    Value::Array(nodes.into_iter().cloned().collect()).to_json()
}

/// Checks each path against the JSON text of the list of its nodes.
fn check(root: &str, cases: &[(&str, &str)]) {
    let root = value(root);
    for (path, want) in cases {
        assert_eq!(found(path, &root), value(want).to_json(), "{path}");
    }
}

#[test]
fn the_bookstore() {
    let root = value(
        r#"{"store": {"book": [
            {"category": "reference", "author": "Nigel Rees", "title": "Sayings of the Century", "price": 8.95},
            {"category": "fiction", "author": "Evelyn Waugh", "title": "Sword of Honour", "price": 12.99},
            {"category": "fiction", "author": "Herman Melville", "title": "Moby Dick", "isbn": "0-553-21311-3", "price": 8.99},
            {"category": "fiction", "author": "J. R. R. Tolkien", "title": "The Lord of the Rings", "isbn": "0-395-19395-8", "price": 22.99}],
            "bicycle": {"color": "red", "price": 399}}}"#,
    );
    let authors = r#"["Nigel Rees","Evelyn Waugh","Herman Melville","J. R. R. Tolkien"]"#;
    let titles = [
        ("$.store.book[*].author", authors),
        ("$..author", authors),
        ("$.store..price", "[8.95,12.99,8.99,22.99,399]"),
        ("$..book[2].title", r#"["Moby Dick"]"#),
        ("$..book[2].author", r#"["Herman Melville"]"#),
        ("$..book[2].publisher", "[]"),
        ("$..book[-1].title", r#"["The Lord of the Rings"]"#),
        ("$..book[0,1].title", r#"["Sayings of the Century","Sword of Honour"]"#),
        ("$..book[:2].title", r#"["Sayings of the Century","Sword of Honour"]"#),
        ("$..book[?@.isbn].title", r#"["Moby Dick","The Lord of the Rings"]"#),
        ("$..book[?@.price<10].title", r#"["Sayings of the Century","Moby Dick"]"#),
        (
            "$.store.book[?@.price > 10 && @.category == 'fiction'].title",
            r#"["Sword of Honour","The Lord of the Rings"]"#,
        ),
    ];
    for (path, want) in titles {
        assert_eq!(found(path, &root), want, "{path}");
    }
    let count = |path: &str| Path::parse(path).expect("a path").nodes(&root).expect("few").len();
    assert_eq!((count("$..*"), count("$.store.*"), count("$")), (27, 2, 1));
}

#[test]
fn names_and_wildcards() {
    check(
        r#"{"o": {"j j": {"k.k": 3}}, "'": {"@": 2}}"#,
        &[
            ("$.o['j j']", r#"[{"k.k":3}]"#),
            ("$.o['j j']['k.k']", "[3]"),
            (r#"$.o["j j"]["k.k"]"#, "[3]"),
            (r#"$["'"]["@"]"#, "[2]"),
            (r"$['\'']['@']", "[2]"),
            (r"$['\u006f']['j j']['k.k']", "[3]"),
            ("$ .o [ 'j j' ]\n['k.k']", "[3]"),
        ],
    );
    check(
        r#"{"o": {"j": 1, "k": 2}, "a": [5, 3], "é": 7, "_1": 8}"#,
        &[
            ("$[*]", r#"[{"j":1,"k":2},[5,3],7,8]"#),
            ("$.o[*]", "[1,2]"),
            ("$.o.*", "[1,2]"),
            ("$.o[*, *]", "[1,2,1,2]"),
            ("$.a[*]", "[5,3]"),
            ("$.é", "[7]"),
            ("$._1", "[8]"),
            ("$.a.j", "[]"),
            ("$.o[0]", "[]"),
        ],
    );
    check(r#"{"😀": 1, "\n\"/\\": 2}"#, &[(r"$['\ud83d\uDE00']", "[1]"), (r#"$["\n\"\/\\"]"#, "[2]")]);
}

#[test]
fn indices_slices_and_unions() {
    check(
        r#"["a", "b", "c", "d", "e", "f", "g"]"#,
        &[
            ("$[1]", r#"["b"]"#),
            ("$[-2]", r#"["f"]"#),
            ("$[7]", "[]"),
            ("$[-8]", "[]"),
            ("$[1:3]", r#"["b","c"]"#),
            ("$[5:]", r#"["f","g"]"#),
            ("$[1:5:2]", r#"["b","d"]"#),
            ("$[5:1:-2]", r#"["f","d"]"#),
            ("$[::-1]", r#"["g","f","e","d","c","b","a"]"#),
            ("$[::0]", "[]"),
            ("$[ 1 : 3 : ]", r#"["b","c"]"#),
            ("$[:]", r#"["a","b","c","d","e","f","g"]"#),
            ("$[-3:-1]", r#"["e","f"]"#),
            ("$[-100:2]", r#"["a","b"]"#),
            ("$[3:1]", "[]"),
            ("$[1:3:-1]", "[]"),
            ("$[9:-100:-3]", r#"["g","d","a"]"#),
            ("$[0, 3]", r#"["a","d"]"#),
            ("$[0:2, 5]", r#"["a","b","f"]"#),
            ("$[0, 0]", r#"["a","a"]"#),
            ("$[9007199254740991]", "[]"),
            ("$[-9007199254740991:9007199254740991:9007199254740991]", r#"["a"]"#),
        ],
    );
}

#[test]
fn descendants() {
    check(
        r#"{"o": {"j": 1, "k": 2}, "a": [5, 3, [{"j": 4}, {"k": 6}]]}"#,
        &[
            ("$..j", "[1,4]"),
            ("$..[0]", r#"[5,{"j":4}]"#),
            ("$..o", r#"[{"j":1,"k":2}]"#),
            ("$.o..[*, *]", "[1,2,1,2]"),
            ("$.a..[0, 1]", r#"[5,3,{"j":4},{"k":6}]"#),
            ("$..*", r#"[{"j":1,"k":2},[5,3,[{"j":4},{"k":6}]],1,2,5,3,[{"j":4},{"k":6}],{"j":4},{"k":6},4,6]"#),
        ],
    );
    check(
        r#"{"a": null, "b": [null], "c": [{}], "null": 1}"#,
        &[
            ("$.a", "[null]"),
            ("$.a[0]", "[]"),
            ("$.a.d", "[]"),
            ("$.b[0]", "[null]"),
            ("$.b[*]", "[null]"),
            ("$.b[?@]", "[null]"),
            ("$.b[?@==null]", "[null]"),
            ("$.c[?@.d==null]", "[]"),
            ("$.null", "[1]"),
        ],
    );
}

#[test]
fn filters() {
    check(
        r#"{"a": [3, 5, 1, 2, 4, 6, {"b": "j"}, {"b": "k"}, {"b": {}}, {"b": "kilo"}],
            "o": {"p": 1, "q": 2, "r": 3, "s": 5, "t": {"u": 6}}, "e": "f"}"#,
        &[
            ("$.a[?@.b == 'kilo']", r#"[{"b":"kilo"}]"#),
            ("$.a[?(@.b == 'kilo')]", r#"[{"b":"kilo"}]"#),
            ("$.a[?@>3.5]", "[5,4,6]"),
            ("$.a[?@.b]", r#"[{"b":"j"},{"b":"k"},{"b":{}},{"b":"kilo"}]"#),
            (
                "$[?@.*]",
                r#"[[3,5,1,2,4,6,{"b":"j"},{"b":"k"},{"b":{}},{"b":"kilo"}],{"p":1,"q":2,"r":3,"s":5,"t":{"u":6}}]"#,
            ),
            ("$.a[?@<2 || @.b == \"k\"]", r#"[1,{"b":"k"}]"#),
            ("$.a[?match(@.b, \"[jk]\")]", r#"[{"b":"j"},{"b":"k"}]"#),
            ("$.a[?search(@.b, \"[jk]\")]", r#"[{"b":"j"},{"b":"k"},{"b":"kilo"}]"#),
            ("$.o[?@>1 && @<4]", "[2,3]"),
            ("$.o[?@.u || @.x]", r#"[{"u":6}]"#),
            ("$.a[?@.b == $.x]", "[3,5,1,2,4,6]"),
            ("$.a[?@ == @]", r#"[3,5,1,2,4,6,{"b":"j"},{"b":"k"},{"b":{}},{"b":"kilo"}]"#),
            ("$.a[?!@.b]", "[3,5,1,2,4,6]"),
            ("$.a[?!(@.b || @ < 4)]", "[5,4,6]"),
            ("$.a[? @ >= 5 , 0]", "[5,6,3]"),
            ("$.a[?@.b < 'k' || @.b > 'k']", r#"[{"b":"j"},{"b":"kilo"}]"#),
            ("$.a[?length(@.b) > 3]", r#"[{"b":"kilo"}]"#),
            ("$.a[?count(@.*) == 1 && length(@.b) == 0]", r#"[{"b":{}}]"#),
            ("$.a[?value(@..b) == 'j']", r#"[{"b":"j"}]"#),
            ("$.a[?@ == $.o.p]", "[1]"),
            ("$.a[?1 == @]", "[1]"),
            ("$.a[?@ == 1e0]", "[1]"),
            ("$.a[?@ == 10e-1 || (@ == 2 && (@ < 3 || (@ == 0)))]", "[1,2]"),
            ("$.o[?@ == true || @ == false || @ == null]", "[]"),
        ],
    );
    check(
        r#"[{"a": [1, {"b": 2.0}], "c": [1.0, {"b": 2}]}, {"a": [1], "c": [1, 1]}, {"a": {"x": 1}, "c": {"y": 1}}]"#,
        &[("$[?@.a == @.c].a[0]", "[1]"), ("$[?@['a'] != @.c].c", r#"[[1,1],{"y":1}]"#)],
    );
}

/// Table 11 of the RFC: comparisons with nothing, and of values of different kinds.
#[test]
fn comparisons() {
    let root = value(r#"{"obj": {"x": "y"}, "arr": [2, 3], "item": [0]}"#);
    let cases = [
        ("$.absent1 == $.absent2", true),
        ("$.absent1 <= $.absent2", true),
        ("$.absent == 'g'", false),
        ("$.absent1 != $.absent2", false),
        ("$.absent != 'g'", true),
        ("1 <= 2", true),
        ("1 > 2", false),
        ("13 == '13'", false),
        ("'a' <= 'b'", true),
        ("'a' > 'b'", false),
        ("$.obj == $.arr", false),
        ("$.obj != $.arr", true),
        ("$.obj == $.obj", true),
        ("$.obj != $.obj", false),
        ("$.arr == $.arr", true),
        ("$.obj == 17", false),
        ("$.obj != 17", true),
        ("$.obj <= $.arr", false),
        ("$.obj < $.arr", false),
        ("$.obj <= $.obj", true),
        ("$.arr <= $.arr", true),
        ("1 <= $.arr", false),
        ("1 >= $.arr", false),
        ("1 > $.arr", false),
        ("true <= true", true),
        ("true > true", false),
        ("9007199254740993 > 9007199254740992", true),
        ("1.10 == 1.1", true),
        ("-0 == 0.0", true),
        ("1E2 == 100", true),
        ("length($.arr) == 2 && length('äö') == 2 && length($.obj.x) == 1", true),
        ("length(length('x')) == $.absent", true),
        ("value($.arr[*]) == $.absent", true),
        ("count($..*) == 7", true),
        ("match('a\\u000ab', 'a.b') || match('ab', 'a')", false),
        ("match('a.b', 'a[.]b') && match('axb', 'a.b') && match('x', 'a|x|b') && search('xay', 'a')", true),
        ("match(1, '1')", false),
    ];
    for (condition, want) in cases {
        assert_eq!(found(&format!("$.item[?{condition}]"), &root), if want { "[0]" } else { "[]" }, "{condition}");
    }
}

#[test]
fn what_is_no_path_is_refused_where_it_stops() {
    let cases = [
        ("", 0),
        (" $", 0),
        ("$ ", 1),
        ("a", 0),
        ("@", 0),
        ("$a", 1),
        ("$.", 2),
        ("$..", 3),
        ("$...a", 3),
        ("$.1", 2),
        ("$. a", 2),
        ("$.-a", 2),
        ("$.'a'", 2),
        ("$['a", 4),
        ("$[\"a\\'\"]", 4),
        ("$['a\\x']", 4),
        ("$['\\ud800']", 3),
        ("$['\\udc00']", 3),
        ("$['\\u12g4']", 3),
        ("$['\n']", 3),
        ("$[]", 2),
        ("$[,]", 2),
        ("$[1,]", 4),
        ("$[1 2]", 4),
        ("$[01]", 2),
        ("$[-0]", 2),
        ("$[-]", 2),
        ("$[1.0]", 3),
        ("$[9007199254740992]", 2),
        ("$[1:2:3:4]", 7),
        ("$[a]", 2),
        ("$[1", 3),
        ("$[?]", 3),
        ("$[?@.a", 6),
        ("$[?@.a ==]", 9),
        ("$[?@.a = 1]", 7),
        ("$[?@.a && ]", 10),
        ("$[?1]", 3),
        ("$[?true]", 3),
        ("$[?'a']", 3),
        ("$[?(@.a]", 7),
        ("$[?@.* == 1]", 3),
        ("$[?@..a == 1]", 3),
        ("$[?1 == @[0,1]]", 8),
        ("$[?@.a == (1)]", 10),
        ("$[?(@.a) == 1]", 9),
        ("$[?!@.a == 1]", 8),
        ("$[?!!@.a]", 4),
        ("$[?!1]", 4),
        ("$[?@.a == 01]", 10),
        ("$[?@.a == 1.]", 10),
        ("$[?@.a == .1]", 10),
        ("$[?@.a == +1]", 10),
        ("$[?@.a == -]", 10),
        ("$[?@.a == nul]", 10),
        ("$[?@.a == True]", 10),
        ("$[?@.a === 1]", 9),
        ("$[?length(@.a)]", 3),
        ("$[?length(@.*) == 1]", 10),
        ("$[?length() == 1]", 10),
        ("$[?length(@.a, 1) == 1]", 13),
        ("$[?count(1) == 1]", 9),
        ("$[?count(@.*)]", 3),
        ("$[?match(@.a, 'b') == true]", 3),
        ("$[?match(@.a)]", 12),
        ("$[?match(@.a, @.b)]", 14),
        ("$[?match(@.a, '[')]", 14),
        ("$[?match(@.a, '(?i)a')]", 14),
        ("$[?search(@.a, 'a{1000}{1000}')]", 15),
        ("$[?length (@.a) == 1]", 3),
        ("$[?upper(@.a) == 'A']", 3),
        ("$[?@.a and @.b]", 7),
        ("$[?@.a == 'b' 'c']", 14),
        ("$.a.b c", 5),
        ("$.é\u{0}", 4),
    ];
    for (path, offset) in cases {
        let error = Path::parse(path).expect_err(path);
        assert_eq!(error.offset, offset, "{path}: {error}");
        assert!(!error.reason.is_empty());
    }
}

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
    let start = Instant::now();
    for bomb in &bombs {
        assert!(bomb.starts_with("$..*..*") || Path::parse(bomb).is_err(), "{bomb}");
    }
    let each = start.elapsed() / u32::try_from(bombs.len()).expect("few");
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
            let start = Instant::now();
            if let Ok(nodes) = parsed.nodes(&root) {
                assert!(nodes.len() <= MAX_NODES);
            }
            let taken = start.elapsed();
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

mod fuzz {
    use proptest::prelude::*;

    use super::*;

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
        prop::collection::vec(prop::sample::select(known.to_vec()), 0..14)
            .prop_map(|parts| format!("${}", parts.concat()))
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
        let segment =
            prop::sample::select(vec![".a", "['b']", "[0]", "[-1]", "[*]", "..a", "..*", "[::-1]", "[0,'a']"]);
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
            let start = Instant::now();
            let parsed = Path::parse(&text);
            prop_assert!(start.elapsed() < Duration::from_millis(50));
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
}
