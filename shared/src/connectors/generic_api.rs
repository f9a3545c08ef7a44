//! Any HTTP API that speaks JSON.

mod batch;
mod one_by_one;
mod requests;
mod results;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderName, Method};
use url::Url;
use zeroize::Zeroizing;

use super::http::{Credentials, HttpApi};
use super::paged::{Paged, Paging, Plan};
use super::parts::{ConnectorParts, SourceSpec, TargetSpec};
use super::path::Path;
use super::{ConnectorError, Source, Target};
use crate::domain::pipeline::extraction::{self, Extraction, Pagination, Request};
use crate::domain::pipeline::load::ApiLoad;
use crate::domain::pipeline::system::{Auth, GenericApi, is_reserved_header};
use crate::outbound::access_tokens;
use batch::Batches;
use one_by_one::OneByOne;

/// The most records of a page that is asked for.
const MAX_PAGE: usize = 10_000;

pub(super) fn source(
    parts: &ConnectorParts,
    system: &GenericApi<Zeroizing<String>>,
    spec: &SourceSpec<'_>,
) -> Result<Box<dyn Source>, ConnectorError> {
    let headers = spec.extraction.request.as_ref().map(|request| &request.headers);
    Ok(Box::new(Paged::new(api(parts, system, headers)?, plan_of(spec.extraction)?)))
}

pub(super) fn target(
    parts: &ConnectorParts,
    system: &GenericApi<Zeroizing<String>>,
    load: &ApiLoad,
    spec: &TargetSpec<'_>,
) -> Result<Box<dyn Target>, ConnectorError> {
    let api = api(parts, system, None)?;
    Ok(match load {
        ApiLoad::Batch(batch) => Box::new(Batches::new(api, batch, spec.concurrency)?),
        _ => Box::new(OneByOne::new(api, load, spec.concurrency)?),
    })
}

/// Asks for the path of tests.
pub(super) async fn test(
    parts: &ConnectorParts,
    system: &GenericApi<Zeroizing<String>>,
) -> Result<String, ConnectorError> {
    let api = api(parts, system, None)?;
    let reply = api.get(api.url(system.test_path.as_deref().unwrap_or_default(), [])?).await?;
    let reply = api.success(reply)?;
    Ok(format!("the API responded with HTTP status code {}", reply.status.as_u16()))
}

/// The API with its credentials, and with further headers.
fn api(
    parts: &ConnectorParts,
    system: &GenericApi<Zeroizing<String>>,
    further: Option<&BTreeMap<String, String>>,
) -> Result<HttpApi, ConnectorError> {
    let unusable = |what: &str| ConnectorError::Permanent(format!("{what} cannot be read"));
    let mut hidden = None;
    let credentials = match &system.auth {
        Auth::None {} => Credentials::None,
        Auth::ApiKey { header: Some(name), key, .. } => {
            let name = HeaderName::try_from(name).map_err(|_| unusable("the name of the header"))?;
            Credentials::Header(name, key.clone())
        }
        Auth::ApiKey { query_parameter, key, .. } => {
            Credentials::Query(query_parameter.iter().map(|name| (name.clone(), key.clone())).collect())
        }
        Auth::Bearer { token } => {
            let text = Zeroizing::new(format!("Bearer {}", **token));
            Credentials::Header(http::header::AUTHORIZATION, text)
        }
        Auth::Basic { username, password } => Credentials::Basic(username.clone(), password.clone()),
        Auth::OAuth2 { token_url, client_id, client_secret, scope } => {
            let url = Url::parse(token_url).map_err(|_| unusable("the token URL"))?;
            let client = (client_id.as_str(), client_secret.as_str());
            hidden = Some(client_secret);
            let (http, ports) = (parts.client.clone(), parts.ports.clone());
            Credentials::Tokens(Box::new(access_tokens(http, ports, url, client, scope.as_deref())))
        }
    };
    let mut headers = vec![("accept".to_owned(), "application/json, application/x-ndjson".to_owned())];
    headers.extend(further_headers(Some(&system.headers)));
    headers.extend(further_headers(further));
    let mut api = HttpApi::new(parts.client.clone(), parts.timeout, &system.base_url, headers, credentials)?;
    if let Some(secret) = hidden {
        api.hide(secret);
    }
    Ok(api)
}

/// The headers of a request that are free to be set.
pub(super) fn further_headers(headers: Option<&BTreeMap<String, String>>) -> Vec<(String, String)> {
    let free = headers.into_iter().flatten().filter(|(name, _)| !is_reserved_header(name));
    free.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What an extraction asks for.
pub(super) fn plan_of(extraction: &Extraction) -> Result<Plan, ConnectorError> {
    let missing = || ConnectorError::Permanent("the mapping's extraction has no request".to_owned());
    let request = extraction.request.as_ref().ok_or_else(missing)?;
    let (paging, size) = paging(extraction.pagination.as_ref())?;
    let mut query: Vec<_> = request.query.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let (size, fixed) = match size {
        Some((parameter, Some(size))) => (None, Some((parameter, size.to_string()))),
        Some((parameter, None)) => (Some((parameter, MAX_PAGE)), None),
        None => (None, None),
    };
    query.extend(fixed);
    Ok(Plan {
        method: method(request),
        path: request.path.clone(),
        query,
        body: body(request)?,
        records: extraction.records.as_deref().map(read_path).transpose()?,
        source_id: read_path(&extraction.source_id)?,
        paging,
        size,
        cursor: extraction.cursor.clone(),
        until: None,
        ids: None,
        check: None,
    })
}

fn method(request: &Request) -> Method {
    match request.method {
        extraction::Method::Get => Method::GET,
        extraction::Method::Post => Method::POST,
    }
}

fn body(request: &Request) -> Result<Option<Bytes>, ConnectorError> {
    let written = request.body.as_ref().map(serde_json::to_vec).transpose();
    let written = written.map_err(|_| ConnectorError::Permanent("the request's body cannot be written".to_owned()))?;
    Ok(written.map(Bytes::from))
}

/// The parameter for the size of a page, and a fixed size.
type Size = Option<(String, Option<u32>)>;

fn paging(pagination: Option<&Pagination>) -> Result<(Paging, Size), ConnectorError> {
    let sized = |parameter: &Option<String>, size: Option<u32>| parameter.clone().map(|name| (name, size));
    Ok(match pagination {
        None => (Paging::None, None),
        Some(Pagination::Link {}) => (Paging::Link, None),
        Some(Pagination::Page { parameter, size_parameter, size }) => {
            (Paging::Number(parameter.clone()), sized(size_parameter, *size))
        }
        Some(Pagination::Offset { parameter, size_parameter, size }) => {
            (Paging::Offset(parameter.clone()), sized(size_parameter, *size))
        }
        Some(Pagination::Cursor { path, parameter }) => {
            (Paging::Cursor { path: read_path(path)?, parameter: parameter.clone() }, None)
        }
    })
}

/// Reads a path of a mapping or of target options.
pub(super) fn read_path(text: &str) -> Result<Path, ConnectorError> {
    Path::parse(text).map_err(ConnectorError::Permanent)
}
