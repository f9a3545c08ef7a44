//! What changed in a shop, the oldest change first.
//!
//! Pages are found by time and not by number: a record that changes while a run reads moves to the end, and everything
//! after it would move up by one, so that the next numbered page would miss a record. So a page begins two seconds
//! before the last change of the page before it, and what that page had is left out. Numbers are used within two
//! seconds only: where more changed at once than a page holds.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::connectors::http::{HttpApi, Reply};
use crate::connectors::paged::{listed, read_content};
use crate::connectors::path::Path;
use crate::connectors::since::{before, time};
use crate::connectors::trail::{Place, Trail};
use crate::connectors::{Ask, ConnectorError, Page, Source};
use crate::domain::pipeline::extraction::Extraction;
use crate::domain::value::Value;

/// The most records of a page.
const MAX_PAGE: usize = 100;
/// The least: what a page repeats of the one before must not fill it.
const MIN_PAGE: usize = 20;
/// How far each page reads back: times have whole seconds, and are written before the change is there to be read.
const OVERLAP: Duration = Duration::from_secs(2);
/// The most records that a position remembers.
const MAX_SEEN: usize = 300;
/// When a record changed, in UTC without a zone.
const MODIFIED: &str = "date_modified_gmt";

/// The changes of a shop.
pub(super) struct Changes {
    api: HttpApi,
    path: String,
    query: BTreeMap<String, String>,
    source_id: Path,
    /// Whether that is the shop's own id.
    by_id: bool,
    overlap: Duration,
    trail: Trail,
}

/// Where a page begins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Start {
    /// Changes after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<Timestamp>,
    /// The page of those changes.
    page: u32,
    /// Records that were given already: an id and a time each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    seen: Vec<String>,
}

impl Source for Changes {
    fn read<'a>(&'a self, ask: &'a Ask<'a>) -> BoxFuture<'a, Result<Page, ConnectorError>> {
        Box::pin(self.page(ask))
    }
}

impl Changes {
    pub(super) fn new(
        api: HttpApi,
        path: &str,
        query: BTreeMap<String, String>,
        extraction: &Extraction,
    ) -> Result<Self, ConnectorError> {
        let source_id = Path::parse(&extraction.source_id).map_err(ConnectorError::Permanent)?;
        let by_id = extraction.source_id == "$.id";
        let overlap_seconds = extraction.cursor.as_ref().map_or(0, |cursor| cursor.overlap_seconds);
        let overlap = Duration::from_secs(overlap_seconds.into()).max(OVERLAP);
        Ok(Self { api, path: path.to_owned(), query, source_id, by_id, overlap, trail: Trail::default() })
    }

    async fn page(&self, ask: &Ask<'_>) -> Result<Page, ConnectorError> {
        let place = Place::read(ask.position)?;
        let start = self.start(place, ask)?;
        let size = ask.page_size.clamp(MIN_PAGE, MAX_PAGE);
        let reply = self.api.success(self.api.get(self.url(&start, size, ask)?).await?)?;
        let records = self.records(&reply)?;
        let next = is_full(&reply, start.page, records.len(), size).then(|| self.following(&start, &records));
        let text = |start: &Start| serde_json::to_string(start).unwrap_or_default();
        let next = next.as_ref().map(text);
        self.trail.note(Place { at: &text(&start), ..place }, &reply.body, next.as_deref())?;
        let given = |record: &Value| start.seen.contains(&self.mark(record));
        let mut records: Vec<Value> = records.into_iter().filter(|record| !given(record)).collect();
        if !ask.source_ids.is_empty() {
            records.retain(|record| self.source_id.text(record).is_some_and(|id| ask.source_ids.contains(&id)));
        }
        Ok(Page { records, next: next.map(|next| place.next(&next)) })
    }

    fn start(&self, place: Place<'_>, ask: &Ask<'_>) -> Result<Start, ConnectorError> {
        if !place.at.is_empty() {
            let unreadable = |_| ConnectorError::Permanent("the position cannot be read".to_owned());
            return serde_json::from_str(place.at).map_err(unreadable);
        }
        let unreadable = |from: &str| ConnectorError::Permanent(format!("the cursor {from} is no time"));
        let from = ask.from.map(|from| time(from).ok_or_else(|| unreadable(from))).transpose()?;
        Ok(Start { after: from.map(|from| before(from, self.overlap)), page: 1, seen: Vec::new() })
    }

    fn url(&self, start: &Start, size: usize, ask: &Ask<'_>) -> Result<Url, ConnectorError> {
        let (size, page, ids) = (size.to_string(), start.page.to_string(), self.ids(ask));
        let after = start.after.map(without_zone);
        let to = ask.to.and_then(time).map(without_zone);
        let own = [
            ("dates_are_gmt", Some("true")),
            ("orderby", Some("modified")),
            ("order", Some("asc")),
            ("per_page", Some(&size)),
            ("page", Some(&page)),
            ("modified_after", after.as_deref()),
            ("modified_before", to.as_deref()),
            ("include", Some(ids.as_str()).filter(|ids| !ids.is_empty())),
        ];
        let further = self.query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let further = further.filter(|(name, _)| own.iter().all(|(known, _)| known != name));
        let own = own.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
        self.api.url(&self.path, further.chain(own))
    }

    /// The ids to ask for, if the shop knows them.
    fn ids(&self, ask: &Ask<'_>) -> String {
        if self.by_id { listed(ask.source_ids) } else { String::new() }
    }

    fn records(&self, reply: &Reply) -> Result<Vec<Value>, ConnectorError> {
        match read_content(&self.api, reply)? {
            Value::Array(records) => Ok(records),
            other => {
                let text = self.api.hidden(&other.to_json());
                Err(self.api.unusable(reply, &format!("it is no list of records: {text}")))
            }
        }
    }

    /// Where the page after these records begins.
    fn following(&self, start: &Start, records: &[Value]) -> Start {
        let changes: Option<Vec<Timestamp>> = records.iter().map(modified).collect();
        // A shop that does not sort by the time of change is read by number.
        let sorted = changes.filter(|changes| changes.is_sorted());
        let back = sorted.and_then(|changes| changes.last().copied()).map(|last| before(last, OVERLAP));
        match back.filter(|back| start.after.is_none_or(|after| *back > after)) {
            None => Start { page: start.page + 1, ..start.clone() },
            Some(back) => {
                let again = records.iter().filter(|record| modified(record).is_some_and(|at| at >= back));
                let mut seen: Vec<String> = start.seen.iter().cloned().chain(again.map(|r| self.mark(r))).collect();
                seen.drain(..seen.len().saturating_sub(MAX_SEEN));
                Start { after: Some(back), page: 1, seen }
            }
        }
    }

    /// Tells a record and its state from every other.
    fn mark(&self, record: &Value) -> String {
        let at = record.get(MODIFIED).and_then(Value::as_str).unwrap_or_default();
        format!("{}@{at}", self.source_id.text(record).unwrap_or_default())
    }
}

fn modified(record: &Value) -> Option<Timestamp> {
    time(record.get(MODIFIED)?.as_str()?)
}

/// As WooCommerce writes times.
fn without_zone(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// Whether more pages follow.
fn is_full(reply: &Reply, page: u32, count: usize, size: usize) -> bool {
    let total = reply.headers.get("x-wp-totalpages").and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    count > 0 && total.map_or(count >= size, |total| page < total)
}
