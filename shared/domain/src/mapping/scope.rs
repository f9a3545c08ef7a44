//! What fields are evaluated about: the record, the item, and how much a record may still take.

use std::cell::OnceCell;

use super::fault::RecordFault;
use super::path::{Budget, TooMany};
use crate::expression::{Condition, Data, Members, Variables};
use crate::value::{MAX_DEPTH, Object, Value};

/// The most that a record may give: values, and more for each eight bytes of text.
const MAX_OUTPUT: usize = 2_000_000;
/// The most steps of paths and conditions about one record.
const MAX_STEPS: usize = 10_000_000;

/// What one record may take.
#[derive(Debug)]
pub(super) struct Limits {
    steps: Budget,
    output: Budget,
}

impl Limits {
    pub(super) const fn of_record() -> Self {
        Self { steps: Budget::new(MAX_STEPS), output: Budget::new(MAX_OUTPUT) }
    }
}

/// A value as conditions see it, converted when one looks at it.
pub(super) struct Lazy<'v> {
    value: &'v Value,
    members: &'v Members,
    data: OnceCell<Data<'v>>,
}

impl<'v> Lazy<'v> {
    pub(super) const fn new(value: &'v Value, members: &'v Members) -> Self {
        Self { value, members, data: OnceCell::new() }
    }

    fn get(&self, budget: &Budget) -> Result<&Data<'v>, TooMany> {
        if let Some(data) = self.data.get() {
            return Ok(data);
        }
        let data = self.data.get_or_init(|| Data::of(self.value, self.members));
        budget.spend(data.weight()).map(|()| data)
    }
}

/// Where fields are evaluated.
pub(super) struct Scope<'s, 'r, 'i> {
    pub(super) record: &'s Value,
    /// What `$` is.
    pub(super) item: &'s Value,
    record_data: &'s Lazy<'r>,
    item_data: &'s Lazy<'i>,
    pub(super) budget: &'s Budget,
    output: &'s Budget,
    /// How many objects and arrays are around the fields.
    depth: usize,
}

impl<'s, 'r> Scope<'s, 'r, 'r> {
    /// The scope of the fields of the record itself.
    pub(super) fn of_record(record: &'s Value, data: &'s Lazy<'r>, limits: &'s Limits) -> Self {
        let Limits { steps: budget, output } = limits;
        Self { record, item: record, record_data: data, item_data: data, budget, output, depth: 0 }
    }
}

impl<'r> Scope<'_, 'r, '_> {
    /// The scope of the fields of an item.
    pub(super) fn of_item<'t, 'j>(&'t self, item: &'t Value, data: &'t Lazy<'j>, levels: usize) -> Scope<'t, 'r, 'j> {
        Scope {
            record: self.record,
            item,
            record_data: self.record_data,
            item_data: data,
            budget: self.budget,
            output: self.output,
            depth: self.depth + levels,
        }
    }

    /// Whether a condition holds.
    pub(super) fn holds(&self, condition: &Condition) -> Result<bool, String> {
        let data = |members: &Members| !members.is_empty();
        let too_many = |error: TooMany| error.to_string();
        let mut variables = Variables { record: None, item: None };
        if data(condition.record_members()) {
            variables.record = Some(self.record_data.get(self.budget).map_err(too_many)?);
        }
        if data(condition.item_members()) {
            variables.item = Some(self.item_data.get(self.budget).map_err(too_many)?);
        }
        self.budget.spend(condition.cost(&variables)).map_err(too_many)?;
        condition.holds(&variables)
    }

    /// A copy of a value that stands so many levels below.
    pub(super) fn copy(&self, value: &Value, levels: usize) -> Result<Value, RecordFault> {
        self.charge(value, self.depth + levels)?;
        Ok(value.clone())
    }

    /// A value that was made and stands so many levels below.
    pub(super) fn made(&self, value: Value, levels: usize) -> Result<Value, RecordFault> {
        self.charge(&value, self.depth + levels)?;
        Ok(value)
    }

    /// Counts an item whose fields were made.
    pub(super) fn item_made(&self) -> Result<(), RecordFault> {
        self.output.spend(1).map_err(too_much)
    }

    fn charge(&self, value: &Value, depth: usize) -> Result<(), RecordFault> {
        let text = match value {
            Value::String(text) | Value::Number(text) => text.len(),
            _ => 0,
        };
        self.output.spend(1 + text / 8).map_err(too_much)?;
        if depth >= MAX_DEPTH && matches!(value, Value::Array(_) | Value::Object(_)) {
            return Err(RecordFault::of(None, format!("nests deeper than {MAX_DEPTH} levels")));
        }
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.charge(item, depth + 1)),
            Value::Object(object) => self.charge_members(object, depth + 1),
            _ => Ok(()),
        }
    }

    fn charge_members(&self, object: &Object, depth: usize) -> Result<(), RecordFault> {
        for (name, value) in object.iter() {
            self.output.spend(name.len() / 8).map_err(too_much)?;
            self.charge(value, depth)?;
        }
        Ok(())
    }
}

fn too_much(_: TooMany) -> RecordFault {
    RecordFault::of(None, "gives too much")
}
