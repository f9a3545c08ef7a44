//! Fields: what goes together, and what they are compiled to.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    Choice, Compiler, Condition, Field, FieldType, Fields, Level, MAX_FIELDS, MAX_LEVELS, Members, Source, Target,
};
use crate::expression::Place;
use crate::mapping::fields::{Kind, List};
use crate::mapping::structure;
use crate::mapping::transformers::Transformer;
use crate::mapping::types::Scalar;

/// The members of a field that are small; the others can be large, and are not read into a [`Field`] at once.
const SMALL: [&str; 8] = ["target", "source", "from", "type", "required", "when", "where", "transform"];
const LARGE: [&str; 4] = ["value", "default", "options", "fields"];

impl Compiler {
    /// The fields of an object.
    pub(super) fn fields(&mut self, value: &Value, at: &str, level: Level) -> Option<Fields> {
        let Some(list) = value.as_array().filter(|list| !list.is_empty()) else {
            self.fault(at, "must be a list of at least one field");
            return None;
        };
        if level.depth > MAX_LEVELS {
            self.fault(at, format!("fields are nested deeper than {MAX_LEVELS} levels"));
            return None;
        }
        let mut fields = Fields::default();
        let (mut places, mut known) = (Vec::new(), HashMap::new());
        for (index, value) in list.iter().enumerate() {
            self.fields += 1;
            if self.fields > MAX_FIELDS {
                self.fault(at, format!("a mapping may have {MAX_FIELDS} fields"));
                return None;
            }
            if self.is_full() {
                return None;
            }
            let at = format!("{at}/{index}");
            let Some((name, names, choice, members)) = self.field(value, &at, level) else { continue };
            fields.item_members.add(&members);
            let place = *known.entry(name.clone()).or_insert(fields.targets.len());
            if place == fields.targets.len() {
                fields.targets.push(Target { name, names, choices: vec![choice] });
                places.push(format!("{at}/target"));
            } else if fields.targets[place].choices.iter().any(|before| before.when.is_none()) {
                self.fault(format!("{at}/target"), "is taken: a field of this target without `when` stands before it");
            } else {
                fields.targets[place].choices.push(choice);
            }
        }
        self.nested_targets(&fields.targets, |index| places[index].clone());
        Some(fields)
    }

    /// A field: its target, that target's names, and the members of the item that its condition looks at.
    fn field(&mut self, value: &Value, at: &str, level: Level) -> Option<(String, Vec<String>, Choice, Members)> {
        let object = self.object(value, at)?;
        self.unknown(object, &[&SMALL[..], &LARGE[..]].concat(), at);
        let Some(field) = self.read_field(object, at) else {
            // What is below is read all the same, for its own faults.
            if let Some(fields) = object.get("fields") {
                self.fields(fields, &format!("{at}/fields"), Level { place: Place::EachItem, depth: level.depth + 1 });
            }
            return None;
        };
        let names = self.target(&field.target, &format!("{at}/target"));
        self.combinations(&field, object.contains_key("fields"), at);
        let when = field.when.as_deref().map(|source| self.condition(source, &format!("{at}/when"), level.place));
        let source = self.source(&field, object.get("fields"), at, level);
        let (names, source) = (names?, source?);
        let members = when.iter().flatten().next().map(Condition::item_members).cloned().unwrap_or_default();
        let when = match when {
            Some(None) => return None,
            Some(condition) => condition,
            None => None,
        };
        let mut choice = Choice { when, source, required: field.required, default: None };
        if let Some(default) = &field.default {
            choice.default = self.settled(default, &choice, &format!("{at}/default"));
        }
        if field.value.is_some() {
            self.settle_constant(&mut choice, &field, at)?;
        }
        Some((field.target, names, choice, members))
    }

    /// The field without the fields below it.
    fn read_field(&mut self, object: &Map<String, Value>, at: &str) -> Option<Field> {
        let small = structure::members(object, &SMALL);
        let field = structure::typed::<Field>(&Value::Object(small));
        let options = object.get("options").filter(|options| !options.is_null());
        if options.is_some_and(|options| !options.is_object()) {
            self.fault(format!("{at}/options"), "must be an object");
        }
        match field {
            Ok(field) => Some(Field {
                value: object.get("value").cloned(),
                default: object.get("default").cloned(),
                options: options.and_then(Value::as_object).cloned(),
                ..field
            }),
            Err((pointer, message)) => {
                self.fault(format!("{at}{pointer}"), message);
                None
            }
        }
    }

    /// Reports members that do not go together.
    fn combinations(&mut self, field: &Field, has_fields: bool, at: &str) {
        let is_list = field.kind == Some(FieldType::Array);
        let is_single = !matches!(field.kind, Some(FieldType::Array | FieldType::Object));
        let whole = field.kind == Some(FieldType::Object) && has_fields;
        let has_value = field.value.is_some();
        let rules = [
            (field.source.is_some() && has_value, "value", "a field has a source or a value, not both"),
            (field.source.is_none() && !has_value && !whole, "source", "is missing: a field has a source or a value"),
            (has_value && field.from.is_some(), "from", "goes with a source"),
            (has_value && field.default.is_some(), "default", "goes with a source"),
            (has_value && has_fields, "fields", "go with a source"),
            (has_value && field.condition.is_some(), "where", "goes with a source"),
            (!is_list && field.condition.is_some(), "where", "picks items: it needs the type array"),
            (is_single && has_fields, "fields", "need the type array or object"),
            (!is_single && field.transform.is_some(), "transform", "takes a single value"),
            (field.transform.is_none() && field.options.is_some(), "options", "go with a transform"),
        ];
        for (_, member, message) in rules.into_iter().filter(|(wrong, ..)| *wrong) {
            self.fault(format!("{at}/{member}"), message);
        }
    }

    fn source(&mut self, field: &Field, fields: Option<&Value>, at: &str, level: Level) -> Option<Source> {
        let of_record = field.from.is_some();
        let is_list = field.kind == Some(FieldType::Array);
        let text = field.source.as_deref().unwrap_or("$");
        let path = self.path(text, &format!("{at}/source"), is_list);
        if is_list {
            let list = self.list(field, fields, at, level);
            return Some(Source::List { path: path?, of_record, list: list? });
        }
        let kind = self.kind(field, fields, at, level);
        Some(Source::Node { path: path?, of_record, kind: kind? })
    }

    fn list(&mut self, field: &Field, fields: Option<&Value>, at: &str, level: Level) -> Option<List> {
        let condition = field.condition.as_deref();
        let condition = condition.map(|source| self.condition(source, &format!("{at}/where"), Place::EachItem));
        let inner = Level { place: Place::EachItem, depth: level.depth + 1 };
        let fields = fields.map(|fields| self.fields(fields, &format!("{at}/fields"), inner));
        let (condition, fields) = (all_or_none(condition)?, all_or_none(fields)?);
        let mut item_members = Members::default();
        condition.iter().for_each(|condition| item_members.add(condition.item_members()));
        fields.iter().for_each(|fields| item_members.add(&fields.item_members));
        Some(List { condition, fields, item_members })
    }

    fn kind(&mut self, field: &Field, fields: Option<&Value>, at: &str, level: Level) -> Option<Kind> {
        let scalar = match field.kind {
            None => None,
            Some(FieldType::String) => Some(Scalar::String),
            Some(FieldType::Int) => Some(Scalar::Int),
            Some(FieldType::Decimal) => Some(Scalar::Decimal),
            Some(FieldType::Bool) => Some(Scalar::Bool),
            Some(FieldType::Datetime) => Some(Scalar::Datetime),
            Some(FieldType::Object | FieldType::Array) => {
                let inner = Level { place: Place::EachItem, depth: level.depth + 1 };
                let fields = fields.map(|fields| self.fields(fields, &format!("{at}/fields"), inner));
                return all_or_none(fields).map(Kind::Object);
            }
        };
        let Some(name) = &field.transform else { return Some(Kind::Single { scalar, transform: None }) };
        match Transformer::compile(name, field.options.as_ref()) {
            Ok(transform) => Some(Kind::Single { scalar, transform: Some(transform) }),
            Err((pointer, message)) => {
                self.fault(format!("{at}{pointer}"), message);
                None
            }
        }
    }

    /// The value that a default gives: it is converted once.
    fn settled(&mut self, value: &Value, choice: &Choice, at: &str) -> Option<crate::value::Value> {
        let value = self.constant(value, at)?;
        choice.settle(value).map_err(|fault| self.fault(at, fault.message)).ok()
    }

    /// Turns the choice into one that always gives the field's value.
    fn settle_constant(&mut self, choice: &mut Choice, field: &Field, at: &str) -> Option<()> {
        let value = self.settled(field.value.as_ref()?, choice, &format!("{at}/value"))?;
        choice.source = Source::Constant(value);
        Some(())
    }
}

/// `None` if there is something that could not be compiled.
fn all_or_none<T>(part: Option<Option<T>>) -> Option<Option<T>> {
    match part {
        Some(None) => None,
        Some(part) => Some(part),
        None => Some(None),
    }
}
