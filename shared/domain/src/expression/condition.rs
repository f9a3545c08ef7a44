//! Conditions of mappings: expressions about a record, or about each of its items.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cel::ExecutionError;
use cel::common::value::CowVal;
use cel::context::VariableResolver;

use super::cost::Scope;
use super::{Data, Expression, ExpressionError, MAX_OUTER_TEXT, Members, NoAnswer};

/// The most characters of an error that an evaluation gives.
const MAX_ERROR_CHARS: usize = 200;

/// The most bytes of a compiled regular expression: a mapping may have many.
const MAX_PATTERN_BYTES: usize = 64 * 1024;

/// Where a condition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is evaluated once: `item` is the record itself.
    Record,
    /// It is evaluated for each `item`: of `record`, it can use single values.
    EachItem,
}

impl Place {
    const fn scope(self) -> Scope {
        let each = match self {
            Self::Record => None,
            Self::EachItem => Some("item"),
        };
        Scope { variables: &["record", "item"], each, max_pattern: Some(MAX_PATTERN_BYTES) }
    }
}

/// A compiled condition.
#[derive(Debug)]
pub(crate) struct Condition {
    expression: Expression,
    place: Place,
    record: Members,
    item: Members,
}

impl Condition {
    /// Compiles a condition. It recurses: to be called on a thread with a large stack.
    ///
    /// # Errors
    /// Where it is no CEL, names what is not there, or may cost too much.
    pub(crate) fn compile(source: &str, place: Place) -> Result<Self, ExpressionError> {
        let expression = Expression::compile_in(source, place.scope())?;
        let members = |variable: &str| {
            let mut members = Members::default();
            let parts = std::iter::once(&expression.body).chain(&expression.outer);
            parts.for_each(|part| members.add_from(part, variable));
            members
        };
        let (record, item) = (members("record"), members("item"));
        Ok(Self { expression, place, record, item })
    }

    /// Its work, in passes over what it looks at.
    pub(crate) fn work(&self) -> u32 {
        self.expression.work
    }

    /// The work of one evaluation: the weight of what it looks at, for each pass.
    pub(crate) fn cost(&self, variables: &Variables<'_>) -> usize {
        let weight = |data: Option<&Data<'_>>| data.map_or(0, Data::weight);
        let record = if self.place == Place::Record { weight(variables.record) } else { 0 };
        (record + weight(variables.item)).saturating_mul(self.expression.work as usize + 1)
    }

    /// The members of the record that it looks at.
    pub(crate) fn record_members(&self) -> &Members {
        &self.record
    }

    /// The members of the item that it looks at.
    pub(crate) fn item_members(&self) -> &Members {
        &self.item
    }

    /// Whether it holds. It recurses: to be called on a thread with a large stack.
    pub(crate) fn holds(&self, variables: &Variables<'_>) -> Result<bool, String> {
        // The evaluator is not known to panic; if it ever does, one record fails rather than a whole chunk.
        let answer = catch_unwind(AssertUnwindSafe(|| self.expression.answer(variables)));
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(NoAnswer::NotBool(kind))) => Err(format!("gives {kind} and not true or false")),
            Ok(Err(NoAnswer::Failed(error))) => Err(self.explain(&error)),
            Err(_) => Err("cannot be evaluated".to_owned()),
        }
    }

    fn explain(&self, error: &ExecutionError) -> String {
        // A value of the record that could not be looked up before the items were.
        if let ExecutionError::UndeclaredReference(name) = error
            && name.starts_with('@')
        {
            return format!("a value of the record is missing, no single value, or longer than {MAX_OUTER_TEXT} bytes");
        }
        error.to_string().chars().take(MAX_ERROR_CHARS).collect()
    }
}

/// What a condition is about.
#[derive(Clone, Copy)]
pub(crate) struct Variables<'d> {
    /// The record, if the condition looks at it.
    pub(crate) record: Option<&'d Data<'d>>,
    /// The item, if the condition looks at it.
    pub(crate) item: Option<&'d Data<'d>>,
}

impl VariableResolver for Variables<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let data = match variable {
            "record" => self.record,
            "item" => self.item,
            _ => None,
        };
        data.map(|data| CowVal::Borrowed(data.value.as_ref()))
    }
}
