//! JSONPath (RFC 9535) within bounds: short, hardly nested, one filter.
//!
//! Numbers compare as decimals, digit by digit. `match` and `search` take a literal pattern and run on an engine that
//! takes linear time. What an evaluation may visit has a limit, so that no path is slow on any value.

mod compare;
mod filter;
mod parse;
mod pattern;
#[cfg(test)]
mod tests;
mod walk;

use std::fmt;

use crate::value::Value;
pub(super) use walk::Budget;
pub use walk::TooMany;

/// The most bytes of a path.
pub const MAX_PATH_BYTES: usize = 256;
/// The most levels of parentheses, functions and brackets inside a filter.
pub const MAX_PATH_NESTING: usize = 4;
/// The most nodes that a path may give.
pub const MAX_NODES: usize = 100_000;

/// A parsed path.
#[derive(Clone)]
pub struct Path {
    text: String,
    segments: Vec<Segment>,
    /// Names and indices, if it has nothing else.
    steps: Option<Vec<Step>>,
    /// The names and indices that it begins with.
    lead: usize,
}

/// Why a text is no path, or one beyond the bounds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset}")]
pub struct PathError {
    /// Where, in bytes from 0.
    pub offset: usize,
    /// What is wrong, in words.
    pub reason: String,
}

/// A step from a node to one below it.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Name(String),
    Index(i64),
}

#[derive(Clone, Debug)]
struct Segment {
    /// Whether it is about the node and all below it.
    descendant: bool,
    selectors: Vec<Selector>,
}

#[derive(Clone, Debug)]
enum Selector {
    Step(Step),
    Wildcard,
    Slice(Slice),
    Filter(Test),
}

#[derive(Clone, Copy, Debug)]
struct Slice {
    start: Option<i64>,
    end: Option<i64>,
    step: i64,
}

/// A condition of a filter.
#[derive(Clone, Debug)]
enum Test {
    Any(Vec<Test>),
    All(Vec<Test>),
    Not(Box<Test>),
    Compare(Operand, Comparison, Operand),
    Exists(Query),
    Matches(Box<Matches>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What stands for one value, or for none.
#[derive(Clone, Debug)]
enum Operand {
    Literal(Value),
    Singular(Query),
    Length(Box<Operand>),
    Count(Query),
    ValueOf(Query),
}

/// A path inside a filter.
#[derive(Clone, Debug)]
struct Query {
    /// Whether it begins at `$`.
    absolute: bool,
    segments: Vec<Segment>,
}

/// `match(...)` or `search(...)`.
#[derive(Clone, Debug)]
struct Matches {
    text: Operand,
    pattern: regex::Regex,
}

impl Path {
    /// Parses a path.
    ///
    /// # Errors
    /// [`PathError`], also for what is beyond the bounds.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let segments = parse::parse(text)?;
        let steps: Option<Vec<Step>> = segments.iter().map(|segment| segment.step().cloned()).collect();
        let lead = segments.iter().take_while(|segment| segment.step().is_some()).count();
        Ok(Self { text: text.to_owned(), segments, steps, lead })
    }

    /// Whether it consists of names and indices, and so gives at most one node.
    #[must_use]
    pub fn is_singular(&self) -> bool {
        self.steps.is_some()
    }

    /// The node of a singular path; `None` if there is none, or if the path could give many.
    #[must_use]
    pub fn one<'v>(&self, root: &'v Value) -> Option<&'v Value> {
        let mut node = root;
        for step in self.steps.as_deref()? {
            node = step.take(node)?;
        }
        Some(node)
    }

    /// The nodes that it selects, in their order.
    ///
    /// # Errors
    /// [`TooMany`] if there are more than [`MAX_NODES`], or if it takes too long to find them.
    pub fn nodes<'v>(&self, root: &'v Value) -> Result<Vec<&'v Value>, TooMany> {
        self.nodes_within(root, &Budget::for_one_path())
    }

    /// The same, with a limit that it shares.
    pub(super) fn nodes_within<'v>(&self, root: &'v Value, budget: &Budget) -> Result<Vec<&'v Value>, TooMany> {
        if self.is_singular() {
            return Ok(self.one(root).into_iter().collect());
        }
        walk::nodes(&self.segments, root, root, budget)
    }

    /// The node that the path's leading names and indices give: of a singular path, its only one.
    pub(super) fn lead_within<'v>(&self, root: &'v Value, budget: &Budget) -> Result<Option<&'v Value>, TooMany> {
        let mut node = root;
        for step in self.segments.iter().take(self.lead).filter_map(Segment::step) {
            budget.spend(step.cost(node))?;
            let Some(next) = step.take(node) else { return Ok(None) };
            node = next;
        }
        Ok(Some(node))
    }

    /// Whether what follows the leading names and indices is about the children of one node.
    pub(super) fn takes_children(&self) -> bool {
        self.segments.get(self.lead).is_some_and(|segment| !segment.descendant)
    }

    /// The path as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Path").field(&self.text).finish()
    }
}

impl Segment {
    /// Its only selector, if that is a name or an index of the node itself.
    fn step(&self) -> Option<&Step> {
        match (&self.selectors[..], self.descendant) {
            ([Selector::Step(step)], false) => Some(step),
            _ => None,
        }
    }
}

impl Step {
    /// Members are searched one after the other.
    fn cost(&self, node: &Value) -> usize {
        1 + node.as_object().map_or(0, |object| object.len() / 16)
    }

    fn take<'v>(&self, node: &'v Value) -> Option<&'v Value> {
        match self {
            Self::Name(name) => node.get(name),
            Self::Index(index) => {
                let items = node.as_array()?;
                let at = match usize::try_from(*index) {
                    Ok(at) => at,
                    Err(_) => items.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
                };
                items.get(at)
            }
        }
    }
}

impl Query {
    fn is_singular(&self) -> bool {
        self.segments.iter().all(|segment| segment.step().is_some())
    }
}
