//! Reads transactions: one of them, or a page of those that a filter asks for, the newest first.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::try_join_all;

use super::{KEYS, MOVED, OLDEST, SPAN, Transactions, body_key, entry_key, outcomes_of};
use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::domain::transaction::{Outcome, TransactionFilter, TransactionId};
use crate::store::db::first;
use crate::store::{Item, StoreError, read};

/// Items of the first query; each further one has four times as many, up to what the database gives at once.
const FIRST_PAGE: i32 = 32;
const MAX_PAGE: i32 = 8_192;
/// Queries of one page of transactions, however little they find: the rest is left to the next page.
const MAX_QUERIES: usize = 20;
/// Bodies that are loaded at once: more, the more of them are needed.
const MAX_PARALLEL: usize = 16;
/// All the outcomes of a header.
const PASSED: usize = u32::MAX as usize;
/// The longest sort key that a place may name.
const MAX_KEY_BYTES: usize = 512;
/// Attempts of one transaction that are shown.
const MAX_ATTEMPTS: usize = 100;

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

/// A transaction and where it stands.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its last attempt.
    pub last: Outcome,
    /// Its attempts, the first one first.
    pub attempts: Vec<Outcome>,
    /// The header that it stands under; none if it has an entry.
    pub header: Option<String>,
}

/// A header's place, and what it says of its body.
struct Header {
    at: String,
    item: Item,
}

impl Header {
    fn of(item: Item) -> Result<Self, StoreError> {
        let at = item.get("sk").and_then(|sk| sk.as_s().ok()).cloned();
        at.map(|at| Self { at, item }).ok_or_else(|| StoreError::Malformed("a header without a place".to_owned()))
    }

    /// Whether its body can have outcomes that are asked for.
    fn lists(&self, keys: &[u32], to: Millis) -> bool {
        let listed = self.item.get(KEYS).and_then(|keys| keys.as_b().ok());
        let listed: Vec<u32> = listed.map(|bytes| numbers(bytes.as_ref())).unwrap_or_default();
        let oldest: Option<i64> = self.item.get(OLDEST).and_then(|oldest| oldest.as_n().ok()?.parse().ok());
        oldest.is_none_or(|oldest| oldest < to.0) && keys.iter().all(|key| listed.binary_search(key).is_ok())
    }

    /// The transactions that have got an entry of their own since.
    fn moved(&self) -> HashSet<String> {
        let moved = self.item.get(MOVED).and_then(|moved| moved.as_ss().ok());
        moved.map(|ids| ids.iter().cloned().collect()).unwrap_or_default()
    }
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]])).collect()
}

/// A query, page by page.
struct Pages {
    query: QueryFluentBuilder,
    start: Option<Item>,
    done: bool,
    /// The last sort key that was read.
    read_to: Option<String>,
    queries: usize,
}

impl Pages {
    fn new(query: QueryFluentBuilder, done: bool) -> Self {
        Self { query, start: None, done, read_to: None, queries: 0 }
    }

    fn may_read(&self) -> bool {
        !self.done && self.queries < MAX_QUERIES
    }

    /// What was not read has this sort key or an older one; `None` where all was read, or some of it is ready.
    fn unread(&self, ready: &VecDeque<(String, Vec<Outcome>)>) -> Option<String> {
        if self.done || !ready.is_empty() { None } else { self.read_to.clone() }
    }

    async fn next(&mut self) -> Result<Vec<Item>, StoreError> {
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

/// Headers and entries, newest first, with the outcomes of each.
struct Merge<'a> {
    transactions: &'a Transactions,
    scope: &'a Scope,
    filter: &'a TransactionFilter,
    keys: Vec<u32>,
    headers: Pages,
    waiting: VecDeque<Header>,
    plain: VecDeque<(String, Vec<Outcome>)>,
    parallel: usize,
    entries: Pages,
    others: VecDeque<(String, Vec<Outcome>)>,
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
            for (index, outcome) in outcomes.into_iter().enumerate().skip(passed) {
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

    fn query(&self, scope: &Scope, family: ScopeFamily<'_>, (low, high): (String, String)) -> QueryFluentBuilder {
        let query = self.db.query(self.table(), &scope.partition(family)).consistent_read(true);
        query
            .key_condition_expression("pk = :pk AND sk BETWEEN :low AND :high")
            .expression_attribute_values(":low", AttributeValue::S(low))
            .expression_attribute_values(":high", AttributeValue::S(high))
    }

    /// The outcomes under a header that are still its own.
    async fn load(&self, scope: &Scope, header: &Header) -> Result<(String, Vec<Outcome>), StoreError> {
        let outcomes = if header.item.contains_key(super::BODY) {
            outcomes_of(&header.item)?
        } else {
            // It may have outlived its retention.
            let item = self.db.item(self.table(), &body_key(scope, &header.at)).await?;
            item.as_ref().map(outcomes_of).transpose()?.unwrap_or_default()
        };
        let moved = header.moved();
        let own = |outcome: &Outcome| moved.is_empty() || !moved.contains(&outcome.id().to_string());
        Ok((header.at.clone(), outcomes.into_iter().filter(own).collect()))
    }

    /// One transaction with its attempts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(&self, scope: &Scope, id: &TransactionId) -> Result<Option<Found>, StoreError> {
        if let Some(item) = self.db.item(self.table(), &entry_key(scope, id)).await? {
            let attempts = self.attempts(scope, id).await?;
            return Ok(Some(Found { last: read(item)?, attempts, header: None }));
        }
        let bounds = (format!("{:013}", id.logged_at.0), format!("{:013}", id.logged_at.plus(SPAN).0));
        let query = self.query(scope, ScopeFamily::Deliveries, bounds);
        let mut pages = Pages::new(query, false);
        let asked = TransactionFilter { route: Some(id.route.clone()), ..TransactionFilter::default() };
        let (keys, to) = (asked.keys(), Millis(id.logged_at.0 + 1));
        for _ in 0..MAX_QUERIES {
            for item in pages.next().await? {
                let header = Header::of(item)?;
                if !header.lists(&keys, to) {
                    continue;
                }
                let (_, outcomes) = self.load(scope, &header).await?;
                if let Some(last) = outcomes.into_iter().find(|outcome| outcome.id() == *id) {
                    return Ok(Some(Found { attempts: vec![last.clone()], last, header: Some(header.at) }));
                }
            }
            if pages.done {
                break;
            }
        }
        Ok(None)
    }

    /// The attempts of a transaction that has an entry, the first one first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attempts(&self, scope: &Scope, id: &TransactionId) -> Result<Vec<Outcome>, StoreError> {
        let partition = scope.partition(ScopeFamily::Attempts(&id.to_string()));
        first(self.db.query(self.table(), &partition).consistent_read(true), MAX_ATTEMPTS).await
    }
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
    if let Some(route) = &filter.route {
        query = query.expression_attribute_names("#route", "route").expression_attribute_names("#uid", "uid");
        query = query.expression_attribute_values(":route", AttributeValue::S(route.clone()));
        conditions.push("#route.#uid = :route".to_owned());
    }
    if conditions.is_empty() { query } else { query.filter_expression(conditions.join(" AND ")) }
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
        let pages = |family, high: String| {
            let none = high < low;
            let query = transactions.query(scope, family, (low.clone(), high)).scan_index_forward(false);
            Pages::new(query, none)
        };
        let mut headers = pages(ScopeFamily::Deliveries, high(SPAN));
        headers.done |= !filter.takes_plain();
        let entries = pages(ScopeFamily::Failures, high(Duration::ZERO));
        Self {
            transactions,
            scope,
            filter,
            keys: filter.keys(),
            headers,
            waiting: VecDeque::new(),
            plain: VecDeque::new(),
            parallel: 1,
            entries: Pages { query: of_entries(entries.query, filter), ..entries },
            others: VecDeque::new(),
        }
    }

    /// The next header or entry; `None` at the end, or where enough was read for one page.
    async fn next(&mut self) -> Result<Option<(String, Vec<Outcome>)>, StoreError> {
        self.fill_plain().await?;
        self.fill_others().await?;
        let newest_is_plain = match (self.plain.front(), self.others.front()) {
            (Some((plain, _)), Some((other, _))) => plain > other,
            (plain, _) => plain.is_some(),
        };
        // What was not read may be newer.
        let unread = if newest_is_plain { self.entries.unread(&self.others) } else { self.headers.unread(&self.plain) };
        let newest = if newest_is_plain { &mut self.plain } else { &mut self.others };
        let known = newest.front().is_some_and(|(at, _)| unread.is_none_or(|unread| *at > unread));
        Ok(if known { newest.pop_front() } else { None })
    }

    /// Has the next header's outcomes ready, if there is one and not enough was read.
    async fn fill_plain(&mut self) -> Result<(), StoreError> {
        while self.plain.is_empty() {
            if !self.waiting.is_empty() {
                let some: Vec<Header> = self.waiting.drain(..self.parallel.min(self.waiting.len())).collect();
                self.parallel = (2 * self.parallel).min(MAX_PARALLEL);
                let loads = some.iter().map(|header| self.transactions.load(self.scope, header));
                self.plain.extend(try_join_all(loads).await?);
                continue;
            }
            if !self.headers.may_read() {
                return Ok(());
            }
            let to = self.filter.to.unwrap_or(Millis::MAX);
            for item in self.headers.next().await? {
                let header = Header::of(item)?;
                if header.lists(&self.keys, to) {
                    self.waiting.push_back(header);
                }
            }
        }
        Ok(())
    }

    /// Has the next entry ready, if there is one and not enough was read.
    async fn fill_others(&mut self) -> Result<(), StoreError> {
        while self.others.is_empty() && self.entries.may_read() {
            for item in self.entries.next().await? {
                let outcome: Outcome = read(item)?;
                if self.filter.matches(&outcome) {
                    self.others.push_back((super::place(&outcome.id()), vec![outcome]));
                }
            }
        }
        Ok(())
    }

    /// Where the next page begins, if this one ended before the end.
    fn rest(self) -> Option<Place> {
        let waiting = self.waiting.front().map(|header| &header.at);
        let ready = [self.plain.front(), self.others.front()].into_iter().flatten().map(|(at, _)| at);
        let ready = ready.chain(waiting).map(|at| Place { at: at.clone(), passed: 0 });
        let unread = [&self.headers, &self.entries].into_iter().filter(|pages| !pages.done);
        let unread = unread.filter_map(|pages| Some(Place { at: pages.read_to.clone()?, passed: PASSED }));
        // The newest of what is left: everything before it was seen.
        ready.chain(unread).max_by(|one, two| (&one.at, two.passed).cmp(&(&two.at, one.passed)))
    }
}
