//! What was published, and what was acknowledged.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An event, by its number.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    pub(super) sandbox: bool,
    /// Events of one key are in order.
    pub(super) key: usize,
    /// The id that it was acknowledged with.
    pub(super) id: Option<String>,
}

/// The events of a run.
pub(super) struct Ledger {
    entries: Mutex<Vec<Entry>>,
    events: usize,
    acknowledged: AtomicUsize,
    pub(super) requests: AtomicUsize,
    /// Requests that were sent more than once before they were answered.
    pub(super) repeated: AtomicUsize,
}

impl Ledger {
    pub(super) fn new(events: usize) -> Self {
        let (entries, acknowledged) = (Mutex::new(Vec::with_capacity(events)), AtomicUsize::new(0));
        Self { entries, events, acknowledged, requests: AtomicUsize::new(0), repeated: AtomicUsize::new(0) }
    }

    /// The events that will be.
    pub(super) fn events(&self) -> usize {
        self.events
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    pub(super) fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers for up to `count` new events, each with its key; none once all have theirs.
    pub(super) fn take(&self, count: usize, sandbox: bool, key: impl Fn(usize) -> usize) -> Vec<usize> {
        let mut entries = self.entries();
        let first = entries.len();
        let numbers: Vec<usize> = (first..self.events.min(first + count)).collect();
        entries.extend(numbers.iter().map(|n| Entry { sandbox, key: key(*n), id: None }));
        numbers
    }

    /// Notes ids that events were acknowledged with.
    pub(super) fn acknowledge(&self, ids: impl IntoIterator<Item = (usize, String)>) {
        let mut entries = self.entries();
        for (number, id) in ids {
            entries[number].id = Some(id);
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The name of an event.
pub(super) fn name(number: usize) -> &'static str {
    if number.is_multiple_of(3) { "order.paid" } else { "order.created" }
}
