//! From a mapping document to a mapping: all that is wrong with it is reported, each fault with its place.

mod conflicts;
mod extraction;
mod field;

use serde_json::{Map, Value};

use super::document::{Field, FieldType};
use super::fields::{Choice, Fields, Source, Target};
use super::path::Path;
use super::structure::{self, segment};
use super::{KeyTarget, MAX_FAULTS, Mapping, MappingFault, Phase};
use crate::expression::{Condition, Members, Place};
use crate::label::{PLAIN, is_label};

/// The most fields of a document.
pub(super) const MAX_FIELDS: usize = 500;
/// The most levels of fields inside fields.
const MAX_LEVELS: usize = 4;
/// The most expressions of a document, and the bytes of all.
const MAX_EXPRESSIONS: usize = 100;
const MAX_EXPRESSION_BYTES: usize = 4 * 1_024;
/// The most work of all expressions, in passes over the record.
const MAX_WORK: u32 = 256;
/// The most regular expressions of all paths and expressions.
const MAX_PATTERNS: usize = 16;
/// The most targets of a key.
const MAX_KEY: usize = 10;
/// The most bytes of a name.
const MAX_NAME_BYTES: usize = 128;

const DOCUMENT: [&str; 5] = ["name", "entityType", "extraction", "normalization", "transformation"];
const NORMALIZATION: [&str; 1] = ["fields"];
const TRANSFORMATION: [&str; 3] = ["key", "static", "fields"];

/// What is counted and found while a document is compiled.
#[derive(Default)]
struct Compiler {
    faults: Vec<MappingFault>,
    fields: usize,
    expressions: usize,
    expression_bytes: usize,
    work: u32,
    patterns: usize,
    /// The members of the record that the conditions of the current phase look at.
    record_members: Members,
}

/// Where fields stand.
#[derive(Clone, Copy)]
struct Level {
    place: Place,
    /// From 1.
    depth: usize,
}

pub(super) fn mapping(document: &Value) -> Result<Mapping, Vec<MappingFault>> {
    let mut compiler = Compiler::default();
    let mapping = compiler.document(document);
    match mapping {
        Some(mapping) if compiler.faults.is_empty() => Ok(mapping),
        _ if compiler.faults.is_empty() => Err(vec![MappingFault::new("", "cannot be read")]),
        _ => Err(compiler.faults),
    }
}

impl Compiler {
    fn fault(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        if !self.is_full() {
            self.faults.push(MappingFault::new(pointer, message));
        }
    }

    /// Whether there are as many faults as are reported.
    fn is_full(&self) -> bool {
        self.faults.len() >= MAX_FAULTS
    }

    fn document(&mut self, document: &Value) -> Option<Mapping> {
        let object = self.object(document, "")?;
        self.unknown(object, &DOCUMENT, "");
        let name = self.name(object, "name");
        let entity_type = self.name(object, "entityType");
        let extraction = self.required(object, "extraction", "").and_then(|value| self.extraction(value));
        let normalization = self.required(object, "normalization", "").and_then(|value| self.normalization(value));
        let transformation = self.required(object, "transformation", "").and_then(|value| self.transformation(value));
        if self.work > MAX_WORK {
            let work = self.work;
            self.fault(
                "",
                format!("its expressions cost too much: {work} of at most {MAX_WORK} passes over the record"),
            );
        }
        let (transformation, key) = transformation?;
        Some(Mapping {
            name: name?,
            entity_type: entity_type?,
            extract: extraction?,
            normalization: normalization?,
            transformation,
            key,
        })
    }

    fn object<'v>(&mut self, value: &'v Value, at: &str) -> Option<&'v Map<String, Value>> {
        let object = value.as_object();
        if object.is_none() {
            self.fault(at, "must be an object");
        }
        object
    }

    fn required<'v>(&mut self, object: &'v Map<String, Value>, name: &str, at: &str) -> Option<&'v Value> {
        let value = object.get(name);
        if value.is_none() {
            self.fault(format!("{at}/{name}"), "is missing");
        }
        value
    }

    fn unknown(&mut self, object: &Map<String, Value>, known: &[&str], at: &str) {
        for name in object.keys().filter(|name| !known.contains(&name.as_str())) {
            if self.is_full() {
                return;
            }
            self.fault(format!("{at}{}", segment(name)), "is not known");
        }
    }

    fn name(&mut self, object: &Map<String, Value>, member: &str) -> Option<String> {
        let name = self.required(object, member, "")?.as_str();
        let name = name.filter(|name| (1..=MAX_NAME_BYTES).contains(&name.len()) && is_label(name));
        if name.is_none() {
            self.fault(format!("/{member}"), format!("must be a string of 1 to {MAX_NAME_BYTES} bytes {PLAIN}"));
        }
        name.map(str::to_owned)
    }

    fn normalization(&mut self, value: &Value) -> Option<Phase> {
        let at = "/normalization";
        let object = self.object(value, at)?;
        self.unknown(object, &NORMALIZATION, at);
        let fields = self.required(object, "fields", at)?;
        let fields = self.fields(fields, &format!("{at}/fields"), Level { place: Place::Record, depth: 1 })?;
        Some(Phase { fields, record_members: std::mem::take(&mut self.record_members) })
    }

    /// The phase, and the targets that identify a record.
    fn transformation(&mut self, value: &Value) -> Option<(Phase, Vec<KeyTarget>)> {
        let at = "/transformation";
        let object = self.object(value, at)?;
        self.unknown(object, &TRANSFORMATION, at);
        let constants = object.get("static").map_or_else(|| Some(Vec::new()), |value| self.constants(value));
        let fields = self.required(object, "fields", at)?;
        let fields = self.fields(fields, &format!("{at}/fields"), Level { place: Place::Record, depth: 1 });
        let mut targets = constants?;
        let mut fields = fields?;
        self.beside_constants(&targets, &fields);
        targets.append(&mut fields.targets);
        fields.targets = targets;
        let key = object.get("key").map_or_else(|| Some(Vec::new()), |value| self.key(value, &fields));
        Some((Phase { fields, record_members: std::mem::take(&mut self.record_members) }, key?))
    }

    /// The values that every record has.
    fn constants(&mut self, value: &Value) -> Option<Vec<Target>> {
        let at = "/transformation/static";
        let object = self.object(value, at)?;
        if object.len() > MAX_FIELDS {
            self.fault(at, format!("at most {MAX_FIELDS} values"));
            return None;
        }
        let mut targets = Vec::with_capacity(object.len());
        for (name, value) in object {
            let at = format!("{at}{}", segment(name));
            let names = self.target(name, &at);
            let source = self.constant(value, &at).map(Source::Constant);
            if let (Some(names), Some(source)) = (names, source) {
                let choice = Choice { when: None, source, required: false, default: None };
                targets.push(Target { name: name.clone(), names, choices: vec![choice] });
            }
        }
        Some(targets)
    }

    /// The targets that identify a record: each is one of its fields, and a single value.
    fn key(&mut self, value: &Value, fields: &Fields) -> Option<Vec<KeyTarget>> {
        let at = "/transformation/key";
        let names: Vec<String> = match structure::typed(value) {
            Ok(names) => names,
            Err((pointer, message)) => {
                self.fault(format!("{at}{pointer}"), message);
                return None;
            }
        };
        if names.len() > MAX_KEY {
            self.fault(at, format!("at most {MAX_KEY} targets"));
            return None;
        }
        let mut key: Vec<KeyTarget> = Vec::with_capacity(names.len());
        for (index, name) in names.into_iter().enumerate() {
            let target = fields.targets.iter().find(|target| target.name == name && target.is_single());
            if key.iter().any(|before| before.name == name) {
                self.fault(format!("{at}/{index}"), "is there twice");
            } else if let Some(target) = target {
                key.push(KeyTarget { name, names: target.names.clone() });
            } else {
                self.fault(format!("{at}/{index}"), "must be a target of the transformation that is a single value");
            }
        }
        Some(key)
    }

    /// A path; one of many nodes only where there can be many.
    fn path(&mut self, text: &str, at: &str, many: bool) -> Option<Path> {
        // Counted before they are compiled, which is what takes time.
        self.patterns += text.matches("match(").count() + text.matches("search(").count();
        if self.patterns > MAX_PATTERNS {
            self.fault(at, format!("a mapping may have {MAX_PATTERNS} regular expressions"));
            return None;
        }
        let path = match Path::parse(text) {
            Ok(path) => path,
            Err(error) => {
                self.fault(at, error.to_string());
                return None;
            }
        };
        if !many && !path.is_singular() {
            self.fault(at, "can give many nodes: only a field of type array takes such a path");
            return None;
        }
        Some(path)
    }

    fn condition(&mut self, source: &str, at: &str, place: Place) -> Option<Condition> {
        self.expressions += 1;
        self.expression_bytes += source.len();
        self.patterns += source.matches("matches").count();
        if self.expressions > MAX_EXPRESSIONS || self.expression_bytes > MAX_EXPRESSION_BYTES {
            let most = format!("at most {MAX_EXPRESSIONS} expressions of {MAX_EXPRESSION_BYTES} bytes together");
            self.fault(at, format!("a mapping may have {most}"));
            return None;
        }
        if self.patterns > MAX_PATTERNS {
            self.fault(at, format!("a mapping may have {MAX_PATTERNS} regular expressions"));
            return None;
        }
        match Condition::compile(source, place) {
            Ok(condition) => {
                self.work = self.work.saturating_add(condition.work());
                self.record_members.add(condition.record_members());
                if place == Place::Record {
                    // There the item is the record.
                    self.record_members.add(condition.item_members());
                }
                Some(condition)
            }
            Err(error) => {
                self.fault(at, error.to_string());
                None
            }
        }
    }

    /// The names of a target.
    fn target(&mut self, target: &str, at: &str) -> Option<Vec<String>> {
        let names: Vec<String> = target.split('.').map(str::to_owned).collect();
        let plain = target.len() <= 2 * MAX_NAME_BYTES && !target.contains(char::is_control);
        if !plain || names.len() > 8 || names.iter().any(String::is_empty) {
            self.fault(at, "must be 1 to 8 names with dots between them, of at most 256 bytes");
            return None;
        }
        Some(names)
    }

    fn constant(&mut self, value: &Value, at: &str) -> Option<crate::value::Value> {
        if loses_digits(value) {
            self.fault(at, "has a number with more than 15 digits and a fraction: write it as a string");
            return None;
        }
        Some(value.into())
    }
}

/// Whether a number was not kept as it was written.
fn loses_digits(value: &Value) -> bool {
    match value {
        Value::Number(number) if number.is_f64() => {
            let text = number.to_string();
            let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
            mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').count() > 16
        }
        Value::Array(items) => items.iter().any(loses_digits),
        Value::Object(members) => members.values().any(loses_digits),
        _ => false,
    }
}
