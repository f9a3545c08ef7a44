//! Records in the pages of an HTTP API: what is asked for, how a response is read, how the next page is found.

mod content;
mod link;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use super::http::{HttpApi, Reply};
use super::path::Path;
use super::since::since;
use super::trail::{Place, Trail};
use super::{Ask, ConnectorError, Page, Source};
use crate::domain::pipeline::extraction::Cursor;
use crate::domain::value::Value;
pub(super) use content::read_content;
use link::next_link;

/// The most ids that a URL names.
const MAX_IDS: usize = 50;

/// What is asked for.
pub(super) struct Plan {
    pub(super) method: Method,
    /// Below the API's base URL.
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Option<Bytes>,
    /// The records of a response; `None`: the items of a list, or the whole response.
    pub(super) records: Option<Path>,
    pub(super) source_id: Path,
    pub(super) paging: Paging,
    /// The parameter for the size of a page, and the most that the API allows.
    pub(super) size: Option<(String, usize)>,
    /// How changes are asked for.
    pub(super) cursor: Option<Cursor>,
    /// The parameter for the time before which records changed.
    pub(super) until: Option<&'static str>,
    /// The parameter for the ids of records, separated by commas.
    pub(super) ids: Option<&'static str>,
    /// What else a response must be like. The error says what is wrong.
    pub(super) check: Option<Check>,
}

/// Checks the headers of a response.
pub(super) type Check = Box<dyn Fn(&HeaderMap) -> Result<(), String> + Send + Sync>;

/// How the next page is found.
pub(super) enum Paging {
    /// There is none.
    None,
    /// The header `Link` names it.
    Link,
    /// By its number.
    Number(String),
    /// By the records before it.
    Offset(String),
    /// By what the response says.
    Cursor { path: Path, parameter: String },
}

/// A source of pages.
pub(super) struct Paged {
    api: HttpApi,
    plan: Plan,
    trail: Trail,
}

impl Source for Paged {
    fn read<'a>(&'a self, ask: &'a Ask<'a>) -> BoxFuture<'a, Result<Page, ConnectorError>> {
        Box::pin(self.page(ask))
    }
}

impl Paged {
    pub(super) fn new(api: HttpApi, plan: Plan) -> Self {
        Self { api, plan, trail: Trail::default() }
    }

    async fn page(&self, ask: &Ask<'_>) -> Result<Page, ConnectorError> {
        let place = Place::read(ask.position)?;
        let url = self.url(place, ask)?;
        let reply = self.api.send(self.plan.method.clone(), url.clone(), self.plan.body.clone()).await?;
        // Some APIs say so that a number is beyond the last page.
        let is_beyond = reply.status == StatusCode::NOT_FOUND && place.page > 1;
        if is_beyond && matches!(self.plan.paging, Paging::Number(_)) {
            return Ok(Page::default());
        }
        let reply = self.api.success(reply)?;
        if let Some(Err(why)) = self.plan.check.as_ref().map(|check| check(&reply.headers)) {
            return Err(self.api.unusable(&reply, &why));
        }
        let content = read_content(&self.api, &reply)?;
        let named = self.named(&url, &reply, &content)?;
        let mut records = content::take_records(&self.api, &reply, content, self.plan.records.as_ref())?;
        let next = match &self.plan.paging {
            Paging::Number(_) | Paging::Offset(_) if records.is_empty() => None,
            Paging::Number(_) => Some((number(place.at, 1)? + 1).to_string()),
            Paging::Offset(_) => Some((number(place.at, 0)? + records.len()).to_string()),
            _ => named,
        };
        let at = if matches!(self.plan.paging, Paging::Link) { url.as_str() } else { place.at };
        self.trail.note(Place { at, ..place }, &reply.body, next.as_deref())?;
        if !ask.source_ids.is_empty() {
            records.retain(|record| self.plan.source_id.text(record).is_some_and(|id| ask.source_ids.contains(&id)));
        }
        Ok(Page { records, next: next.map(|next| place.next(&next)) })
    }

    /// The URL of a page.
    fn url(&self, place: Place<'_>, ask: &Ask<'_>) -> Result<Url, ConnectorError> {
        let Plan { path, query, paging, size, cursor, until, ids, .. } = &self.plan;
        if place.page > 1 && matches!(paging, Paging::Link) {
            let first = self.api.url(path, [])?;
            return self.api.follow(&first, place.at);
        }
        let mut all: Vec<(&str, &str)> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let records = size.as_ref().map(|(_, most)| ask.page_size.clamp(1, *most).to_string());
        all.extend(size.iter().zip(&records).map(|((name, _), records)| (name.as_str(), records.as_str())));
        let asked = cursor.as_ref().zip(ask.from);
        let from = asked.and_then(|(cursor, from)| Some((cursor.parameter.as_deref()?, since(cursor, from))));
        all.extend(from.iter().map(|(name, from)| (*name, from.as_str())));
        all.extend(until.zip(ask.to));
        let wanted = listed(ask.source_ids);
        if let Some(ids) = ids.filter(|_| !wanted.is_empty()) {
            all.push((ids, &wanted));
        }
        let at = if place.at.is_empty() { first(paging) } else { place.at };
        match paging {
            Paging::Number(parameter) | Paging::Offset(parameter) => all.push((parameter, at)),
            Paging::Cursor { parameter, .. } if !at.is_empty() => all.push((parameter, at)),
            _ => {}
        }
        self.api.url(path, all)
    }

    /// The next page, if the response names it.
    fn named(&self, url: &Url, reply: &Reply, content: &Value) -> Result<Option<String>, ConnectorError> {
        match &self.plan.paging {
            Paging::Link => {
                let link = next_link(&reply.headers);
                link.map(|link| self.api.follow(url, &link).map(Into::into)).transpose()
            }
            Paging::Cursor { path, .. } => Ok(path.text(content).filter(|cursor| !cursor.is_empty())),
            _ => Ok(None),
        }
    }
}

/// Ids for a URL; none if they are too many for one, and then they are picked out of everything.
pub(super) fn listed(ids: &[String]) -> String {
    if ids.len() > MAX_IDS { String::new() } else { ids.join(",") }
}

/// How the first page is called.
fn first(paging: &Paging) -> &'static str {
    match paging {
        Paging::Number(_) => "1",
        Paging::Offset(_) => "0",
        _ => "",
    }
}

fn number(at: &str, first: usize) -> Result<usize, ConnectorError> {
    if at.is_empty() {
        return Ok(first);
    }
    at.parse().map_err(|_| ConnectorError::Permanent("the position cannot be read".to_owned()))
}
