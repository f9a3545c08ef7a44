//! The evaluation of paths: each segment turns a list of nodes into the next one.

use std::cell::Cell;

use super::{MAX_NODES, Segment, Selector, Slice};
use crate::value::Value;

/// The most steps that the evaluation of one path may take.
const MAX_STEPS: usize = 1_000_000;

/// A path gives too many nodes, or takes too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("gives more than {MAX_NODES} nodes, or takes too long to evaluate")]
pub struct TooMany;

/// How many steps are left.
#[derive(Debug)]
pub(in crate::mapping) struct Budget(Cell<usize>);

impl Budget {
    pub(in crate::mapping) const fn new(steps: usize) -> Self {
        Self(Cell::new(steps))
    }

    pub(super) const fn for_one_path() -> Self {
        Self::new(MAX_STEPS)
    }

    /// Takes so many steps.
    pub(in crate::mapping) fn spend(&self, steps: usize) -> Result<(), TooMany> {
        self.0.set(self.0.get().checked_sub(steps).ok_or(TooMany)?);
        Ok(())
    }
}

/// Where a path is evaluated.
#[derive(Clone, Copy)]
pub(super) struct Walk<'v, 'b> {
    pub(super) root: &'v Value,
    pub(super) budget: &'b Budget,
}

/// The nodes that the segments give, from a node on.
pub(super) fn nodes<'v>(
    segments: &[Segment],
    root: &'v Value,
    start: &'v Value,
    budget: &Budget,
) -> Result<Vec<&'v Value>, TooMany> {
    let walk = Walk { root, budget };
    let mut nodes = vec![start];
    for segment in segments {
        let mut next = Vec::new();
        for node in nodes {
            if segment.descendant {
                walk.descend(&segment.selectors, node, &mut next)?;
            } else {
                walk.select(&segment.selectors, node, &mut next)?;
            }
        }
        nodes = next;
    }
    Ok(nodes)
}

impl<'v> Walk<'v, '_> {
    /// Selects from a node and then from all below it.
    fn descend(&self, selectors: &[Selector], node: &'v Value, out: &mut Vec<&'v Value>) -> Result<(), TooMany> {
        self.select(selectors, node, out)?;
        for child in children(node) {
            self.budget.spend(1)?;
            if matches!(child, Value::Array(_) | Value::Object(_)) {
                self.descend(selectors, child, out)?;
            }
        }
        Ok(())
    }

    fn select(&self, selectors: &[Selector], node: &'v Value, out: &mut Vec<&'v Value>) -> Result<(), TooMany> {
        for selector in selectors {
            let before = out.len();
            match selector {
                Selector::Step(step) => {
                    self.budget.spend(step.cost(node))?;
                    out.extend(step.take(node));
                }
                Selector::Wildcard => out.extend(children(node)),
                Selector::Slice(slice) => out.extend(slice.take(node.as_array().unwrap_or_default())),
                Selector::Filter(test) => {
                    for child in children(node) {
                        self.budget.spend(1)?;
                        if self.holds(test, child)? {
                            out.push(child);
                        }
                    }
                }
            }
            self.budget.spend(out.len() - before + 1)?;
            if out.len() > MAX_NODES {
                return Err(TooMany);
            }
        }
        Ok(())
    }
}

/// The items of a list or the values of an object.
fn children(node: &Value) -> impl Iterator<Item = &Value> {
    let items = node.as_array().unwrap_or_default().iter();
    items.chain(node.as_object().into_iter().flat_map(|object| object.iter().map(|(_, value)| value)))
}

impl Slice {
    /// The items in its range; its bounds are those of RFC 9535, section 2.3.4.2.
    fn take(self, items: &[Value]) -> impl Iterator<Item = &Value> {
        let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let from_end = |place: i64| if place >= 0 { place } else { length + place };
        let (low, high) = if self.step >= 0 {
            let start = from_end(self.start.unwrap_or(0)).clamp(0, length);
            (start, from_end(self.end.unwrap_or(length)).clamp(0, length))
        } else {
            let start = from_end(self.start.unwrap_or(length - 1)).clamp(-1, length - 1);
            // Without an end it goes down to the first item.
            (start, self.end.map_or(-1, |end| from_end(end).clamp(-1, length - 1)))
        };
        let mut at = low;
        std::iter::from_fn(move || {
            let within = if self.step > 0 { at < high } else { self.step < 0 && at > high };
            let item = if within { items.get(usize::try_from(at).ok()?) } else { None };
            at += self.step;
            item
        })
    }
}
