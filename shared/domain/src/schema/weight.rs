//! How many parts of a schema can look at one place of a payload.
//!
//! Each part that applies in place (`allOf`, `$ref`, ...) or to what is inside a value (`items`, `properties`, ...)
//! adds to how often that place is looked at, level by level down to the deepest payload. References that double on
//! the way would double again at each level: such a schema is refused, one that describes a tree is not.

use std::collections::HashMap;

use serde_json::Value;

use super::Fault;
use super::refs::{Anchors, Target};

/// The most that may look at one place.
const MAX_WEIGHT: u32 = 200;
/// JSON that nests deeper is not read.
const MAX_LEVELS: usize = 128;
/// The number of `enum` values that are compared in the time another keyword takes.
const ENUM_VALUES: usize = 16;
/// The weight of the draft's own schema.
const DRAFT_WEIGHT: u32 = 20;

/// A part of a schema.
#[derive(Default)]
struct Part {
    /// Its own weight.
    own: u32,
    /// Whether parts in place are looked at once more, to see what they cover or why none fits.
    twice: bool,
    /// Parts that look at the same place.
    in_place: Vec<usize>,
    /// Parts that all may look at a place inside.
    inside: Vec<usize>,
    /// Parts of which one looks at a place inside.
    one_of_inside: Vec<usize>,
}

/// Refuses a schema of which too much can look at one place.
pub(super) fn check<'a>(root: &'a Value, anchors: &Anchors<'a>) -> Result<(), Fault> {
    let mut parts = Parts { anchors, known: HashMap::new(), all: Vec::new() };
    let root = parts.add(root);
    let parts = parts.all;
    let order = order(&parts)?;
    let mut above = vec![0; parts.len()];
    for level in 0..MAX_LEVELS {
        let mut here: Vec<u32> = vec![0; parts.len()];
        for index in &order {
            here[*index] = weight(&parts[*index], level, &here, &above);
        }
        if here[root] > MAX_WEIGHT {
            let message = format!("more than {MAX_WEIGHT} of its parts may look at one place, {level} levels down");
            return Err(Fault::new("", message));
        }
        above = here;
    }
    Ok(())
}

/// How much looks at a place `level` levels below one that `part` looks at.
fn weight(part: &Part, level: usize, here: &[u32], above: &[u32]) -> u32 {
    let sum = |of: &[usize], weights: &[u32]| of.iter().fold(0_u32, |sum, i| sum.saturating_add(weights[*i]));
    let times = if part.twice { 2 } else { 1 };
    let in_place = sum(&part.in_place, here).saturating_mul(times);
    let inside = if level == 0 {
        part.own
    } else {
        let most = part.one_of_inside.iter().map(|i| above[*i]).max().unwrap_or_default();
        sum(&part.inside, above).saturating_add(most)
    };
    in_place.saturating_add(inside)
}

/// The parts in an order in which each comes after those that look at the same place for it.
fn order(parts: &[Part]) -> Result<Vec<usize>, Fault> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        Begun,
        Done,
    }
    fn visit(index: usize, parts: &[Part], seen: &mut [Seen], order: &mut Vec<usize>) -> Result<(), Fault> {
        match seen[index] {
            Seen::Done => return Ok(()),
            Seen::Begun => return Err(Fault::new("", "it refers to itself at the same place of a value")),
            Seen::No => seen[index] = Seen::Begun,
        }
        for next in &parts[index].in_place {
            visit(*next, parts, seen, order)?;
        }
        seen[index] = Seen::Done;
        order.push(index);
        Ok(())
    }
    let (mut seen, mut order) = (vec![Seen::No; parts.len()], Vec::with_capacity(parts.len()));
    for index in 0..parts.len() {
        visit(index, parts, &mut seen, &mut order)?;
    }
    Ok(order)
}

struct Parts<'a, 'b> {
    anchors: &'b Anchors<'a>,
    /// By address: a part that is referred to twice is one part.
    known: HashMap<usize, usize>,
    all: Vec<Part>,
}

impl<'a> Parts<'a, '_> {
    fn add(&mut self, schema: &'a Value) -> usize {
        let address = std::ptr::from_ref(schema).addr();
        if let Some(index) = self.known.get(&address) {
            return *index;
        }
        let index = self.all.len();
        self.known.insert(address, index);
        self.all.push(Part::default());
        let part = self.part(schema);
        self.all[index] = part;
        index
    }

    fn part(&mut self, schema: &'a Value) -> Part {
        let get = |key: &str| schema.get(key);
        let values = get("enum").and_then(Value::as_array).map_or(0, Vec::len) / ENUM_VALUES;
        let mut part = Part { own: u32::try_from(1 + values).unwrap_or(u32::MAX), ..Part::default() };
        part.twice =
            ["anyOf", "oneOf", "unevaluatedProperties", "unevaluatedItems"].iter().any(|key| get(key).is_some());
        for key in ["$ref", "$dynamicRef"] {
            match get(key).and_then(Value::as_str).map(|reference| self.anchors.target(reference)) {
                Some(Target::Here(target)) => part.in_place.push(self.add(target)),
                Some(_) => part.own = part.own.saturating_add(DRAFT_WEIGHT),
                None => {}
            }
        }
        let in_place = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"];
        part.in_place.extend(self.below(schema, &in_place));
        let inside = [
            "items",
            "contains",
            "additionalProperties",
            "propertyNames",
            "patternProperties",
            "unevaluatedItems",
            "unevaluatedProperties",
        ];
        part.inside = self.below(schema, &inside);
        part.one_of_inside = self.below(schema, &["properties", "prefixItems"]);
        part
    }

    /// The schemas under these keywords, whether they take one, a list or a map of them.
    fn below(&mut self, schema: &'a Value, keywords: &[&str]) -> Vec<usize> {
        const MAPS: [&str; 3] = ["dependentSchemas", "patternProperties", "properties"];
        let mut found = Vec::new();
        for keyword in keywords {
            match schema.get(keyword) {
                Some(Value::Array(schemas)) => found.extend(schemas.iter().map(|schema| self.add(schema))),
                Some(Value::Object(schemas)) if MAPS.contains(keyword) => {
                    found.extend(schemas.values().map(|schema| self.add(schema)));
                }
                Some(schema) => found.push(self.add(schema)),
                None => {}
            }
        }
        found
    }
}
