//! Checks of an expression's syntax tree: it uses only known names, and its cost grows no
//! faster than the payload.
//!
//! Every value has a place it comes from: the event, or a loop's variable. Inside a loop only the innermost loop's
//! variable may be read in full, since all its values together are no more than what is looped over; a loop over
//! something from outside would visit it once for each item. What comes from the event itself is looked up once,
//! before the loop, and has to be a single small value. The work of an expression is then a sum over its parts,
//! each a multiple of the payload's size, and that sum has a limit.

mod loops;
#[cfg(test)]
mod tests;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};

use super::outer_name;
use super::pattern::check_pattern;

/// The most work. A unit is one to two times what it takes to read the payload's JSON, as a test measures.
const MAX_WORK: u32 = 64;
/// The deepest syntax tree: evaluation is recursive.
const MAX_DEPTH: u32 = 48;
/// The work of going through a list, and more for each node of the loop's body.
const LOOP_WORK: u32 = 8;
const NODES_PER_WORK: u32 = 2;
/// Nodes outside loops, which are evaluated once, for a unit of work.
const NODES_PER_PASS: u32 = 16;
/// A regular expression is compiled each time, for there is nowhere to keep it.
const MATCHES_WORK: u32 = 16;

/// The names of types, as in `type(payload.total) == int`.
const TYPES: [&str; 10] = ["bool", "bytes", "double", "duration", "int", "list", "map", "null_type", "string", "uint"];
/// Functions of one value that give a small one.
const CONVERSIONS: [&str; 8] = ["int", "uint", "double", "bool", "timestamp", "duration", "type", "size"];
/// Parts of a time, with or without a time zone.
const TIME_PARTS: [&str; 10] = [
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
];

/// A node that is refused, and why.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The node's id.
    pub(super) node: u64,
    /// Why.
    pub(super) reason: String,
}

type Checked<T> = Result<T, Refusal>;

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The expression itself, or a result that is small whatever the payload.
    Small,
    /// The event, looked up before the loop.
    Before,
    /// The event (0), or the variable of a loop.
    Level(usize),
}

/// The known properties of a part of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    source: Source,
    /// How large its value may be, in payloads.
    size: u32,
    /// The cost of evaluating it, without its nodes.
    work: u32,
    /// How many nodes it has, those of loops inside it left out.
    nodes: u32,
}

impl Part {
    const fn small(nodes: u32) -> Self {
        Self { source: Source::Small, size: 0, work: 0, nodes }
    }

    /// Several parts as one: the source is the outermost of theirs.
    fn join(parts: &[Self]) -> Self {
        let level = |part: &Self| match part.source {
            Source::Level(level) => Some(level),
            Source::Small | Source::Before => None,
        };
        let source = parts.iter().filter_map(level).min().map_or(Source::Small, Source::Level);
        let sum = |of: fn(&Self) -> u32| parts.iter().map(of).fold(0, u32::saturating_add);
        Self { source, size: sum(|p| p.size), work: sum(|p| p.work), nodes: sum(|p| p.nodes) + 1 }
    }

    /// A small result of something that reads these in full, `times` over.
    fn reading(parts: &[Self], times: u32) -> Self {
        let all = Self::join(parts);
        Self { work: all.work.saturating_add(all.size.saturating_mul(times)), ..Self::small(all.nodes) }
    }
}

/// What an expression may name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    /// The variables.
    pub(super) variables: &'static [&'static str],
    /// The variable of the loop that the whole expression stands in: it is evaluated once for each item.
    pub(super) each: Option<&'static str>,
    /// The most bytes of a compiled regular expression, if there is a limit.
    pub(super) max_pattern: Option<usize>,
}

/// What is known about an accepted expression.
#[derive(Debug)]
pub(super) struct Accepted {
    /// The paths that its loops use, which now stand in it as variables.
    pub(super) outer: Vec<IdedExpr>,
    /// Its work, in passes over what it looks at.
    pub(super) work: u32,
}

struct Checker {
    scope: Scope,
    /// The variables of the loops around, innermost last.
    loops: Vec<String>,
    outer: Vec<IdedExpr>,
    depth: u32,
}

/// Checks an expression.
pub(super) fn check(expr: &mut IdedExpr, scope: Scope) -> Checked<Accepted> {
    let root = expr.id;
    if never_bool(&expr.expr) {
        return refuse(root, "the expression must be true or false");
    }
    let (whole, outer) = measure(expr, scope)?;
    let work = whole.work.saturating_add(whole.nodes / NODES_PER_PASS);
    if work > MAX_WORK {
        return refuse(root, format!("costs too much: {work} of at most {MAX_WORK} passes over the payload"));
    }
    Ok(Accepted { outer, work })
}

fn measure(expr: &mut IdedExpr, scope: Scope) -> Checked<(Part, Vec<IdedExpr>)> {
    let loops = scope.each.map(str::to_owned).into_iter().collect();
    let mut checker = Checker { scope, loops, outer: Vec::new(), depth: 0 };
    let whole = checker.part(expr)?;
    Ok((whole, checker.outer))
}

/// Whether it can be seen that this is no bool.
fn never_bool(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(literal) => !matches!(literal, LiteralValue::Boolean(_)),
        Expr::List(_) | Expr::Map(_) | Expr::Struct(_) => true,
        Expr::Comprehension(one) => matches!(one.accu_init.expr, Expr::List(_)),
        Expr::Call(call) => {
            let arithmetic = ["_+_", "_-_", "_*_", "_/_", "_%_", "-_", "string"];
            let name = call.func_name.as_str();
            arithmetic.contains(&name) || TIME_PARTS.contains(&name) || (CONVERSIONS.contains(&name) && name != "bool")
        }
        Expr::Ident(_) | Expr::Select(_) | Expr::Unspecified => false,
    }
}

fn refuse<T>(node: u64, reason: impl Into<String>) -> Checked<T> {
    Err(Refusal { node, reason: reason.into() })
}

/// The variable that a path begins with: `a`, `a.b`, `a["b"]`, `a[0].b`.
fn path_root(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Ident(name) => Some(name),
        Expr::Select(select) => path_root(&select.operand.expr),
        Expr::Call(call) if call.func_name == operators::INDEX && call.target.is_none() => match &call.args[..] {
            [operand, IdedExpr { expr: Expr::Literal(_), .. }] => path_root(&operand.expr),
            _ => None,
        },
        _ => None,
    }
}

impl Checker {
    fn part(&mut self, expr: &mut IdedExpr) -> Checked<Part> {
        if self.depth == MAX_DEPTH {
            return refuse(expr.id, format!("nested deeper than {MAX_DEPTH} levels"));
        }
        self.depth += 1;
        let part = if self.is_from_before(&expr.expr) { Ok(self.look_up_before(expr)) } else { self.node(expr) };
        self.depth -= 1;
        part
    }

    /// A path of the event, used in a loop.
    fn is_from_before(&self, expr: &Expr) -> bool {
        let root = if self.loops.is_empty() { None } else { path_root(expr) };
        root.is_some_and(|root| self.scope.variables.contains(&root) && !self.loops.iter().any(|name| name == root))
    }

    fn look_up_before(&mut self, expr: &mut IdedExpr) -> Part {
        let variable = Expr::Ident(outer_name(self.outer.len()));
        self.outer.push(IdedExpr { id: expr.id, expr: std::mem::replace(&mut expr.expr, variable) });
        Part { source: Source::Before, ..Part::small(1) }
    }

    fn node(&mut self, expr: &mut IdedExpr) -> Checked<Part> {
        let id = expr.id;
        match &mut expr.expr {
            Expr::Literal(_) => Ok(Part::small(1)),
            Expr::Ident(name) => self.variable(id, name),
            Expr::Select(select) => {
                let operand = self.part(&mut select.operand)?;
                if operand.source == Source::Before {
                    return self.outside(id);
                }
                let part = Part::join(&[operand]);
                Ok(if select.test { Part { source: Source::Small, size: 0, ..part } } else { part })
            }
            Expr::Call(call) => self.call(id, call),
            Expr::List(list) => {
                let mut parts = Vec::with_capacity(list.elements.len());
                for element in &mut list.elements {
                    parts.push(self.read(element)?);
                }
                let all = Part::join(&parts);
                Ok(Part { work: all.work + all.size, ..all })
            }
            Expr::Comprehension(comprehension) => self.looped(id, comprehension),
            Expr::Map(_) | Expr::Struct(_) => refuse(id, "an expression cannot create maps or structures"),
            Expr::Unspecified => refuse(id, "cannot be parsed"),
        }
    }

    fn variable(&self, id: u64, name: &str) -> Checked<Part> {
        if let Some(place) = self.loops.iter().rposition(|variable| variable == name) {
            return Ok(Part { source: Source::Level(place + 1), size: 1, work: 0, nodes: 1 });
        }
        if self.scope.variables.contains(&name) {
            return Ok(Part { source: Source::Level(0), size: 1, work: 0, nodes: 1 });
        }
        if TYPES.contains(&name) {
            return Ok(Part::small(1));
        }
        let shown: String = name.chars().take(40).collect();
        refuse(id, format!("there is no variable {shown}: there are {}", self.scope.variables.join(", ")))
    }

    /// A part that is read in full: in a loop it must not come from outside.
    fn read(&mut self, expr: &mut IdedExpr) -> Checked<Part> {
        let part = self.part(expr)?;
        match part.source {
            Source::Level(level) if level < self.loops.len() => self.outside(expr.id),
            _ => Ok(part),
        }
    }

    fn outside<T>(&self, id: u64) -> Checked<T> {
        let innermost = self.loops.last().map_or("", String::as_str);
        refuse(
            id,
            format!(
                "would be read again for each {innermost}: inside a loop, only single values can come from outside"
            ),
        )
    }

    fn reads(&mut self, exprs: &mut [IdedExpr]) -> Checked<Vec<Part>> {
        exprs.iter_mut().map(|expr| self.read(expr)).collect()
    }

    /// A part that is searched or indexed: a single value from outside the loop cannot be.
    fn collection(&mut self, expr: &mut IdedExpr) -> Checked<Part> {
        let part = self.read(expr)?;
        if part.source == Source::Before { self.outside(expr.id) } else { Ok(part) }
    }

    fn call(&mut self, id: u64, call: &mut CallExpr) -> Checked<Part> {
        let name = call.func_name.clone();
        let CallExpr { target, args, .. } = call;
        match (name.as_str(), target.as_deref_mut(), &mut args[..]) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR, None, [a, b]) => {
                Ok(Part { source: Source::Small, size: 0, ..Part::join(&[self.part(a)?, self.part(b)?]) })
            }
            (operators::LOGICAL_NOT, None, [a]) => {
                Ok(Part { source: Source::Small, size: 0, ..Part::join(&[self.part(a)?]) })
            }
            (operators::CONDITIONAL, None, [condition, yes, no]) => {
                let condition = Part { source: Source::Small, size: 0, ..self.part(condition)? };
                Ok(Part::join(&[condition, self.part(yes)?, self.part(no)?]))
            }
            (operators::EQUALS | operators::NOT_EQUALS, None, [a, b]) => self.equality(a, b),
            (operators::INDEX, None, [operand, index]) => {
                let (operand, index) = (self.collection(operand)?, self.read(index)?);
                Ok(Part { work: operand.work + index.work, nodes: operand.nodes + index.nodes + 1, ..operand })
            }
            (operators::IN, None, [item, list]) => Ok(Part::reading(&[self.read(item)?, self.collection(list)?], 1)),
            (operators::ADD, None, args @ [_, _]) => {
                let all = Part::join(&self.reads(args)?);
                Ok(Part { work: all.work.saturating_add(all.size), ..all })
            }
            (
                operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS
                | operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::MODULO,
                None,
                args @ [_, _],
            ) => Ok(Part::reading(&self.reads(args)?, 1)),
            (operators::NEGATE, None, args @ [_]) => Ok(Part::reading(&self.reads(args)?, 1)),
            ("string", None, args @ [_]) => {
                let all = Part::join(&self.reads(args)?);
                Ok(Part { work: all.work.saturating_add(all.size), ..all })
            }
            ("matches", Some(text), [pattern]) => self.regex(id, text, pattern),
            ("matches", None, [text, pattern]) => self.regex(id, text, pattern),
            (name, None, args @ [_]) if CONVERSIONS.contains(&name) => Ok(Part::reading(&self.reads(args)?, 1)),
            ("size", Some(of), []) => Ok(Part::reading(&[self.read(of)?], 1)),
            ("contains" | "startsWith" | "endsWith", Some(text), [part]) => {
                Ok(Part::reading(&[self.read(text)?, self.read(part)?], 1))
            }
            (name, Some(time), args @ ([] | [_])) if TIME_PARTS.contains(&name) => {
                let mut parts = self.reads(args)?;
                parts.push(self.read(time)?);
                Ok(Part::reading(&parts, 1))
            }
            (name, ..) => self.unknown(id, name),
        }
    }

    fn unknown(&self, id: u64, name: &str) -> Checked<Part> {
        let known = |known: &[&str]| known.contains(&name);
        let exists = known(&CONVERSIONS)
            || known(&TIME_PARTS)
            || known(&["string", "contains", "startsWith", "endsWith", "matches"])
            || known(&["has", "all", "exists", "exists_one", "filter", "map"]);
        let shown: String = name.chars().take(40).collect();
        if exists {
            refuse(id, format!("{shown} does not take these arguments"))
        } else {
            refuse(id, format!("there is no function {shown} in an expression"))
        }
    }

    /// Compares no further than the smaller of the two goes: one side may come from outside the loop.
    fn equality(&mut self, a: &mut IdedExpr, b: &mut IdedExpr) -> Checked<Part> {
        let (id, a, b) = (b.id, self.part(a)?, self.part(b)?);
        let outside = |part: &Part| matches!(part.source, Source::Level(level) if level < self.loops.len());
        if outside(&a) && outside(&b) {
            return self.outside(id);
        }
        let work = a.work.saturating_add(b.work).saturating_add(a.size.min(b.size));
        Ok(Part { work, ..Part::small(a.nodes + b.nodes + 1) })
    }

    fn regex(&mut self, id: u64, text: &mut IdedExpr, pattern: &mut IdedExpr) -> Checked<Part> {
        let text = self.read(text)?;
        let Expr::Literal(LiteralValue::String(literal)) = &pattern.expr else {
            return refuse(pattern.id, "the pattern must be a literal");
        };
        if !self.loops.is_empty() {
            return refuse(id, "matches cannot be used in a loop");
        }
        if let Err(reason) = check_pattern(literal.inner(), self.scope.max_pattern) {
            return refuse(pattern.id, reason);
        }
        let part = Part::reading(&[text], 2);
        Ok(Part { work: part.work.saturating_add(MATCHES_WORK), ..part })
    }
}
