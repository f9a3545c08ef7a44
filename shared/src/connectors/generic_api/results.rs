//! What a target says of each record of a batch.

use std::collections::HashMap;

use super::read_path;
use crate::connectors::path::{Path, text_of};
use crate::connectors::{ConnectorError, Record, Written};
use crate::domain::pipeline::load::BatchLoad;
use crate::domain::value::Value;

/// Words for a record that was written.
const DONE: [&str; 9] = ["ok", "success", "succeeded", "created", "updated", "upserted", "accepted", "done", "true"];
/// Words for a record that was there already.
const UNCHANGED: [&str; 4] = ["unchanged", "exists", "skipped", "not_modified"];

/// Where a response says what became of each record.
pub(super) struct Results {
    pub(super) list: Path,
    key: Option<Path>,
    status: Option<Path>,
    error: Option<Path>,
}

impl Results {
    pub(super) fn new(load: &BatchLoad) -> Result<Option<Self>, ConnectorError> {
        let read = |path: &Option<String>| path.as_deref().map(read_path).transpose();
        let Some(list) = read(&load.results)? else { return Ok(None) };
        Ok(Some(Self { list, key: read(&load.key)?, status: read(&load.status)?, error: read(&load.error)? }))
    }

    /// What became of each record. One that no result is about may not have been written.
    pub(super) fn judge(&self, found: &[Value], records: &[Record], hide: &dyn Fn(&str) -> String) -> Vec<Written> {
        let Some(path) = &self.key else {
            if found.len() != records.len() {
                let (found, all) = (found.len(), records.len());
                let reason = format!("the target gave {found} results for {all} records, and not for which");
                return vec![Written::Failed(reason); records.len()];
            }
            return found.iter().map(|result| self.verdict(result, hide)).collect();
        };
        let by_key: HashMap<String, &Value> =
            found.iter().filter_map(|result| Some((path.text(result)?, result))).collect();
        let verdict = |record: &Record| match record.key.as_ref() {
            None => Written::Refused("the record has no key".to_owned()),
            Some(key) => by_key.get(key).map_or_else(
                || Written::Failed("the target did not say what became of the record".to_owned()),
                |result| self.verdict(result, hide),
            ),
        };
        records.iter().map(verdict).collect()
    }

    fn verdict(&self, result: &Value, hide: &dyn Fn(&str) -> String) -> Written {
        let error = self.error.as_ref().and_then(|path| path.one(result)).filter(|error| !is_nothing(error));
        let status = self.status.as_ref().and_then(|path| path.one(result));
        let told = |value: &Value| hide(&text_of(value).unwrap_or_else(|| value.to_json()));
        let reason = match (error, status) {
            (Some(error), _) => told(error),
            (None, Some(status)) => format!("the target gave the status {}", told(status)),
            (None, None) => String::new(),
        };
        match (error.is_some(), status.map(read_status)) {
            (_, Some(Status::Transient)) => Written::Failed(reason),
            (_, Some(Status::Refused)) | (true, _) => Written::Refused(reason),
            (false, Some(Status::Unchanged)) => Written::Unchanged,
            (false, Some(Status::Done) | None) => Written::Done,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Done,
    Unchanged,
    Refused,
    Transient,
}

fn read_status(value: &Value) -> Status {
    if let Value::Bool(is_good) = value {
        return if *is_good { Status::Done } else { Status::Refused };
    }
    let text = text_of(value).unwrap_or_default().trim().to_ascii_lowercase();
    match text.parse::<u16>() {
        Ok(200..=299) => Status::Done,
        Ok(304) => Status::Unchanged,
        Ok(408 | 425 | 429 | 500..=599) => Status::Transient,
        Ok(_) => Status::Refused,
        Err(_) if DONE.contains(&text.as_str()) => Status::Done,
        Err(_) if UNCHANGED.contains(&text.as_str()) => Status::Unchanged,
        Err(_) => Status::Refused,
    }
}

/// Whether an error is none.
fn is_nothing(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str) -> Record {
        Record { source_id: key.to_owned(), key: Some(key.to_owned()), body: Value::Null }
    }

    fn judge(keyed: bool, results: &str) -> Vec<Written> {
        let path = |text| Path::parse(text).expect("a path");
        let key = keyed.then(|| path("$.k"));
        let spec = Results { list: path("$[*]"), key, status: Some(path("$.s")), error: Some(path("$.e")) };
        let found = Value::parse(results.as_bytes()).expect("JSON");
        spec.judge(found.as_array().expect("a list"), &[record("a"), record("b")], &str::to_owned)
    }

    #[test]
    fn every_record_gets_its_own_result() {
        let refused = |text: &str| Written::Refused(text.to_owned());
        let results = r#"[{"k":"b","s":422,"e":"no sku"},{"k":"a","s":"Created","e":null}]"#;
        assert_eq!(judge(true, results), [Written::Done, refused("no sku")]);
        let results = r#"[{"k":"a","s":304},{"k":"b","s":503,"e":{"m":1}}]"#;
        assert_eq!(judge(true, results), [Written::Unchanged, Written::Failed(r#"{"m":1}"#.into())]);
        assert_eq!(judge(false, r#"[{"s":true},{"s":"error"}]"#)[1], refused("the target gave the status error"));
    }

    #[test]
    fn half_an_answer_loses_nothing() {
        let half = judge(true, r#"[{"k":"b","s":"ok"}]"#);
        assert!(matches!(&half[..], [Written::Failed(_), Written::Done]), "{half:?}");
        // Which of them it is about, nobody knows.
        let half = judge(false, r#"[{"s":"ok"}]"#);
        assert!(matches!(&half[..], [Written::Failed(_), Written::Failed(_)]), "{half:?}");
    }
}
