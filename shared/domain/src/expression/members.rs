//! Which members of a variable expressions look at, so that only those are turned into CEL's values.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

/// Members of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Members {
    /// These.
    Named(Vec<String>),
    /// Any, or the object as a whole.
    All,
}

impl Default for Members {
    fn default() -> Self {
        Self::Named(Vec::new())
    }
}

impl Members {
    /// Whether nothing is looked at.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Named(names) if names.is_empty())
    }

    /// Whether this member is looked at.
    pub(super) fn contain(&self, name: &str) -> bool {
        match self {
            Self::Named(names) => names.iter().any(|known| known == name),
            Self::All => true,
        }
    }

    /// Adds those of another expression.
    pub(crate) fn add(&mut self, other: &Self) {
        match other {
            Self::All => *self = Self::All,
            Self::Named(names) => names.iter().for_each(|name| self.add_one(name)),
        }
    }

    fn add_one(&mut self, name: &str) {
        if let Self::Named(names) = self
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_owned());
        }
    }

    /// Adds those that an expression looks at.
    pub(super) fn add_from(&mut self, expr: &IdedExpr, variable: &str) {
        match &expr.expr {
            Expr::Ident(name) if name == variable => *self = Self::All,
            Expr::Select(select) if is_variable(&select.operand, variable) => self.add_one(&select.field),
            Expr::Select(select) => self.add_from(&select.operand, variable),
            Expr::Call(call) => match (call.func_name.as_str(), &call.args[..]) {
                (operators::INDEX, [operand, IdedExpr { expr: Expr::Literal(LiteralValue::String(name)), .. }])
                    if is_variable(operand, variable) =>
                {
                    self.add_one(name.inner());
                }
                (_, args) => {
                    let target = call.target.as_deref();
                    target.into_iter().chain(args).for_each(|part| self.add_from(part, variable));
                }
            },
            Expr::List(list) => list.elements.iter().for_each(|part| self.add_from(part, variable)),
            Expr::Comprehension(one) => {
                let parts = [&one.iter_range, &one.accu_init, &one.loop_cond, &one.loop_step, &one.result];
                parts.into_iter().for_each(|part| self.add_from(part, variable));
            }
            Expr::Map(_) | Expr::Struct(_) => *self = Self::All,
            Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
        }
    }
}

fn is_variable(expr: &IdedExpr, variable: &str) -> bool {
    matches!(&expr.expr, Expr::Ident(name) if name == variable)
}
