//! Regular expressions of `matches`: the evaluator compiles them anew for each event, so they have to be small.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};
use cel::{Context, Value};

use super::ENVIRONMENT;

/// The most bytes of a regular expression.
const MAX_PATTERN_BYTES: usize = 128;
/// The most that the counts of its repetitions may multiply to, as each copies what it repeats.
const MAX_REPETITIONS: u32 = 64;

/// Whether a regular expression is one, and cheap to compile: where there is a limit, to no more than so many bytes.
pub(super) fn check_pattern(pattern: &str, max_compiled: Option<usize>) -> Result<(), String> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(format!("a pattern may take {MAX_PATTERN_BYTES} bytes"));
    }
    let counts = pattern.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    let largest = |(count, _): (&str, &str)| count.split(',').filter_map(|n| n.trim().parse::<u32>().ok()).max();
    let product = counts.filter_map(largest).fold(1, |product: u32, n| product.saturating_mul(n.max(1)));
    if product > MAX_REPETITIONS {
        return Err(format!("the pattern repeats too much: its counts may multiply to {MAX_REPETITIONS}"));
    }
    if let Some(limit) = max_compiled
        && let Err(regex::Error::CompiledTooBig(_)) = regex::RegexBuilder::new(pattern).size_limit(limit).build()
    {
        return Err("the pattern is too large".to_owned());
    }
    let text = |text: &str| IdedExpr { id: 0, expr: Expr::Literal(LiteralValue::String(text.to_owned().into())) };
    let call =
        CallExpr { func_name: "matches".to_owned(), target: Some(Box::new(text(""))), args: vec![text(pattern)] };
    let (call, context) = (IdedExpr { id: 0, expr: Expr::Call(call) }, Context::with_env(ENVIRONMENT.clone()));
    Value::resolve_val(&call, &context).map(|_| ()).map_err(|error| error.to_string().chars().take(200).collect())
}
