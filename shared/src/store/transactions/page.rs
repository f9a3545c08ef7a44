//! A page of the transactions that a filter asks for, the newest first.

use std::fmt;
use std::iter;
use std::str::FromStr;
use std::time::Duration;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::try_join_all;

use super::headers::Headers;
use super::query::{Pages, Stream};
use super::{Placed, SPAN, Transactions, place};
use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::domain::transaction::{Direction, Outcome, TransactionFilter, TransactionStatus};
use crate::store::StoreError;
use crate::store::key::read_or_log;

/// All the outcomes of a header.
const PASSED: usize = u32::MAX as usize;
/// The longest sort key that a place may name.
const MAX_KEY_BYTES: usize = 512;

/// Where a page of transactions ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The sort key of the last header or entry.
    pub at: String,
    /// How many of its outcomes were passed.
    pub passed: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.passed, self.at)
    }
}

/// Not a place in a list of transactions.
#[derive(Debug, thiserror::Error)]
#[error("not a place in a list of transactions")]
pub struct NotAPlace;

impl FromStr for Place {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let (passed, at) = text.split_once('.').ok_or(NotAPlace)?;
        if !(1..=MAX_KEY_BYTES).contains(&at.len()) {
            return Err(NotAPlace);
        }
        Ok(Self { at: at.to_owned(), passed: passed.parse().map_err(|_| NotAPlace)? })
    }
}

impl Transactions {
    /// A page of the transactions that are asked for, the newest first, and where the next page begins.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn page(
        &self,
        scope: &Scope,
        filter: &TransactionFilter,
        after: Option<&Place>,
        limit: usize,
    ) -> Result<(Vec<Outcome>, Option<Place>), StoreError> {
        let mut merge = Merge::new(self, scope, filter, after);
        let mut page = Vec::with_capacity(limit);
        while let Some((at, outcomes)) = merge.next().await? {
            let passed = after.filter(|after| after.at == at).map_or(0, |after| after.passed);
            for (index, outcome) in outcomes.into_iter().filter(|(index, _)| *index >= passed) {
                if page.len() == limit {
                    return Ok((page, Some(Place { at, passed: index })));
                }
                if filter.matches(&outcome) {
                    page.push(outcome);
                }
            }
        }
        Ok((page, merge.rest()))
    }
}

/// Headers and entries, newest first, with the outcomes of each.
struct Merge<'a> {
    transactions: &'a Transactions,
    scope: &'a Scope,
    filter: &'a TransactionFilter,
    headers: Headers,
    /// The entries, or those of each status that is asked for.
    entries: Vec<Stream>,
    /// The last place that was given: an index can show an entry under its old and its new status for a moment.
    given: Option<String>,
}

impl<'a> Merge<'a> {
    fn new(
        transactions: &'a Transactions,
        scope: &'a Scope,
        filter: &'a TransactionFilter,
        after: Option<&Place>,
    ) -> Self {
        let low = format!("{:013}", filter.from.map_or(0, |from| from.0.max(0)));
        let high = |slack| {
            let end = filter.to.map_or(Millis::MAX, |to| to.plus(slack));
            let end = format!("{:013}", end.0.clamp(0, 9_999_999_999_999));
            after.map_or(end.clone(), |after| after.at.clone().min(end))
        };
        let stream =
            |family, high: String, narrow: fn(QueryFluentBuilder, &TransactionFilter) -> QueryFluentBuilder| {
                let none = high < low;
                let query = transactions.query(scope, family, (low.clone(), high)).scan_index_forward(false);
                Stream::new(Pages::new(narrow(query, filter), none))
            };
        let mut headers = stream(ScopeFamily::Deliveries, high(SPAN), |query, _| query);
        headers.pages.done |= !filter.takes_plain();
        let statuses = if filter.statuses.is_empty() { &TransactionStatus::ALL[..] } else { &filter.statuses };
        let families = match filter.index() {
            Some((fact, values)) => {
                let each = |status: &TransactionStatus| {
                    let status = *status;
                    values.clone().into_iter().map(move |value| ScopeFamily::FailuresBy(fact, status, value))
                };
                statuses.iter().flat_map(each).collect()
            }
            None => vec![ScopeFamily::Failures],
        };
        let entries = families.into_iter().map(|family| stream(family, high(Duration::ZERO), of_entries));
        let (headers, entries) = (Headers::new(headers, filter), entries.collect());
        Self { transactions, scope, filter, headers, entries, given: None }
    }

    fn streams(&self) -> impl Iterator<Item = &Stream> {
        iter::once(&self.headers.stream).chain(&self.entries)
    }

    /// The next header or entry; `None` at the end, or where enough was read for one page.
    async fn next(&mut self) -> Result<Option<(String, Placed)>, StoreError> {
        loop {
            let entries = self.entries.iter_mut().map(|stream| fill(stream, self.filter));
            futures::try_join!(self.headers.fill(self.transactions, self.scope, self.filter), try_join_all(entries))?;
            // What was not read may be newer.
            let unread = self.streams().filter_map(Stream::unread).max().cloned();
            let streams = iter::once(&mut self.headers.stream).chain(&mut self.entries);
            let newest = streams.max_by(|one, two| one.front().cmp(&two.front()));
            let newest = newest.filter(|newest| newest.front() > unread.as_ref());
            let Some((at, outcomes)) = newest.and_then(|newest| newest.ready.pop_front()) else { return Ok(None) };
            if self.given.as_ref() != Some(&at) {
                self.given = Some(at.clone());
                return Ok(Some((at, outcomes)));
            }
        }
    }

    /// Where the next page begins, if this one ended before the end.
    fn rest(self) -> Option<Place> {
        let ready = self.streams().filter_map(Stream::front).chain(self.headers.waiting());
        let ready = ready.map(|at| Place { at: at.clone(), passed: 0 });
        let unread = self.streams().map(|stream| &stream.pages).filter(|pages| !pages.done);
        let unread = unread.filter_map(|pages| Some(Place { at: pages.read_to.clone()?, passed: PASSED }));
        // The newest of what is left: everything before it was seen.
        ready.chain(unread).max_by(|one, two| (&one.at, two.passed).cmp(&(&two.at, one.passed)))
    }
}

/// Has the next entry ready, if there is one and not enough was read.
async fn fill(entries: &mut Stream, filter: &TransactionFilter) -> Result<(), StoreError> {
    while entries.ready.is_empty() && entries.pages.may_read() {
        for item in entries.pages.next().await? {
            let Some(outcome) = read_or_log::<Outcome>(item) else { continue };
            if filter.matches(&outcome) {
                entries.ready.push_back((place(&outcome.id()), vec![(0, outcome)]));
            }
        }
    }
    Ok(())
}

/// A query of entries that has the database pass over those that are not asked for.
fn of_entries(query: QueryFluentBuilder, filter: &TransactionFilter) -> QueryFluentBuilder {
    let mut query = query;
    let mut conditions = Vec::new();
    if !filter.statuses.is_empty() {
        let names: Vec<String> = (0..filter.statuses.len()).map(|place| format!(":status{place}")).collect();
        for (name, status) in names.iter().zip(&filter.statuses) {
            query = query.expression_attribute_values(name, AttributeValue::S(status.as_str().to_owned()));
        }
        query = query.expression_attribute_names("#status", "status");
        conditions.push(format!("#status IN ({})", names.join(", ")));
    }
    for (name, value) in [("partner_id", &filter.partner_id), ("document_type", &filter.document_type)] {
        if let Some(value) = value {
            query = query.expression_attribute_values(format!(":{name}"), AttributeValue::S(value.clone()));
            conditions.push(format!("{name} = :{name}"));
        }
    }
    if filter.direction == Some(Direction::Inbound) {
        query =
            query.expression_attribute_values(":inbound", AttributeValue::S(Direction::Inbound.as_str().to_owned()));
        query = query.expression_attribute_names("#direction", "direction");
        conditions.push("#direction = :inbound".to_owned());
    }
    if let Some(route) = &filter.route {
        query = query.expression_attribute_names("#route", "route").expression_attribute_names("#uid", "uid");
        query = query.expression_attribute_values(":route", AttributeValue::S(route.clone()));
        conditions.push("#route.#uid = :route".to_owned());
    }
    if conditions.is_empty() { query } else { query.filter_expression(conditions.join(" AND ")) }
}
