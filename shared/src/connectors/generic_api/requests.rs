//! Requests for records, and when to send no more of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::Method;
use url::Url;

use crate::connectors::http::{HttpApi, Reply, escape};
use crate::connectors::{ConnectorError, Record, Written};
use crate::domain::pipeline::load::{ID, KEY, WriteMethod};
use crate::domain::pipeline::system::is_path;

/// Why nothing more is sent in this write: the target is throttled, down, or refuses the credentials. Records that were
/// not sent may be sent later.
#[derive(Default)]
pub(in crate::connectors) struct Halt(Mutex<Option<ConnectorError>>);

impl Halt {
    /// What becomes of a record that is not sent any more.
    pub(in crate::connectors) fn check(&self) -> Result<(), Written> {
        let halted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halted.as_ref().map_or(Ok(()), |error| Err(postponed(error.clone())))
    }

    /// Sends no more.
    pub(in crate::connectors) fn set(&self, error: ConnectorError) -> Written {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        postponed(error)
    }

    /// The result of a write: an error if nothing came of it.
    pub(in crate::connectors) fn finish(self, written: Vec<Written>) -> Result<Vec<Written>, ConnectorError> {
        let nothing = written.iter().all(|written| matches!(written, Written::Failed(_) | Written::Throttled { .. }));
        match self.0.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) if nothing => Err(error),
            _ => Ok(written),
        }
    }
}

/// A record that fails for a reason which is not its own.
fn postponed(error: ConnectorError) -> Written {
    match error {
        ConnectorError::Permanent(reason) => Written::Failed(reason),
        transient => transient.written(),
    }
}

/// Sends a request for records, unless nothing more is to be sent. Gives a response that says something about them.
pub(super) async fn ask(
    api: &HttpApi,
    halt: &Halt,
    method: Method,
    url: Url,
    body: Option<Bytes>,
) -> Result<Reply, Written> {
    halt.check()?;
    let reply = api.send(method, url, body).await.map_err(|error| halt.set(error))?;
    match reply.status.as_u16() {
        401 | 403 | 407 | 429 | 503 => Err(halt.set(api.failure(&reply))),
        _ => Ok(reply),
    }
}

/// The key of a record.
pub(in crate::connectors) fn key_of(record: &Record) -> Result<&str, Written> {
    let key = record.key.as_deref().filter(|key| !key.is_empty());
    key.ok_or_else(|| Written::Refused("the record has no key".to_owned()))
}

/// The URL of a path with placeholders.
pub(super) fn url_of(api: &HttpApi, path: &str, key: &str, id: Option<&str>) -> Result<Url, Written> {
    let mut filled = path.replace(KEY, &escape(key));
    if let Some(id) = id {
        filled = filled.replace(ID, &escape(id));
    }
    if !is_path(&filled) {
        return Err(Written::Refused("the record's key cannot stand in a path".to_owned()));
    }
    api.url(&filled, []).map_err(ConnectorError::written)
}

/// The URL of a search.
pub(super) fn search_url(
    api: &HttpApi,
    path: &str,
    query: &BTreeMap<String, String>,
    key: &str,
) -> Result<Url, Written> {
    let mut url = url_of(api, path, key, None)?;
    for (name, value) in query {
        url.query_pairs_mut().append_pair(name, &value.replace(KEY, key));
    }
    Ok(url)
}

pub(super) fn method(method: WriteMethod) -> Method {
    match method {
        WriteMethod::Post => Method::POST,
        WriteMethod::Put => Method::PUT,
        WriteMethod::Patch => Method::PATCH,
    }
}

/// The content of a record as a body.
pub(super) fn body_of(record: &Record) -> Bytes {
    let mut body = Vec::with_capacity(1_024);
    record.body.write(&mut body);
    body.into()
}
