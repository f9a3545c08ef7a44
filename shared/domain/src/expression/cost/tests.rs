//! The cost of each kind of node, and the limits at their edges.

use super::super::{ENVIRONMENT, EVENT};
use super::*;

fn parsed(source: &str) -> IdedExpr {
    ENVIRONMENT.parser().parse_with_source_info(source).unwrap_or_else(|_| panic!("{source}")).0
}

/// Source, size, work, nodes, and the number of outer paths.
fn measured(source: &str) -> (Source, [u32; 3], usize) {
    let measured = measure(&mut parsed(source), EVENT);
    let (Part { source, size, work, nodes }, outer) =
        measured.unwrap_or_else(|refusal| panic!("{source}: {refusal:?}"));
    (source, [size, work, nodes], outer.len())
}

fn refusal(source: &str) -> Refusal {
    check(&mut parsed(source), EVENT).expect_err(source)
}

#[test]
fn parts_of_the_payload_keep_its_size() {
    let cases = [
        ("payload", [1, 0, 1], 0),
        ("payload.a", [1, 0, 2], 0),
        ("payload.a.b", [1, 0, 3], 0),
        ("payload.a ? payload.b : 'x'", [1, 0, 6], 0),
        ("payload.a ? payload.b : payload.c", [2, 0, 7], 0),
        ("payload.a[0]", [1, 0, 4], 0),
        ("payload[payload.a]", [1, 0, 4], 0),
        ("(payload.a + payload.b)[payload.c + payload.d]", [2, 4, 11], 0),
        ("payload.a + payload.b", [2, 2, 5], 0),
        ("string(payload.a)", [1, 1, 3], 0),
        ("string(payload.a + payload.b)", [2, 4, 6], 0),
        ("[payload.a, payload.b + payload.c]", [3, 5, 8], 0),
        ("[payload.a + payload.b, payload.b + payload.c]", [4, 8, 11], 0),
        ("payload.a.filter(i, i.b)", [1, 10, 6], 0),
        ("payload.a.map(i, i.b)", [1, 10, 6], 0),
        ("payload.a.map(i, i.b > 1, i.c)", [1, 13, 6], 0),
        ("payload.a.map(i, i)", [1, 9, 6], 0),
        ("(payload.a + payload.b).map(i, i.x)", [2, 22, 9], 0),
        ("payload.a.map(i, payload.b, i)", [1, 10, 6], 1),
        ("payload.a.map(i, i.x, i)", [1, 10, 6], 0),
    ];
    for (source, numbers, outer) in cases {
        assert_eq!(measured(source), (Source::Level(0), numbers, outer), "{source}");
    }
}

#[test]
fn small_results_take_the_work_of_reading() {
    let cases = [
        ("true", 0, 1, 0),
        ("int", 0, 1, 0),
        ("has(payload.a)", 0, 2, 0),
        ("payload.a && payload.b", 0, 5, 0),
        ("!payload.a", 0, 3, 0),
        ("payload.a == payload.b", 1, 5, 0),
        ("payload.a == 'x'", 0, 4, 0),
        ("payload.a + 'x' == payload.b + payload.c", 4, 10, 0),
        ("'a' in payload.b", 1, 4, 0),
        ("payload.a + payload.b in payload.c", 5, 8, 0),
        ("payload.a < payload.b", 2, 5, 0),
        ("payload.a - payload.b", 2, 5, 0),
        ("payload.a * payload.b", 2, 5, 0),
        ("-payload.a", 1, 3, 0),
        ("payload.a.matches('x')", 18, 3, 0),
        ("matches(payload.a + payload.b, 'x')", 22, 6, 0),
        ("size(payload.a)", 1, 3, 0),
        ("payload.a.size()", 1, 3, 0),
        ("int(payload.a)", 1, 3, 0),
        ("payload.a.contains(payload.b)", 2, 5, 0),
        ("payload.a.startsWith('x')", 1, 4, 0),
        ("published_at.getHours()", 1, 2, 0),
        ("published_at.getHours(payload.a)", 2, 4, 0),
        ("[]", 0, 1, 0),
        ("[1, 2]", 0, 3, 0),
        ("payload.a.exists(i, i)", 9, 6, 0),
        ("payload.a.exists(i, i == 1)", 10, 6, 0),
        ("payload.a.all(i, i.b == payload.x)", 10, 6, 1),
        ("payload.a.exists(i, i.b == payload.x && i.c == payload.y['z'][0])", 13, 6, 2),
        ("payload.a.filter(i, i.b).size() > 1", 11, 9, 0),
        ("[1, 2, 3].exists(i, i == 1)", 1, 8, 0),
        (
            "['a','b','c','d','e','f','g','h','i','j','k','l','m','n','o','p','q'].exists(i, payload.a.b == i)",
            10,
            22,
            1,
        ),
        ("[payload.a, 2].exists(i, i == 1)", 11, 8, 0),
        ("payload.a.exists(i, i.b.exists(j, j == 1))", 21, 6, 0),
        ("(payload.a + payload.b).exists(i, i == 1)", 22, 9, 0),
        ("payload.a.exists(i, i.b.map(j, j.c).size() == 1)", 24, 6, 0),
        ("payload.a.exists(i, i.b.filter(j, j.c).exists(k, k == 1))", 33, 6, 0),
        ("payload.a.exists_one(i, i.b in ['a', 'b'])", 12, 6, 0),
        ("payload.a.exists(i, string(i.b) == string(payload.c))", 12, 6, 1),
        ("payload.a.exists(i, payload == i)", 10, 6, 1),
        ("payload.a.exists(payload, payload.a == 1)", 10, 6, 0),
        ("payload.a.exists(i, i.b[payload.c] == 1)", 11, 6, 1),
        ("payload.a.exists(i, payload.b in i)", 11, 6, 1),
        ("payload.a.exists(i, i[0] == payload.b[0].c)", 11, 6, 1),
        ("payload.a.exists(i, payload.b.size() == 1)", 10, 6, 1),
        ("payload.a.exists(i, has(payload.b))", 9, 6, 1),
        ("payload.a.exists(i, has(payload.b.c.d))", 9, 6, 1),
        ("payload.a.exists(i, (payload.b).c == i)", 10, 6, 1),
        ("payload.a.exists(i, (payload.b + 'x').c == i)", 11, 6, 1),
        ("payload.a.exists(i, i.b.exists(j, j == i.c))", 22, 6, 0),
        ("payload.a.exists(i, i.b.exists(j, i.c == 'x'))", 21, 6, 0),
    ];
    for (source, work, nodes, outer) in cases {
        assert_eq!(measured(source), (Source::Small, [0, work, nodes], outer), "{source}");
    }
}

#[test]
fn a_loop_reads_nothing_from_outside_in_full() {
    let again = [
        "payload.a.exists(i, payload[i])",
        "payload.a.exists(i, i in payload.b)",
        "payload.a.exists(i, payload.b[i.c] == 1)",
        "payload.a.exists(i, payload.b[1+1] == 1)",
        "payload.a.exists(i, i.b.exists(j, i == i.c))",
        "payload.a.exists(i, i.b.exists(j, i.c < 'x'))",
    ];
    for source in again {
        let reason = refusal(source).reason;
        assert!(reason.starts_with("would be read again for each "), "{source}: {reason}");
    }
    let maps = ["payload.a.map(i, payload)", "payload.a.map(i, i + i)", "payload.a.map(i, i.b + 1)"];
    for source in maps {
        let reason = refusal(&format!("{source}.size() == 1")).reason;
        assert_eq!(reason, "map can only take a part of i, such as i.id", "{source}");
    }
}

#[test]
fn the_most_work_is_accepted_and_no_more() {
    let of = |number: usize| vec!["payload.b.startsWith('x')"; number].join(" || ");
    assert_eq!(measured(&of(49)).1, [0, 49, 244]);
    assert!(check(&mut parsed(&of(49)), EVENT).is_ok());
    assert_eq!(refusal(&of(50)).reason, "costs too much: 65 of at most 64 passes over the payload");
}

#[test]
fn depth_counts_levels_and_not_nodes() {
    let items = vec!["1"; 100].join(", ");
    assert!(check(&mut parsed(&format!("1 in [{items}]")), EVENT).is_ok());
    let nested = |levels: usize| format!("{}payload.a == 1{}", "!(".repeat(levels), ")".repeat(levels));
    assert!(check(&mut parsed("payload.a == 1"), EVENT).is_ok());
    let deepest = (0..60).find(|levels| check(&mut parsed(&nested(*levels)), EVENT).is_err()).expect("one is refused");
    assert_eq!(refusal(&nested(deepest)).reason, "nested deeper than 48 levels");
}

#[test]
fn known_functions_are_told_from_unknown_ones() {
    for source in ["payload.getHours(1, 2) == 1", "int(1, 2) == 1", "payload.a.contains() == true", "string() == 'x'"] {
        let reason = refusal(source).reason;
        assert!(reason.ends_with(" does not take these arguments"), "{source}: {reason}");
    }
    for source in ["has() == true", "map(1) == 1"] {
        let reason = refusal(source).reason;
        assert!(reason.ends_with(" does not take these arguments"), "{source}: {reason}");
    }
    assert_eq!(refusal("upper(payload.a)").reason, "there is no function upper in an expression");
    assert_eq!(refusal("payload.a.upper() == 'X'").reason, "there is no function upper in an expression");
}
