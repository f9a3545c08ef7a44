//! The stages between source and target: a batch of records is normalized and transformed.

use crate::mapping::{Mapping, RecordFault};
use crate::pipeline::stage::Stage;
use crate::value::Value;

/// A record on its way to the target.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Its id at the source.
    pub source_id: String,
    /// What it is found by at the target.
    pub key: Option<String>,
    /// As the source gave it.
    pub source: Value,
    /// As the target gets it.
    pub body: Value,
}

/// A record that does not fit its mapping.
#[derive(Clone, Debug)]
pub struct Unfit {
    /// Its id at the source, if it has one.
    pub source_id: Option<String>,
    /// Where it failed.
    pub stage: Stage,
    /// Why.
    pub fault: RecordFault,
    /// As the source gave it.
    pub source: Value,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct Mapped {
    /// The records for the target.
    pub ready: Vec<Ready>,
    /// The others.
    pub unfit: Vec<Unfit>,
    /// The greatest cursor value among all.
    pub newest: Option<String>,
}

/// Normalizes and transforms records. It recurses: to be called on a thread with a large stack.
#[must_use]
pub fn map(mapping: &Mapping, records: Vec<Value>) -> Mapped {
    let mut mapped = Mapped::default();
    for source in records {
        mapped.newest = newer(mapping, mapped.newest.take(), mapping.cursor_value(&source));
        match one(mapping, source) {
            Ok(ready) => mapped.ready.push(ready),
            Err(unfit) => mapped.unfit.push(*unfit),
        }
    }
    mapped
}

/// The greater of two cursor values.
#[must_use]
pub fn newer(mapping: &Mapping, one: Option<String>, other: Option<String>) -> Option<String> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if mapping.compare_cursors(&one, &other).is_lt() { other } else { one }),
        (one, other) => one.or(other),
    }
}

fn one(mapping: &Mapping, source: Value) -> Result<Ready, Box<Unfit>> {
    let unfit = |source_id: Option<String>, stage, fault, source| Box::new(Unfit { source_id, stage, fault, source });
    let source_id = match mapping.source_id(&source) {
        Ok(id) => id,
        Err(fault) => return Err(unfit(None, Stage::Ingest, fault, source)),
    };
    let normalized = match mapping.normalize(&source) {
        Ok(normalized) => normalized,
        Err(fault) => return Err(unfit(Some(source_id), Stage::Normalize, fault, source)),
    };
    let transformed = mapping.transform(&normalized).and_then(|body| Ok((mapping.key(&body)?, body)));
    match transformed {
        Ok((key, body)) => Ok(Ready { source_id, key, source, body }),
        Err(fault) => Err(unfit(Some(source_id), Stage::Transform, fault, source)),
    }
}
