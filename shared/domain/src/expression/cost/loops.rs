//! Loops: what they go through, what they ask about each item, and what that costs.

use cel::common::ast::{ComprehensionExpr, Expr, IdedExpr, operators};

use super::{Checked, Checker, LOOP_WORK, NODES_PER_WORK, Part, Source, path_root, refuse};

impl Checker {
    /// `exists`, `all`, `exists_one`, `filter` or `map`, as the parser writes them.
    pub(super) fn looped(&mut self, id: u64, comprehension: &mut ComprehensionExpr) -> Checked<Part> {
        let range_id = comprehension.iter_range.id;
        let range = self.collection(&mut comprehension.iter_range)?;
        // How many items the expression itself lists, where it is those that are looped over.
        let listed = match &comprehension.iter_range.expr {
            Expr::List(list) if range.source == Source::Small => Some(list.elements.len()),
            _ => None,
        };
        if !self.loops.is_empty() && range.source == Source::Small {
            return refuse(range_id, "an inner loop must be over a part of the outer loop's variable");
        }
        let makes_list = matches!(comprehension.accu_init.expr, Expr::List(_));
        let Some((guard, item)) = step(&mut comprehension.loop_step, makes_list) else {
            return refuse(id, "cannot be parsed");
        };
        self.loops.push(comprehension.iter_var.clone());
        let body = self.body(guard, item);
        self.loops.pop();
        let body = body?;
        let each = LOOP_WORK + body.nodes.div_ceil(NODES_PER_WORK);
        let once = match listed {
            // A few items: not a pass over the payload.
            Some(items) => (u32::try_from(items).unwrap_or(u32::MAX)).saturating_mul(each + body.work) / 16,
            None => range.size.max(1).saturating_mul(each.saturating_add(body.work)),
        };
        let part = Part { work: range.work.saturating_add(once), ..Part::small(range.nodes + 4) };
        Ok(if makes_list { Part { source: range.source, size: range.size, ..part } } else { part })
    }

    fn body(&mut self, guard: Option<&mut IdedExpr>, item: Option<&mut IdedExpr>) -> Checked<Part> {
        let guard = guard.map(|guard| self.part(guard)).transpose()?.unwrap_or(Part::small(0));
        let guard = Part { source: Source::Small, size: 0, ..guard };
        let Some(item) = item else { return Ok(guard) };
        let variable = self.loops.last().map(String::as_str);
        // A part of each item: together they are no more than what is looped over.
        if path_root(&item.expr).is_none() || path_root(&item.expr) != variable {
            let name = variable.unwrap_or_default();
            return refuse(item.id, format!("map can only take a part of {name}, such as {name}.id"));
        }
        Ok(Part::join(&[guard, self.part(item)?]))
    }
}

/// A macro's arguments, recovered from the loop that the parser expanded it to.
type Step<'a> = (Option<&'a mut IdedExpr>, Option<&'a mut IdedExpr>);

fn step(step: &mut IdedExpr, makes_list: bool) -> Option<Step<'_>> {
    let Expr::Call(step) = &mut step.expr else { return None };
    match (step.func_name.as_str(), makes_list, &mut step.args[..]) {
        (operators::LOGICAL_AND | operators::LOGICAL_OR, false, [_, test]) => Some((Some(test), None)),
        (operators::CONDITIONAL, false, [test, _, _]) => Some((Some(test), None)),
        (operators::CONDITIONAL, true, [test, append, _]) => Some((Some(test), Some(taken(append)?))),
        (operators::ADD, true, [_, list]) => Some((None, Some(only(list)?))),
        _ => None,
    }
}

/// The `x` of `@result + [x]`.
fn taken(append: &mut IdedExpr) -> Option<&mut IdedExpr> {
    match &mut append.expr {
        Expr::Call(call) => only(call.args.get_mut(1)?),
        _ => None,
    }
}

/// The `x` of `[x]`.
fn only(list: &mut IdedExpr) -> Option<&mut IdedExpr> {
    match &mut list.expr {
        Expr::List(list) => list.elements.first_mut(),
        _ => None,
    }
}
