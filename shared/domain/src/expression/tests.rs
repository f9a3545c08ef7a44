//! Which events expressions match, which expressions are refused and where, and that their cost is bounded.

#![expect(clippy::disallowed_macros, reason = "shows what evaluation costs")]

mod fuzz;

use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;
use crate::cost;
use crate::event::Event;
use crate::time::Millis;

fn event(payload: &str) -> Event {
    Event {
        id: "1".into(),
        name: "order.line.added".into(),
        published_at: Millis(1_700_000_000_120),
        logged_at: Millis(0),
        payload: RawValue::from_string(payload.to_owned()).expect("json"),
        partner_id: Some("p-1".into()),
        document_type: None,
        ordering_key: None,
    }
}

/// An expression, compiled as the engine does it.
fn compiled(source: &str) -> Result<Expression, ExpressionError> {
    let source = source.to_owned();
    on_own_stack(move || Expression::compile(&source))
}

fn on_own_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    crate::deep::run(work)
}

fn matches(source: &str, payload: &Value) -> bool {
    let event = event(&payload.to_string());
    let expression = compiled(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    on_own_stack(move || expression.matches(&Facts::of(&event)))
}

fn refused(source: &str) -> ExpressionError {
    compiled(source).map_or_else(|error| error, |_| panic!("accepted: {source}"))
}

#[test]
fn expressions_match_by_content() {
    let payload = json!({
        "total": 120, "price": 9.5, "big": u64::MAX, "currency": "EUR", "paid": true, "note": null, "top": 2,
        "lines": [{"sku": "A-1", "qty": 1, "tags": ["x", "y"]}, {"sku": "B-\u{fc}\n", "qty": 3, "tags": []}],
        "tags": ["x", "y"], "at": "2026-01-31T12:00:00Z", "a b": {"c.d": 1},
    });
    let cases = [
        ("payload.total > 100 && payload.currency == 'EUR'", true),
        ("payload.total == 120.0 && payload.price < 10 && payload.price > 9", true),
        ("payload.total + 1 == 121 && payload.total % 7 == 1 && -payload.total < 0", true),
        ("payload.big == 18446744073709551615u", true),
        ("payload.paid", true),
        ("!payload.paid", false),
        ("payload.note == null && !has(payload.missing)", true),
        ("has(payload.missing) && payload.missing > 1", false),
        ("has(payload.missing) ? payload.missing > 1 : payload.total > 1", true),
        ("payload.currency in ['USD', 'EUR']", true),
        ("'x' in payload.tags && 'currency' in payload", true),
        ("payload['a b']['c.d'] == 1", true),
        ("payload.lines[0].sku == 'A-1'", true),
        ("size(payload.lines) == 2 && payload.tags.size() == 2 && payload.currency.size() == 3", true),
        ("payload.lines.exists(l, l.sku == 'A-1' && l.qty < 2)", true),
        ("payload.lines.all(l, l.qty > 0)", true),
        ("payload.lines.exists_one(l, l.qty > payload.top)", true),
        ("payload.lines.exists(l, l.qty > payload.missing)", false),
        ("payload.lines.exists(l, l.qty > payload.top && l.sku != payload.currency)", true),
        // Only a single value comes from outside a loop.
        ("payload.lines.exists(l, l.tags == payload.tags)", false),
        ("payload.lines.exists(l, l.tags == ['x', 'y'])", true),
        ("payload.lines.exists(l, l.tags.exists(t, t == 'x'))", true),
        ("payload.lines.exists(l, 'y' in l.tags)", true),
        ("payload.lines.exists(l, l.sku.endsWith('\\n'))", true),
        ("payload.lines.filter(l, l.qty > 2).size() == 1", true),
        ("payload.lines.filter(l, l.qty > 0).exists(l, l.sku.startsWith('B'))", true),
        ("'A-1' in payload.lines.map(l, l.sku)", true),
        ("payload.lines.map(l, l.qty > 2, l.sku) == ['A-1']", false),
        ("payload.exists(key, key.contains('urren'))", true),
        ("['EUR', 'USD'].exists(c, payload.currency == c)", true),
        ("payload.currency.matches('^E[A-Z]{2}$') && matches(payload.currency, 'U')", true),
        ("timestamp(payload.at) > timestamp('2026-01-01T00:00:00Z')", true),
        ("timestamp(payload.at).getHours() == 12 && timestamp(payload.at).getHours('+02:00') == 14", true),
        ("published_at < timestamp('2023-11-15T00:00:00Z') && published_at.getFullYear() == 2023", true),
        ("published_at + duration('1h') > published_at", true),
        ("name == 'order.line.added' && entity == 'order'", true),
        ("partner_id == 'p-1' && document_type == null", true),
        ("type(payload.total) == int && type(payload.tags) == list", true),
        ("string(payload.total) == '120' && int('7') == 7 && double(payload.total) == 120.0", true),
        // An error is no match, unless the other side decides.
        ("payload.missing == 1", false),
        ("payload.missing == 1 || payload.paid", true),
        ("payload.currency > 1", false),
        ("payload.total / 0 == 1", false),
        ("payload.total + 9223372036854775807 > 0", false),
        ("payload.currency", false),
        ("payload.lines.exists(l, l.nothing)", false),
        ("payload.lines.exists(payload, payload.sku == 'A-1')", true),
    ];
    for (source, want) in cases {
        assert_eq!(matches(source, &payload), want, "{source}");
    }
}

#[test]
fn a_key_with_escapes_is_read_as_any_other() {
    let expression = compiled("payload.ab == 1 && payload['c\"'] == 2").expect("compiles");
    let event = event(r#"{"\u0061b": 1, "c\"": 2}"#);
    assert!(on_own_stack(move || expression.matches(&Facts::of(&event))));
}

#[test]
fn a_text_from_outside_a_loop_may_have_a_kibibyte() {
    for (length, want) in [(1_024, true), (1_025, false)] {
        let payload = json!({"key": "x".repeat(length), "list": ["x".repeat(length)]});
        assert_eq!(matches("payload.list.exists(l, l == payload.key)", &payload), want, "{length}");
    }
}

#[test]
fn an_expression_and_its_patterns_may_be_as_long_as_their_limits() {
    let expression = |bytes: usize| format!("payload.x == '{}'", "x".repeat(bytes - "payload.x == ''".len()));
    assert!(compiled(&expression(MAX_EXPRESSION_BYTES)).is_ok());
    assert_eq!(refused(&expression(MAX_EXPRESSION_BYTES + 1)).reason, "at most 2048 bytes");
    let pattern = |pattern: &str| format!("payload.x.matches('{pattern}')");
    assert!(compiled(&pattern(&"x".repeat(128))).is_ok());
    assert_eq!(refused(&pattern(&"x".repeat(129))).reason, "a pattern may take 128 bytes");
    assert!(compiled(&pattern("(x{8}){8}")).is_ok());
    let reason = "the pattern repeats too much: its counts may multiply to 64";
    assert_eq!(refused(&pattern("(x{8}){9}")).reason, reason);
}

#[test]
fn nothing_of_an_event_is_printed_but_its_id() {
    let event = event(r#"{"secret": 1}"#);
    let printed = format!("{:?} {:?}", Facts::of(&event), compiled("payload.secret == 1").expect("compiles"));
    assert_eq!(printed, "Facts { event: \"1\", .. } Expression { .. }");
}

#[test]
fn refusals_say_where() {
    let at = |source: &str| {
        let error = refused(source);
        (error.line, error.column)
    };
    assert_eq!(at("payload.total >"), (1, 16));
    assert_eq!(at("payload.total > 1 &&\n  pay.x == 1"), (2, 3));
    assert_eq!(at("'\u{fc}\u{1f600}' == order"), (1, 9));
    assert_eq!(at("payload.x.matches('[')"), (1, 19));
    assert_eq!(refused("order == 1").reason.split(':').next(), Some("there is no variable order"));
    assert_eq!(refused("payload.x.upper()").reason, "there is no function upper in an expression");
    assert_eq!(refused("size(payload, 1) == 1").reason, "size does not take these arguments");
}

#[test]
fn what_is_no_bool_or_may_cost_too_much_is_refused() {
    let long = format!("payload.x == '{}'", "x".repeat(2_048));
    let scans = vec!["payload.a.exists(i, i.b.contains('x'))"; 40].join(" || ");
    let sums = format!("{}payload.a == 'x'", "payload.a + ".repeat(40));
    let patterns = ["payload.a.matches('x')"; 8].join(" || ");
    let cases = [
        "",
        " ",
        "1",
        "'x'",
        "[true]",
        "payload.a + payload.b",
        "size(payload)",
        "payload.a.map(i, i)",
        "// nothing",
        "payload.items.exists(i, payload.items.exists(j, i == j))",
        "payload.items.exists(i, i.a.exists(j, i.a.exists(k, k == j)))",
        "payload.items.exists(i, i.sku in payload.allowed)",
        "payload.items.exists(i, payload.rates[i.currency] > 1)",
        "payload.items.exists(i, i.tags.exists(t, i.name.contains(t)))",
        "payload.items.exists(i, i.tags.exists(t, t < i.name))",
        "payload.items.exists(i, i.tags.exists(t, i.a == i.b))",
        "payload.items.exists(i, ['a', 'b'].exists(t, t == i))",
        "payload.items.exists(i, i.name.matches('x'))",
        "payload.items.map(i, 'a long text').size() > 1",
        "payload.items.map(i, payload.text).size() > 1",
        "payload.items.map(i, [i, i]).size() > 1",
        "payload.a.matches(payload.b)",
        "payload.a.matches('(x{50}){50}')",
        "payload.a.matches('(?=x)')",
        "{'a': payload.a}.a == 1",
        "payload == Order{}",
        "optional.of(payload.a).hasValue()",
        "payload.?a == 1",
        ".payload.a == 1",
        "payload.a.format([1]) == ''",
        "base64.decode('') == b''",
        "max(1, 2) == 2",
        "payload.`a` == 1",
        "@0 == 1",
        "__result__",
        "true\0",
        long.as_str(),
        scans.as_str(),
        sums.as_str(),
        patterns.as_str(),
    ];
    for source in cases {
        refused(source);
    }
}

/// On the stack that a worker's thread has.
#[test]
fn no_nesting_overflows_the_stack() {
    let repeat = |head: &str, unit: &str, tail: &str| {
        let times = (MAX_EXPRESSION_BYTES - head.len() - tail.len()) / unit.len();
        format!("{head}{}{tail}", unit.repeat(times))
    };
    let mut bombs: Vec<String> = [
        "(",
        "[",
        "{",
        "!",
        "-",
        "payload.a?",
        "a?b:",
        "payload[",
        "size(",
        "'",
        "!(",
        "-(",
        "[[],",
        "{1:",
        "\"",
        "r'",
        "a.b(",
    ]
    .iter()
    .map(|unit| repeat("", unit, ""))
    .collect();
    for unit in ["(", "[", "!(", "-(", "true?true:", "!", "-", "true == ", "1 + ", "payload.a[", "size("] {
        for half in [20, 45, 90, 400] {
            let close: String = unit
                .chars()
                .filter_map(|c| match c {
                    '(' => Some(')'),
                    '[' => Some(']'),
                    _ => None,
                })
                .collect();
            bombs.push(format!("{}true{}", unit.repeat(half), close.repeat(half)));
        }
    }
    bombs.push(repeat("payload", ".a", ""));
    bombs.push(repeat("payload", "[0]", ""));
    bombs.push(repeat("payload", ".f()", ""));
    bombs.push(repeat("true", " && true", ""));
    bombs.push(repeat("true", " ? true : true", ""));
    bombs.push(repeat("payload", ".filter(x, true)", ".size() > 1"));
    let payload = format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100));
    on_own_stack(move || {
        let deep = event(&payload);
        for bomb in bombs {
            if let Ok(expression) = compiled(&bomb) {
                let _ = expression.matches(&Facts::of(&deep));
            }
        }
    });
}

#[test]
fn payloads_that_cannot_be_values_match_nothing() {
    let expression = compiled("payload.a == 1 || !has(payload.a)").expect("compiles");
    let deep = format!("{{\"b\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let matched =
        [deep.as_str(), r#"{"a":1e999}"#, "{}"].map(|payload| expression.matches(&Facts::of(&event(payload))));
    assert_eq!(matched, [false, false, true]);
    // What does not ask for the payload does not mind.
    assert!(compiled("entity == 'order'").expect("compiles").matches(&Facts::of(&event(&deep))));
}

/// Payloads of so many bytes in the shapes that cost an expression of its kind most.
fn heavy(bytes: usize) -> Vec<Event> {
    let fill = |head: &str, unit: &str, tail: &str| {
        let times = (bytes - head.len() - tail.len()) / (unit.len() + 1);
        event(&format!("{head}{}{tail}", vec![unit; times].join(",")))
    };
    vec![
        fill("{\"a\":[", "0", "]}"),
        fill("{\"a\":[", "[0,0,0,0]", "]}"),
        event(&format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 10))),
        event(&format!("{{\"a\":[\"{}\",{}0]}}", "x".repeat(bytes / 2), "0,".repeat(bytes / 4))),
    ]
}

/// The most that an accepted expression may take, as a multiple of reading the same payload's JSON. Without optimisation
/// the costliest takes half of it.
const MOST: u32 = 600;

/// How much more a payload of four times the size may take, if what both take is proportional to it.
const LINEAR: u32 = 8;

fn matching(expression: &Arc<Expression>, event: &Event) -> Duration {
    let (expression, event) = (Arc::clone(expression), event.clone());
    on_own_stack(move || cost::of(|| expression.matches(&Facts::of(&event))).1)
}

/// How many times `less` is in `more`; what is below half a millisecond is too little to measure.
fn ratio(more: Duration, less: Duration) -> u32 {
    u32::try_from(more.as_nanos() / less.max(Duration::from_micros(500)).as_nanos()).unwrap_or(u32::MAX)
}

#[test]
fn the_costliest_accepted_expressions_stay_linear() {
    let loops = |times| vec!["payload.a.exists(i, i.b == 'y')"; times].join(" || ");
    let longest = |unit: &str, join: &str| {
        (1..60).rev().map(|n| vec![unit; n].join(join)).find(|source| compiled(source).is_ok()).expect("one")
    };
    let sources = [
        loops(2),
        longest("payload.a.exists(i, i.b == 'y')", " || "),
        longest("payload.a.exists(i, payload.a < i)", " || "),
        longest("payload.a.filter(i, true).exists(i, i < 0)", " || "),
        longest("payload.a.exists(i, i.all(j, j == 0) && i == 1)", " || "),
        longest("payload.a.contains('xxxxy')", " || "),
        longest("payload.a.matches('(x+x+)+y')", " || "),
        longest("payload.a < [payload.a, payload.a]", " || "),
        longest("payload == payload && payload.a in [payload.a]", " && "),
        (1..60)
            .rev()
            .map(|n| format!("payload.a.exists(i, {})", vec!["i.b in ['a', 'b']"; n].join(" || ")))
            .find(|source| compiled(source).is_ok())
            .expect("one"),
    ];
    let (mut worst, mut steepest) = (0, 0);
    for source in sources {
        let Ok(expression) = compiled(&source).map(Arc::new) else { continue };
        for (event, quarter) in heavy(256 * 1024).iter().zip(&heavy(64 * 1024)) {
            let (_, reading) = cost::of(|| serde_json::from_str::<Value>(event.payload.get()).expect("json"));
            let taken = matching(&expression, event);
            let (times, growth) = (ratio(taken, reading), ratio(taken, matching(&expression, quarter)));
            assert!(times < MOST && growth < LINEAR, "{times} times, grown {growth} times: {source}");
            (worst, steepest) = (worst.max(times), steepest.max(growth));
        }
    }
    println!(
        "the costliest took {worst} times what reading its payload takes; four times as much took {steepest} times"
    );
}
