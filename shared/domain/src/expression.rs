//! CEL expressions, compiled once, bounded in what they may cost.
//!
//! An expression is refused when it is registered if its cost could be more than linear in the size of what it looks
//! at ([`cost`]). There are two kinds:
//!
//! - An [`Expression`] filters events by their payload. At run time it can only match or not: an error in it (a field
//!   that is missing, a text compared with a number) is no match, and so is a payload that nests deeper than 127 levels
//!   or has a number beyond a double.
//! - A [`Condition`] of a mapping is about a record, or about each of its items. An error in it is an error.

mod condition;
mod cost;
mod data;
mod facts;
mod members;
mod pattern;
#[cfg(test)]
mod tests;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use cel::common::ast::IdedExpr;
use cel::common::types::{CelBool, CelString, Kind};
use cel::common::value::Val;
use cel::context::VariableResolver;
use cel::{Context, Env, ExecutionError, Value};

pub(crate) use condition::{Condition, Place, Variables};
use cost::{Accepted, Scope};
pub(crate) use data::Data;
pub use facts::Facts;
pub(crate) use members::Members;

/// The most bytes of an expression.
pub const MAX_EXPRESSION_BYTES: usize = 2_048;
/// The most bytes of a text that is made outside a loop and used inside it.
const MAX_OUTER_TEXT: usize = 1_024;
/// The functions and types that expressions may name. `?` and `{}` are left out.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));

/// What expressions about events may name.
const EVENT: Scope = Scope { variables: &facts::VARIABLES, each: None, max_pattern: None };

/// A compiled expression.
pub struct Expression {
    body: IdedExpr,
    /// Paths of the event that loops use: each is looked up once, and stands in the body as the variable
    /// [`outer_name`].
    outer: Vec<IdedExpr>,
    work: u32,
}

/// Why an expression gives neither true nor false.
enum NoAnswer {
    Failed(ExecutionError),
    /// The result is of another type.
    NotBool(String),
}

/// Why an expression was refused, and where: both count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct ExpressionError {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// The error in words.
    pub reason: String,
}

impl ExpressionError {
    fn at_start(reason: impl Into<String>) -> Self {
        Self { line: 1, column: 1, reason: reason.into() }
    }

    /// At a byte of the source.
    fn at(source: &str, offset: usize, reason: impl Into<String>) -> Self {
        let before = source.get(..offset).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        Self { line, column: before[line_start..].chars().count() + 1, reason: reason.into() }
    }
}

/// The variable that stands for the `index`-th outer path. `@` cannot be written in an expression.
fn outer_name(index: usize) -> String {
    format!("@{index}")
}

impl Expression {
    /// Compiles an expression. It recurses: to be called on a thread with a large stack.
    ///
    /// # Errors
    /// Where it is no CEL, names what is not there, or may cost too much.
    pub fn compile(source: &str) -> Result<Self, ExpressionError> {
        Self::compile_in(source, EVENT)
    }

    fn compile_in(source: &str, scope: Scope) -> Result<Self, ExpressionError> {
        if source.len() > MAX_EXPRESSION_BYTES {
            return Err(ExpressionError::at_start(format!("at most {MAX_EXPRESSION_BYTES} bytes")));
        }
        // The parser is not known to panic; if it ever does, this text is one that cannot be parsed.
        catch_unwind(|| compile(source, scope)).unwrap_or_else(|_| Err(ExpressionError::at_start("cannot be parsed")))
    }

    /// Whether the event is one that the expression asks for. It recurses: to be called on a thread with a large stack.
    #[must_use]
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        // The evaluator is not known to panic; if it ever does, one event is missed rather than a whole chunk.
        catch_unwind(AssertUnwindSafe(|| self.evaluate(facts))).unwrap_or(false)
    }

    fn evaluate(&self, facts: &Facts<'_>) -> bool {
        self.answer(facts).unwrap_or(false)
    }

    fn answer(&self, variables: &dyn VariableResolver) -> Result<bool, NoAnswer> {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        context.set_variable_resolver(variables);
        for (index, path) in self.outer.iter().enumerate() {
            // What is not there stays unknown: its use is the error.
            let value = Value::resolve_val(path, &context).ok().filter(|value| is_small(value.as_ref()));
            let value = value.map(|value| value.into_owned());
            if let Some(value) = value {
                context.add_variable_as_val(outer_name(index), value);
            }
        }
        let result = Value::resolve_val(&self.body, &context).map_err(NoAnswer::Failed)?;
        let answer = result.downcast_ref::<CelBool>().map(|answer| *answer.inner());
        answer.ok_or_else(|| NoAnswer::NotBool(result.get_type().name().to_owned()))
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expression").finish_non_exhaustive()
    }
}

fn compile(source: &str, scope: Scope) -> Result<Expression, ExpressionError> {
    let parsed = ENVIRONMENT.parser().parse_with_source_info(source);
    let (mut body, places) = parsed.map_err(|errors| syntax_error(&errors))?;
    match cost::check(&mut body, scope) {
        Ok(Accepted { outer, work }) => Ok(Expression { body, outer, work }),
        Err(refusal) => {
            let offset = places.offset_for(refusal.node).map_or(0, |(start, _)| start as usize);
            Err(ExpressionError::at(source, offset, refusal.reason))
        }
    }
}

fn syntax_error(errors: &cel::ParseErrors) -> ExpressionError {
    let Some(first) = errors.errors.first() else { return ExpressionError::at_start("cannot be parsed") };
    let count = |place: isize| usize::try_from(place).unwrap_or(1).max(1);
    // What the parser expected instead can be a list of every token.
    let reason = first.msg.chars().take(200).collect();
    ExpressionError { line: count(first.pos.0), column: count(first.pos.1), reason }
}

fn is_small(value: &dyn Val) -> bool {
    match value.get_type().kind() {
        Kind::Boolean | Kind::Int | Kind::UInt | Kind::Double | Kind::NullType | Kind::Timestamp | Kind::Duration => {
            true
        }
        Kind::String => value.downcast_ref::<CelString<'_>>().is_some_and(|text| text.inner().len() <= MAX_OUTER_TEXT),
        _ => false,
    }
}
