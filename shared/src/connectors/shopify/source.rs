//! Orders and products by GraphQL, in the order in which they changed.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::BoxFuture;

use super::graphql::{Fault, GraphQl};
use super::{Entity, number_of};
use crate::connectors::parts::SourceSpec;
use crate::connectors::path::Path;
use crate::connectors::since::since;
use crate::connectors::trail::{Place, Trail};
use crate::connectors::{Ask, ConnectorError, Page, Source};
use crate::domain::pipeline::extraction::Cursor;
use crate::domain::value::{Object, Value};

/// The most records of a page, as long as a page of so many does not cost too much.
const MAX_PAGE: usize = 50;
/// The most ids that a search names.
const MAX_IDS: usize = 50;
/// The most pages of one record's list.
const MAX_LIST_PAGES: usize = 100;

/// The records of a shop.
pub(super) struct Records {
    graphql: GraphQl,
    entity: Entity,
    source_id: Path,
    /// Whether that is Shopify's own id.
    by_id: bool,
    cursor: Option<Cursor>,
    trail: Trail,
    /// The size that a page may have.
    size: AtomicUsize,
}

impl Source for Records {
    fn read<'a>(&'a self, ask: &'a Ask<'a>) -> BoxFuture<'a, Result<Page, ConnectorError>> {
        Box::pin(self.page(ask))
    }
}

impl Records {
    pub(super) fn new(graphql: GraphQl, entity: Entity, source_id: Path, spec: &SourceSpec<'_>) -> Self {
        let (cursor, size) = (spec.extraction.cursor.clone(), AtomicUsize::new(MAX_PAGE));
        let by_id = ["$.id", "$.legacyResourceId"].contains(&spec.extraction.source_id.as_str());
        Self { graphql, entity, source_id, by_id, cursor, trail: Trail::default(), size }
    }

    async fn page(&self, ask: &Ask<'_>) -> Result<Page, ConnectorError> {
        let place = Place::read(ask.position)?;
        let mut data = self.query(place, ask).await?;
        let (mut records, next) = take_list(&mut data, self.entity.plural());
        self.trail.note(place, next.as_deref().unwrap_or_default().as_bytes(), next.as_deref())?;
        for record in &mut records {
            self.complete(record).await?;
        }
        if !ask.source_ids.is_empty() {
            records.retain(|record| self.source_id.text(record).is_some_and(|id| is_one_of(&id, ask.source_ids)));
        }
        Ok(Page { records, next: next.map(|next| place.next(&next)) })
    }

    /// Asks for a page; for a smaller one if it costs too much.
    async fn query(&self, place: Place<'_>, ask: &Ask<'_>) -> Result<Value, ConnectorError> {
        let (text, filter) = (self.entity.page_query(), self.filter(ask));
        loop {
            let size = self.size.load(Ordering::Relaxed).min(ask.page_size).max(1);
            let after = Some(place.at).filter(|at| !at.is_empty());
            let variables = [
                ("first", Value::Number(size.to_string())),
                ("after", after.map_or(Value::Null, |after| Value::String(after.to_owned()))),
                ("query", filter.as_ref().map_or(Value::Null, |filter| Value::String(filter.clone()))),
            ];
            let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            match self.graphql.call(&text, variables).await {
                Err(Fault::TooCostly(_)) if size > 1 => self.size.store(size / 2, Ordering::Relaxed),
                other => return other.map_err(ConnectorError::from),
            }
        }
    }

    /// Shopify's search: `>=` and `<` compare times.
    fn filter(&self, ask: &Ask<'_>) -> Option<String> {
        let mut terms = Vec::new();
        if let (Some(from), Some(cursor)) = (ask.from, &self.cursor) {
            terms.push(format!("updated_at:>='{}'", quoted(&since(cursor, from))));
        }
        if let Some(to) = ask.to {
            terms.push(format!("updated_at:<'{}'", quoted(to)));
        }
        if self.by_id && (1..=MAX_IDS).contains(&ask.source_ids.len()) {
            let ids: Vec<String> = ask.source_ids.iter().map(|id| format!("id:{}", digits(number_of(id)))).collect();
            terms.push(format!("({})", ids.join(" OR ")));
        }
        (!terms.is_empty()).then(|| terms.join(" AND "))
    }

    /// Reads the rest of a record's list: a page holds its beginning only.
    async fn complete(&self, record: &mut Value) -> Result<(), ConnectorError> {
        let (mut items, mut next) = take_list(record, self.entity.list());
        let id = record.get("id").and_then(Value::as_str).map(str::to_owned);
        let mut pages = 0;
        while let (Some(after), Some(id)) = (&next, &id) {
            pages += 1;
            if pages > MAX_LIST_PAGES {
                return Err(ConnectorError::Permanent(format!(
                    "{id} has more {} than can be read",
                    self.entity.list()
                )));
            }
            let variables = [("id", id), ("after", after)];
            let variables = variables.map(|(name, text)| (name.to_owned(), Value::String(text.clone())));
            let data = self.graphql.call(&self.entity.list_query(), variables.into_iter().collect()).await;
            let Value::Object(mut data) = data.map_err(ConnectorError::from)? else { break };
            let (more, following) = take_list(data.entry("node"), self.entity.list());
            if following.as_ref() == Some(after) {
                return Err(ConnectorError::Permanent(format!("the {} of {id} lead in a circle", self.entity.list())));
            }
            items.extend(more);
            next = following;
        }
        if let Value::Object(record) = record {
            let nodes: Object = [("nodes".to_owned(), Value::Array(items))].into_iter().collect();
            *record.entry(self.entity.list()) = Value::Object(nodes);
        }
        Ok(())
    }
}

/// Takes the nodes of a connection, and where its next page begins.
fn take_list(parent: &mut Value, name: &str) -> (Vec<Value>, Option<String>) {
    let Value::Object(parent) = parent else { return (Vec::new(), None) };
    let Value::Object(mut connection) = std::mem::replace(parent.entry(name), Value::Null) else {
        return (Vec::new(), None);
    };
    let info = connection.get("pageInfo");
    let more = info.and_then(|info| info.get("hasNextPage")) == Some(&Value::Bool(true));
    let end = info.and_then(|info| info.get("endCursor")).and_then(Value::as_str).map(str::to_owned);
    let nodes = match std::mem::replace(connection.entry("nodes"), Value::Null) {
        Value::Array(nodes) => nodes,
        _ => Vec::new(),
    };
    (nodes, end.filter(|_| more))
}

fn is_one_of(id: &str, ids: &[String]) -> bool {
    ids.iter().any(|wanted| number_of(wanted) == number_of(id))
}

/// A value inside quotes of a search.
fn quoted(text: &str) -> String {
    text.replace(['\\', '\''], "")
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}
