//! Headers, and the bodies they lead to.

use std::collections::{HashSet, VecDeque};

use futures::future::try_join_all;

use super::query::Stream;
use super::{KEYS, MOVED, OLDEST, Placed, Transactions, body_key, outcomes_of};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::domain::transaction::{Outcome, TransactionFilter};
use crate::store::key::{Name, check};
use crate::store::{Item, StoreError};

/// Bodies that are loaded at once: more, the more of them are needed.
const MAX_PARALLEL: usize = 16;

/// A header's place, and what it says of its body.
pub(super) struct Header {
    pub(super) at: String,
    item: Item,
}

impl Header {
    /// `None`, and a line in the log, if it cannot be read.
    pub(super) fn of(item: Item) -> Option<Self> {
        let name = Name::of(&item);
        Self::read(item).inspect_err(|error| name.is_unreadable(error)).ok()
    }

    pub(super) fn read(item: Item) -> Result<Self, StoreError> {
        check(&item)?;
        let at = item.get("sk").and_then(|sk| sk.as_s().ok()).cloned();
        at.map(|at| Self { at, item }).ok_or_else(|| StoreError::Malformed("a header without a place".to_owned()))
    }

    /// Whether its body can have outcomes that are asked for.
    pub(super) fn lists(&self, keys: &[u32], to: Millis) -> bool {
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

impl Transactions {
    /// The outcomes under a header of many; of one that cannot be read, none.
    async fn load_or_log(
        &self,
        scope: &Scope,
        header: &Header,
        filter: &TransactionFilter,
    ) -> Result<Placed, StoreError> {
        match self.load(scope, header, filter).await {
            Err(error @ StoreError::Malformed(_)) => {
                Name::of(&header.item).is_unreadable(&error);
                Ok(Placed::new())
            }
            loaded => loaded,
        }
    }

    /// The outcomes under a header that are still its own.
    pub(super) async fn load(
        &self,
        scope: &Scope,
        header: &Header,
        filter: &TransactionFilter,
    ) -> Result<Placed, StoreError> {
        let outcomes = if header.item.contains_key(super::BODY) {
            outcomes_of(&header.item, filter)?
        } else {
            // It may have outlived its retention.
            let item = self.db.item(self.table(), &body_key(scope, &header.at)).await?;
            item.as_ref().map(|item| outcomes_of(item, filter)).transpose()?.unwrap_or_default()
        };
        let moved = header.moved();
        let own = |(_, outcome): &(usize, Outcome)| moved.is_empty() || !moved.contains(&outcome.id().to_string());
        Ok(outcomes.into_iter().filter(own).collect())
    }
}

/// The headers that can have what a filter asks for, newest first, with their outcomes.
pub(super) struct Headers {
    pub(super) stream: Stream,
    waiting: VecDeque<Header>,
    parallel: usize,
    keys: Vec<u32>,
    to: Millis,
}

impl Headers {
    pub(super) fn new(stream: Stream, filter: &TransactionFilter) -> Self {
        let to = filter.to.unwrap_or(Millis::MAX);
        Self { stream, waiting: VecDeque::new(), parallel: 1, keys: filter.keys(), to }
    }

    /// The first of those whose outcomes were not loaded.
    pub(super) fn waiting(&self) -> Option<&String> {
        self.waiting.front().map(|header| &header.at)
    }

    /// Has the next header's outcomes ready, if there is one and not enough was read.
    pub(super) async fn fill(
        &mut self,
        transactions: &Transactions,
        scope: &Scope,
        filter: &TransactionFilter,
    ) -> Result<(), StoreError> {
        while self.stream.ready.is_empty() {
            if self.waiting.is_empty() {
                if !self.stream.pages.may_read() {
                    return Ok(());
                }
                for item in self.stream.pages.next().await? {
                    let Some(header) = Header::of(item) else { continue };
                    if header.lists(&self.keys, self.to) {
                        self.waiting.push_back(header);
                    }
                }
                continue;
            }
            let some: Vec<Header> = self.waiting.drain(..self.parallel.min(self.waiting.len())).collect();
            self.parallel = (2 * self.parallel).min(MAX_PARALLEL);
            let loads = some.iter().map(|header| transactions.load_or_log(scope, header, filter));
            let loaded = try_join_all(loads).await?;
            self.stream.ready.extend(some.into_iter().map(|header| header.at).zip(loaded));
        }
        Ok(())
    }
}
