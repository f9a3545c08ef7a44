//! Requests for records.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use url::Url;

use crate::connectors::halt::Halt;
use crate::connectors::http::{HttpApi, Reply, escape};
use crate::connectors::{ConnectorError, Record, Written};
use crate::domain::pipeline::load::{ID, KEY, WriteMethod};
use crate::domain::pipeline::system::is_path;

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
