//! The evaluation of a filter's conditions.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::walk::{Budget, TooMany, Walk, nodes};
use super::{Comparison, Operand, Query, Segment, Test};
use crate::mapping::decimal::Decimal;
use crate::value::Value;

impl<'v> Walk<'v, '_> {
    /// Whether the condition holds for a node.
    pub(super) fn holds(&self, test: &Test, node: &'v Value) -> Result<bool, TooMany> {
        self.budget.spend(1)?;
        match test {
            Test::Any(tests) => {
                for test in tests {
                    if self.holds(test, node)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Test::All(tests) => {
                for test in tests {
                    if !self.holds(test, node)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Test::Not(test) => Ok(!self.holds(test, node)?),
            Test::Exists(query) => Ok(!self.query(query, node)?.is_empty()),
            Test::Compare(left, comparison, right) => {
                let (left, right) = (self.operand(left, node)?, self.operand(right, node)?);
                compare(left.as_deref(), *comparison, right.as_deref(), self.budget)
            }
            Test::Matches(matches) => {
                let text = self.operand(&matches.text, node)?;
                let Some(text) = text.as_deref().and_then(Value::as_str) else { return Ok(false) };
                self.budget.spend(text.len() / 4)?;
                Ok(matches.pattern.is_match(text))
            }
        }
    }

    fn query(&self, query: &Query, node: &'v Value) -> Result<Vec<&'v Value>, TooMany> {
        nodes(&query.segments, self.root, if query.absolute { self.root } else { node }, self.budget)
    }

    fn singular(&self, query: &Query, node: &'v Value) -> Result<Option<&'v Value>, TooMany> {
        let mut at = if query.absolute { self.root } else { node };
        for step in query.segments.iter().filter_map(Segment::step) {
            self.budget.spend(step.cost(at))?;
            let Some(next) = step.take(at) else { return Ok(None) };
            at = next;
        }
        Ok(Some(at))
    }

    /// A value, or nothing.
    fn operand<'o>(&self, operand: &'o Operand, node: &'v Value) -> Result<Option<Cow<'o, Value>>, TooMany>
    where
        'v: 'o,
    {
        let number = |number: usize| Some(Cow::Owned(Value::Number(number.to_string())));
        Ok(match operand {
            Operand::Literal(value) => Some(Cow::Borrowed(value)),
            Operand::Singular(query) => self.singular(query, node)?.map(Cow::Borrowed),
            Operand::Count(query) => number(self.query(query, node)?.len()),
            Operand::ValueOf(query) => match self.query(query, node)?[..] {
                [value] => Some(Cow::Borrowed(value)),
                _ => None,
            },
            Operand::Length(operand) => match self.operand(operand, node)?.as_deref() {
                Some(Value::String(text)) => {
                    self.budget.spend(text.len() / 16)?;
                    number(text.chars().count())
                }
                Some(Value::Array(items)) => number(items.len()),
                Some(Value::Object(members)) => number(members.len()),
                _ => None,
            },
        })
    }
}

fn compare(
    left: Option<&Value>,
    comparison: Comparison,
    right: Option<&Value>,
    budget: &Budget,
) -> Result<bool, TooMany> {
    let (left, right) = match (left, right) {
        (Some(left), Some(right)) => (left, right),
        // Nothing equals nothing.
        (left, right) => {
            let same = left.is_none() && right.is_none();
            return Ok(match comparison {
                Comparison::Equal | Comparison::LessOrEqual | Comparison::GreaterOrEqual => same,
                Comparison::NotEqual => !same,
                Comparison::Less | Comparison::Greater => false,
            });
        }
    };
    Ok(match comparison {
        Comparison::Equal => equal(left, right, budget)?,
        Comparison::NotEqual => !equal(left, right, budget)?,
        Comparison::Less => order(left, right, budget)? == Some(Ordering::Less),
        Comparison::Greater => order(left, right, budget)? == Some(Ordering::Greater),
        Comparison::LessOrEqual => order(left, right, budget)? == Some(Ordering::Less) || equal(left, right, budget)?,
        Comparison::GreaterOrEqual => {
            order(left, right, budget)? == Some(Ordering::Greater) || equal(left, right, budget)?
        }
    })
}

/// The order of two numbers or two strings; other values have none.
fn order(left: &Value, right: &Value, budget: &Budget) -> Result<Option<Ordering>, TooMany> {
    Ok(match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            budget.spend((left.len() + right.len()) / 4)?;
            Decimal::parse(left).zip(Decimal::parse(right)).map(|(left, right)| left.compare(&right))
        }
        (Value::String(left), Value::String(right)) => {
            budget.spend(left.len().min(right.len()) / 64)?;
            Some(left.cmp(right))
        }
        _ => None,
    })
}

fn equal(left: &Value, right: &Value, budget: &Budget) -> Result<bool, TooMany> {
    match (left, right) {
        (Value::Number(_), Value::Number(_)) | (Value::String(_), Value::String(_)) => {
            Ok(order(left, right, budget)? == Some(Ordering::Equal))
        }
        (Value::Array(left), Value::Array(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            budget.spend(left.len())?;
            for (left, right) in left.iter().zip(right) {
                if !equal(left, right, budget)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Object(left), Value::Object(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for (name, value) in left.iter() {
                budget.spend(1 + right.len() / 16)?;
                let Some(other) = right.get(name) else { return Ok(false) };
                if !equal(value, other, budget)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(left == right),
    }
}
