//! Queries that are read page by page, and what was read and not used yet.

use std::collections::VecDeque;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;

use super::{Placed, Transactions};
use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;
use crate::store::{Item, StoreError};

/// Items of the first query; each further one has four times as many, up to what the database gives at once.
const FIRST_PAGE: i32 = 32;
const MAX_PAGE: i32 = 8_192;
/// Pages of one query for a page of transactions, however little they find: the rest is left to the next page.
pub(super) const MAX_QUERIES: usize = 20;

impl Transactions {
    /// A query over a range of sort keys.
    pub(super) fn query(
        &self,
        scope: &Scope,
        family: ScopeFamily<'_>,
        (low, high): (String, String),
    ) -> QueryFluentBuilder {
        let query = self.db.query(self.table(), &scope.partition(family));
        let (key, query) = match family {
            // An index is some milliseconds behind its table.
            ScopeFamily::FailuresBy(fact, ..) => (fact.index(), query.index_name(fact.index())),
            _ => ("pk", query.consistent_read(true)),
        };
        query
            .key_condition_expression("#key = :pk AND sk BETWEEN :low AND :high")
            .expression_attribute_names("#key", key)
            .expression_attribute_values(":low", AttributeValue::S(low))
            .expression_attribute_values(":high", AttributeValue::S(high))
    }
}

/// A query, page by page.
pub(super) struct Pages {
    query: QueryFluentBuilder,
    start: Option<Item>,
    pub(super) done: bool,
    /// The last sort key that was read.
    pub(super) read_to: Option<String>,
    queries: usize,
}

impl Pages {
    pub(super) fn new(query: QueryFluentBuilder, done: bool) -> Self {
        Self { query, start: None, done, read_to: None, queries: 0 }
    }

    pub(super) fn may_read(&self) -> bool {
        !self.done && self.queries < MAX_QUERIES
    }

    pub(super) async fn next(&mut self) -> Result<Vec<Item>, StoreError> {
        let limit = FIRST_PAGE.saturating_mul(4_i32.saturating_pow(u32::try_from(self.queries).unwrap_or(u32::MAX)));
        let query = self.query.clone().limit(limit.min(MAX_PAGE)).set_exclusive_start_key(self.start.take());
        let answer = query.send().await?;
        self.done = answer.last_evaluated_key.is_none();
        self.start = answer.last_evaluated_key;
        self.queries += 1;
        let items = answer.items.unwrap_or_default();
        // What the database filters out was read too.
        let last = self.start.as_ref().or(items.last());
        let last = last.and_then(|item| item.get("sk")?.as_s().ok()).cloned();
        self.read_to = last.or(self.read_to.take());
        Ok(items)
    }
}

/// A query, and the outcomes at each place that was read, the newest first.
pub(super) struct Stream {
    pub(super) pages: Pages,
    pub(super) ready: VecDeque<(String, Placed)>,
}

impl Stream {
    pub(super) fn new(pages: Pages) -> Self {
        Self { pages, ready: VecDeque::new() }
    }

    /// The newest place that is ready.
    pub(super) fn front(&self) -> Option<&String> {
        self.ready.front().map(|(at, _)| at)
    }

    /// What was not read has this sort key or an older one; `None` where all was read, or some of it is ready.
    pub(super) fn unread(&self) -> Option<&String> {
        if self.pages.done || !self.ready.is_empty() { None } else { self.pages.read_to.as_ref() }
    }
}
