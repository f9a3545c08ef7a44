//! Records written one by one: created or updated, by their key.

use futures::future::BoxFuture;
use http::{Method, StatusCode};

use super::read_path;
use super::requests::{ask, body_of, method, search_url, url_of};
use crate::connectors::each::each;
use crate::connectors::halt::Halt;
use crate::connectors::http::{HttpApi, Reply};
use crate::connectors::key::key_of;
use crate::connectors::paged::read_content;
use crate::connectors::path::Path;
use crate::connectors::{Batch, ConnectorError, Record, Target, Written};
use crate::domain::pipeline::load::{ApiLoad, Call, Find, ID, KEY};
use crate::domain::value::Value;

/// How many records a write had best have.
const BATCH: usize = 100;

/// Writes records one by one, some at the same time.
pub(super) struct OneByOne {
    api: HttpApi,
    way: Way,
    concurrency: usize,
}

enum Way {
    Reconcile { search: Option<Box<Search>>, create: Call, update: Option<Call> },
    Upsert(Call),
}

/// How a record is found.
struct Search {
    find: Find,
    records: Option<Path>,
    key: Option<Path>,
    id: Option<Path>,
}

/// A record that the target has.
struct Found {
    content: Value,
    id: Option<String>,
}

impl OneByOne {
    pub(super) fn new(api: HttpApi, load: &ApiLoad, concurrency: usize) -> Result<Self, ConnectorError> {
        let way = match load.clone() {
            ApiLoad::Reconcile { find, create, update } => {
                Way::Reconcile { search: find.map(Search::new).transpose()?.map(Box::new), create, update }
            }
            ApiLoad::Upsert { method, path } => Way::Upsert(Call { method, path }),
            ApiLoad::Batch(_) => return Err(ConnectorError::Permanent("these are options for batches".to_owned())),
        };
        Ok(Self { api, way, concurrency })
    }

    async fn one(&self, record: &Record, halt: &Halt) -> Written {
        let write = Write { api: &self.api, record, halt };
        let written = match &self.way {
            Way::Upsert(call) => write.upsert(call).await,
            Way::Reconcile { search: Some(search), create, update } => {
                write.reconcile(search, create, update.as_ref()).await
            }
            Way::Reconcile { search: None, create, update: Some(update) } => {
                write.update_or_create(create, update).await
            }
            Way::Reconcile { search: None, create, update: None } => write.create(create).await,
        };
        written.unwrap_or_else(|written| written)
    }
}

/// One record on its way. An error is what became of it, too.
struct Write<'a> {
    api: &'a HttpApi,
    record: &'a Record,
    halt: &'a Halt,
}

impl Write<'_> {
    async fn upsert(&self, call: &Call) -> Result<Written, Written> {
        let key = if call.path.contains(KEY) { key_of(self.record)? } else { "" };
        self.done(self.call(call, key, None).await?)
    }

    async fn reconcile(&self, search: &Search, create: &Call, update: Option<&Call>) -> Result<Written, Written> {
        let key = key_of(self.record)?;
        let Some(found) = self.find(key, search).await? else { return self.create(create).await };
        match update {
            Some(update) if !covers(&found.content, &self.record.body) => {
                if found.id.is_none() && update.path.contains(ID) {
                    return Err(Written::Refused("the record that was found has no id".to_owned()));
                }
                self.done(self.call(update, key, found.id.as_deref()).await?)
            }
            _ => Ok(Written::Unchanged),
        }
    }

    async fn update_or_create(&self, create: &Call, update: &Call) -> Result<Written, Written> {
        let reply = self.call(update, key_of(self.record)?, None).await?;
        match reply.status {
            StatusCode::NOT_FOUND => self.create(create).await,
            _ => self.done(reply),
        }
    }

    async fn create(&self, create: &Call) -> Result<Written, Written> {
        let reply = self.call(create, key_of(self.record)?, None).await?;
        if reply.status == StatusCode::CONFLICT {
            // It came into being meanwhile: the next attempt finds it.
            return Err(Written::Failed(self.api.failure(&reply).to_string()));
        }
        self.done(reply)
    }

    async fn call(&self, call: &Call, key: &str, id: Option<&str>) -> Result<Reply, Written> {
        let url = url_of(self.api, &call.path, key, id)?;
        ask(self.api, self.halt, method(call.method), url, Some(body_of(self.record))).await
    }

    fn done(&self, reply: Reply) -> Result<Written, Written> {
        if reply.status == StatusCode::NOT_MODIFIED {
            return Ok(Written::Unchanged);
        }
        self.api.success(reply).map(|_| Written::Done).map_err(ConnectorError::written)
    }

    async fn find(&self, key: &str, search: &Search) -> Result<Option<Found>, Written> {
        let url = search_url(self.api, &search.find.path, &search.find.query, key)?;
        let reply = ask(self.api, self.halt, Method::GET, url, None).await?;
        if reply.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let reply = self.api.success(reply).map_err(ConnectorError::written)?;
        let content = read_content(self.api, &reply).map_err(ConnectorError::written)?;
        let mut records = match &search.records {
            Some(path) => path.take(content).map_err(Written::Refused)?,
            None => vec![content],
        };
        if let Some(path) = &search.key {
            records.retain(|record| path.text(record).as_deref() == Some(key));
        }
        // A search that ignores what it is asked for gives every record there is.
        if records.len() > 1 {
            let count = records.len();
            return Err(Written::Refused(format!("the search found {count} records: find.key tells which is meant")));
        }
        let Some(content) = records.pop() else { return Ok(None) };
        Ok(Some(Found { id: search.id.as_ref().and_then(|path| path.text(&content)), content }))
    }
}

impl Search {
    fn new(find: Find) -> Result<Self, ConnectorError> {
        let read = |path: &Option<String>| path.as_deref().map(read_path).transpose();
        Ok(Self { records: read(&find.records)?, key: read(&find.key)?, id: read(&find.id)?, find })
    }
}

impl Target for OneByOne {
    fn write<'a>(&'a self, batch: &'a Batch<'a>) -> BoxFuture<'a, Result<Vec<Written>, ConnectorError>> {
        Box::pin(async move {
            let halt = Halt::default();
            let written = each(batch.records, self.concurrency, |record| self.one(record, &halt)).await;
            halt.finish(written)
        })
    }

    fn batch_size(&self) -> usize {
        BATCH
    }
}

/// Whether a record of the target has all of this content already.
fn covers(found: &Value, content: &Value) -> bool {
    match (found, content) {
        (Value::Object(found), Value::Object(content)) => {
            content.iter().all(|(name, value)| found.get(name).is_some_and(|found| covers(found, value)))
        }
        (found, content) => found == content,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_covers_what_it_has() {
        let value = |text: &str| Value::parse(text.as_bytes()).expect("JSON");
        let found = value(r#"{"a":1,"b":{"c":[1,2],"d":"x"},"e":null}"#);
        for same in [r#"{"a":1}"#, r#"{"b":{"c":[1,2]}}"#, "{}", r#"{"e":null}"#] {
            assert!(covers(&found, &value(same)), "{same}");
        }
        for other in [r#"{"a":2}"#, r#"{"a":1.0}"#, r#"{"b":{"c":[1]}}"#, r#"{"f":null}"#] {
            assert!(!covers(&found, &value(other)), "{other}");
        }
    }
}
