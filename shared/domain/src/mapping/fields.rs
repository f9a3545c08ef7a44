//! Compiled fields, and what they make of a record: source, default, required, type, transform, in this order.

use super::fault::RecordFault;
use super::path::Path;
use super::scope::{Lazy, Scope};
use super::transformers::Transformer;
use super::types::Scalar;
use crate::expression::{Condition, Members};
use crate::value::{Object, Value};

/// The fields of an object.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) targets: Vec<Target>,
    /// The members of an item that the conditions of these fields look at.
    pub(super) item_members: Members,
}

/// A target and the fields that it can come from: the first whose condition holds.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: String,
    /// The names of the objects around it, and its own: at least one.
    pub(super) names: Vec<String>,
    pub(super) choices: Vec<Choice>,
}

/// One of the fields of a target.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) when: Option<Condition>,
    pub(super) source: Source,
    pub(super) required: bool,
    /// Its value if the source's is missing or null, converted.
    pub(super) default: Option<Value>,
}

/// Where a value comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// It is always this one.
    Constant(Value),
    /// A node of the record or of the item.
    Node { path: Path, of_record: bool, kind: Kind },
    /// Nodes of the record or of the item.
    List { path: Path, of_record: bool, list: List },
}

/// What is made of a node.
#[derive(Debug)]
pub(super) enum Kind {
    Single { scalar: Option<Scalar>, transform: Option<Transformer> },
    Object(Option<Fields>),
}

/// Which nodes become items, and what is made of each.
#[derive(Debug)]
pub(super) struct List {
    pub(super) condition: Option<Condition>,
    pub(super) fields: Option<Fields>,
    /// The members of an item that conditions look at.
    pub(super) item_members: Members,
}

/// What there is to convert.
enum Found<'v> {
    Missing,
    Null,
    Default(&'v Value),
    Value(&'v Value),
}

type Made = Result<Option<Value>, RecordFault>;

impl Fields {
    /// Makes the object of an item.
    pub(super) fn object(&self, scope: &Scope<'_, '_, '_>) -> Result<Object, RecordFault> {
        let mut object = Object::with_capacity(self.targets.len());
        for target in &self.targets {
            match target.value(scope) {
                Ok(Some(value)) => target.put(&mut object, value),
                Ok(None) => {}
                Err(fault) => return Err(fault.within(&target.name)),
            }
        }
        Ok(object)
    }
}

impl Target {
    /// Whether it can be told that it is a single value, or nothing speaks against it.
    pub(super) fn is_single(&self) -> bool {
        self.choices.iter().all(|choice| match &choice.source {
            Source::Constant(value) => !matches!(value, Value::Array(_) | Value::Object(_)),
            Source::Node { kind, .. } => matches!(kind, Kind::Single { .. }),
            Source::List { .. } => false,
        })
    }

    fn value(&self, scope: &Scope<'_, '_, '_>) -> Made {
        for choice in &self.choices {
            if let Some(when) = &choice.when {
                let holds = scope.holds(when);
                if !holds.map_err(|reason| choice.failed("when", reason, scope))? {
                    continue;
                }
            }
            return choice.value(scope, self.names.len());
        }
        Ok(None)
    }

    /// Targets are distinct, and none is a part of another.
    fn put(&self, object: &mut Object, value: Value) {
        let [first, rest @ ..] = &self.names[..] else { return };
        if rest.is_empty() {
            return object.push(first.clone(), value);
        }
        let mut place = object.entry(first);
        for name in rest {
            if place.is_null() {
                *place = Value::Object(Object::default());
            }
            let Value::Object(inner) = place else { return };
            place = inner.entry(name);
        }
        *place = value;
    }
}

impl Choice {
    /// `levels`: how many objects its value is below the scope's.
    fn value(&self, scope: &Scope<'_, '_, '_>, levels: usize) -> Made {
        match &self.source {
            Source::Constant(value) => scope.copy(value, levels).map(Some),
            Source::Node { path, of_record, kind } => {
                let root = if *of_record { scope.record } else { scope.item };
                match self.found(path.lead_within(root, scope.budget)?)? {
                    Found::Missing => Ok(None),
                    Found::Null => Ok(Some(Value::Null)),
                    Found::Default(value) => scope.copy(value, levels).map(Some),
                    Found::Value(value) => kind.convert(value, scope, levels).map(Some),
                }
            }
            Source::List { path, of_record, list } => {
                let root = if *of_record { scope.record } else { scope.item };
                match self.found(path.lead_within(root, scope.budget)?)? {
                    Found::Missing => Ok(None),
                    Found::Null => Ok(Some(Value::Null)),
                    Found::Default(value) => scope.copy(value, levels).map(Some),
                    Found::Value(parent) => {
                        let items = list.convert(&items(path, root, parent, scope)?, scope, levels)?;
                        Ok(Some(Value::Array(items)))
                    }
                }
            }
        }
    }

    /// First the default, then what is required.
    fn found<'v>(&'v self, value: Option<&'v Value>) -> Result<Found<'v>, RecordFault> {
        let found = match (value, &self.default) {
            (None | Some(Value::Null), Some(default)) => return Ok(Found::Default(default)),
            (None, None) => Found::Missing,
            (Some(Value::Null), None) => Found::Null,
            (Some(value), _) => Found::Value(value),
        };
        let empty = match found {
            Found::Missing | Found::Null => true,
            Found::Value(value) => value.as_str() == Some(""),
            Found::Default(_) => false,
        };
        if self.required && empty { Err(RecordFault::of(value, "is required")) } else { Ok(found) }
    }

    /// What a default or a constant gives: it is converted like a node, but its items are not.
    pub(super) fn settle(&self, value: Value) -> Result<Value, RecordFault> {
        if self.required && (value.is_null() || value.as_str() == Some("")) {
            return Err(RecordFault::of(Some(&value), "is required"));
        }
        if value.is_null() {
            return Ok(value);
        }
        match &self.source {
            Source::Node { kind: Kind::Single { scalar, transform }, .. } => {
                let converted = convert(*scalar, transform.as_ref(), &value);
                converted.map(|converted| converted.unwrap_or(value))
            }
            Source::Node { kind: Kind::Object(_), .. } if value.as_object().is_none() => {
                Err(RecordFault::of(Some(&value), "is no object"))
            }
            Source::List { .. } if value.as_array().is_none() => Err(RecordFault::of(Some(&value), "is no array")),
            Source::Constant(_) | Source::Node { .. } | Source::List { .. } => Ok(value),
        }
    }

    /// The fault of a condition: it shows the value that it was about, if that is a single one.
    fn failed(&self, condition: &str, reason: String, scope: &Scope<'_, '_, '_>) -> RecordFault {
        let value = match &self.source {
            Source::Node { path, of_record, .. } => path.one(if *of_record { scope.record } else { scope.item }),
            Source::Constant(_) | Source::List { .. } => None,
        };
        RecordFault::of(value, format!("{condition}: {reason}"))
    }
}

/// The nodes of a list: the items of an array, or what the path selects.
fn items<'v>(
    path: &Path,
    root: &'v Value,
    parent: &'v Value,
    scope: &Scope<'_, '_, '_>,
) -> Result<Vec<&'v Value>, RecordFault> {
    if path.is_singular() {
        let items = parent.as_array().ok_or_else(|| RecordFault::of(Some(parent), "is no array"))?;
        scope.budget.spend(items.len())?;
        return Ok(items.iter().collect());
    }
    if path.takes_children() && !matches!(parent, Value::Array(_) | Value::Object(_)) {
        return Err(RecordFault::of(Some(parent), "is no array"));
    }
    Ok(path.nodes_within(root, scope.budget)?)
}

/// First the type, then the transformer; nothing if there is neither.
fn convert(scalar: Option<Scalar>, transform: Option<&Transformer>, value: &Value) -> Made {
    let fault = |message: String| RecordFault::of(Some(value), message);
    let typed = scalar.map(|scalar| scalar.convert(value)).transpose();
    let typed = typed.map_err(|message| fault(message.to_owned()))?;
    let Some(transform) = transform else { return Ok(typed) };
    transform.apply(typed.as_ref().unwrap_or(value)).map(Some).map_err(fault)
}

impl Kind {
    fn convert(&self, value: &Value, scope: &Scope<'_, '_, '_>, levels: usize) -> Result<Value, RecordFault> {
        match self {
            Self::Single { scalar, transform } => match convert(*scalar, transform.as_ref(), value)? {
                Some(converted) => scope.made(converted, levels),
                None => scope.copy(value, levels),
            },
            Self::Object(fields) => {
                if value.as_object().is_none() {
                    return Err(RecordFault::of(Some(value), "is no object"));
                }
                let Some(fields) = fields else { return scope.copy(value, levels) };
                let data = Lazy::new(value, &fields.item_members);
                fields.object(&scope.of_item(value, &data, levels)).map(Value::Object)
            }
        }
    }
}

impl List {
    fn convert(&self, nodes: &[&Value], scope: &Scope<'_, '_, '_>, levels: usize) -> Result<Vec<Value>, RecordFault> {
        let mut items = Vec::with_capacity(if self.condition.is_some() { 0 } else { nodes.len() });
        for (index, node) in nodes.iter().enumerate() {
            let item = self.item(node, scope, levels + 1).map_err(|fault| fault.within_item(index))?;
            items.extend(item);
        }
        Ok(items)
    }

    fn item(&self, node: &Value, scope: &Scope<'_, '_, '_>, levels: usize) -> Made {
        let data = Lazy::new(node, &self.item_members);
        let inner = scope.of_item(node, &data, levels);
        if let Some(condition) = &self.condition {
            let holds = inner.holds(condition);
            if !holds.map_err(|reason| RecordFault::of(Some(node), format!("where: {reason}")))? {
                return Ok(None);
            }
        }
        match &self.fields {
            Some(fields) if !node.is_null() => {
                let item = Value::Object(fields.object(&inner)?);
                scope.item_made().map(|()| Some(item))
            }
            _ => scope.copy(node, levels).map(Some),
        }
    }
}
