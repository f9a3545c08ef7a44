//! The tenant's own events: as records to read, and as what records become.

mod publish;

use std::time::Duration;

use futures::future::BoxFuture;

use super::parts::{ConnectorParts, SourceSpec, TargetSpec};
use super::path::Path;
use super::since::since;
use super::{Ask, ConnectorError, Page, Source, Target};
use crate::domain::event::Event;
use crate::domain::export::Position;
use crate::domain::pipeline::extraction::Cursor;
use crate::domain::pipeline::load::EventLoad;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::domain::value::{Object, Value};
use crate::engine::poll::{LogPoller, Poll};
use publish::Publication;

/// The most events of a page.
const MAX_PAGE: usize = 1_000;

pub(super) fn source(parts: &ConnectorParts, spec: &SourceSpec<'_>) -> Result<Box<dyn Source>, ConnectorError> {
    let query = spec.extraction.request.as_ref().map(|request| &request.query);
    Ok(Box::new(Log {
        poller: parts.events.poller.clone(),
        scope: spec.scope.clone(),
        name: query.and_then(|query| query.get("name")).cloned(),
        source_id: Path::parse(&spec.extraction.source_id).map_err(ConnectorError::Permanent)?,
        cursor: spec.extraction.cursor.clone(),
    }))
}

pub(super) fn target(parts: &ConnectorParts, load: &EventLoad, spec: &TargetSpec<'_>) -> Box<dyn Target> {
    Box::new(Publication {
        publisher: parts.events.publisher.clone(),
        types: parts.events.types.clone(),
        quota: parts.events.quota.clone(),
        scope: spec.scope.clone(),
        pipeline: spec.pipeline.to_owned(),
        load: load.clone(),
    })
}

/// Reads the newest event there is.
pub(super) async fn test(parts: &ConnectorParts, scope: &Scope) -> Result<String, ConnectorError> {
    let to = parts.events.poller.settled();
    let from = Position::at(to.minus(Duration::from_secs(60)));
    let poll = Poll { from, to, name: None, limit: 1, wait: Duration::ZERO };
    parts.events.poller.page(scope, poll).await.map_err(unreadable)?;
    Ok("the event log can be read".to_owned())
}

/// The log of events, up to what had settled when the reading began.
struct Log {
    poller: LogPoller,
    scope: Scope,
    /// Only events of this name.
    name: Option<String>,
    source_id: Path,
    cursor: Option<Cursor>,
}

impl Source for Log {
    fn read<'a>(&'a self, ask: &'a Ask<'a>) -> BoxFuture<'a, Result<Page, ConnectorError>> {
        Box::pin(self.page(ask))
    }
}

impl Log {
    async fn page(&self, ask: &Ask<'_>) -> Result<Page, ConnectorError> {
        let (from, to) = self.range(ask)?;
        let limit = ask.page_size.clamp(1, MAX_PAGE);
        let poll = Poll { from, to, name: self.name.as_deref(), limit, wait: Duration::ZERO };
        let page = self.poller.page(&self.scope, poll).await.map_err(unreadable)?;
        let mut records = page.events.iter().map(record).collect::<Result<Vec<_>, _>>()?;
        if !ask.source_ids.is_empty() {
            records.retain(|record| self.source_id.text(record).is_some_and(|id| ask.source_ids.contains(&id)));
        }
        let more = page.next < Position::at(to);
        Ok(Page { records, next: more.then(|| format!("{} {}", to.0, page.next)) })
    }

    /// Where a page begins, and where the reading ends.
    fn range(&self, ask: &Ask<'_>) -> Result<(Position, Millis), ConnectorError> {
        let unreadable = |what: &str| ConnectorError::Permanent(format!("the {what} cannot be read"));
        if let Some(position) = ask.position {
            let parts = position.split_once(' ');
            let read = parts.and_then(|(to, from)| Some((from.parse().ok()?, Millis(to.parse().ok()?))));
            return read.ok_or_else(|| unreadable("position"));
        }
        let time = |text: &str| {
            super::since::time(text)
                .map(|time| Millis(time.as_millisecond().max(0)))
                .ok_or_else(|| unreadable("cursor"))
        };
        let moved = |from: &str| self.cursor.as_ref().map_or_else(|| from.to_owned(), |cursor| since(cursor, from));
        let from = ask.from.map(|from| time(&moved(from))).transpose()?.unwrap_or(Millis::ZERO);
        let to = ask.to.map(time).transpose()?.unwrap_or(Millis::MAX);
        Ok((Position::at(from), to.min(self.poller.settled())))
    }
}

/// An event as a record: as the API shows it.
fn record(event: &Event) -> Result<Value, ConnectorError> {
    let payload = Value::parse(event.payload.get().as_bytes());
    let payload = payload.map_err(|_| ConnectorError::Permanent(format!("the event {} cannot be read", event.id)))?;
    let text = |text: &str| Value::String(text.to_owned());
    let mut record: Object = [
        ("id".to_owned(), text(&event.id)),
        ("name".to_owned(), text(&event.name)),
        ("published_at".to_owned(), Value::String(event.published_at.to_string())),
        ("logged_at".to_owned(), Value::String(event.logged_at.to_string())),
        ("payload".to_owned(), payload),
    ]
    .into_iter()
    .collect();
    let optional = [
        ("partner_id", &event.partner_id),
        ("document_type", &event.document_type),
        ("ordering_key", &event.ordering_key),
    ];
    for (name, value) in optional.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))) {
        record.push(name.to_owned(), text(value));
    }
    Ok(Value::Object(record))
}

fn unreadable(error: impl std::fmt::Display) -> ConnectorError {
    tracing::warn!(%error, "the event log was not read for a pipeline");
    ConnectorError::transient("the event log cannot be read now")
}
