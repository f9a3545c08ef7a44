//! A process's cache of a catalogue.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Record, Snapshot};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;

/// The most scopes kept in memory; past that the cache starts anew.
const MAX_SCOPES: usize = 10_000;

struct Entry<R: Record> {
    /// When its version was last compared with the version record.
    looked_at: Millis,
    /// When this process last changed the catalogue: an earlier look does not count.
    changed_at: Millis,
    snapshot: Arc<Snapshot<R>>,
}

impl<R: Record> Default for Entry<R> {
    fn default() -> Self {
        Self { looked_at: Millis::ZERO, changed_at: Millis::ZERO, snapshot: Arc::default() }
    }
}

pub(super) struct Cache<R: Record>(Arc<Mutex<HashMap<Scope, Entry<R>>>>);

impl<R: Record> Default for Cache<R> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<R: Record> Clone for Cache<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R: Record> Cache<R> {
    fn entries(&self) -> MutexGuard<'_, HashMap<Scope, Entry<R>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last snapshot, however old.
    pub(super) fn snapshot(&self, scope: &Scope) -> Arc<Snapshot<R>> {
        self.entries().get(scope).map(|entry| Arc::clone(&entry.snapshot)).unwrap_or_default()
    }

    /// The last snapshot, if it was up to date at most `age` ago.
    pub(super) fn recent(&self, scope: &Scope, age: Duration, now: Millis) -> Option<Arc<Snapshot<R>>> {
        let entries = self.entries();
        let entry = entries.get(scope)?;
        let fresh = entry.looked_at > entry.changed_at && now.since(entry.looked_at) < age;
        fresh.then(|| Arc::clone(&entry.snapshot))
    }

    /// The last snapshot, if it was up to date so shortly before a time that no change made since takes effect by then.
    pub(super) fn as_of(&self, scope: &Scope, at: Millis, ahead: Duration) -> Option<Arc<Snapshot<R>>> {
        let entries = self.entries();
        let entry = entries.get(scope)?;
        let holds = entry.looked_at > entry.changed_at && at < entry.looked_at.plus(ahead);
        holds.then(|| Arc::clone(&entry.snapshot))
    }

    /// Takes note of a snapshot that was up to date at `looked_at`.
    pub(super) fn remember(&self, scope: &Scope, snapshot: &Arc<Snapshot<R>>, looked_at: Millis) {
        self.with(scope, |entry| {
            // A slow look does not replace a later one.
            if looked_at >= entry.looked_at {
                (entry.looked_at, entry.snapshot) = (looked_at, Arc::clone(snapshot));
            }
        });
    }

    /// Takes note that this process has changed the catalogue.
    pub(super) fn changed(&self, scope: &Scope, now: Millis) {
        self.with(scope, |entry| entry.changed_at = now);
    }

    fn with(&self, scope: &Scope, change: impl FnOnce(&mut Entry<R>)) {
        let mut entries = self.entries();
        if let Some(entry) = entries.get_mut(scope) {
            return change(entry);
        }
        if entries.len() >= MAX_SCOPES {
            entries.clear();
        }
        change(entries.entry(scope.clone()).or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event_type::EventType;
    use crate::domain::scope::Environment;

    #[test]
    fn a_snapshot_is_recent_until_it_is_old_or_changed() {
        let cache = Cache::<EventType>::default();
        let scope = Scope { tenant: "acme".parse().expect("valid"), environment: Environment::Production };
        let age = Duration::from_millis(10);
        let recent = |now| cache.recent(&scope, age, Millis(now)).map(|snapshot| snapshot.version);
        let snapshot = |version| Arc::new(Snapshot { version, ..Snapshot::default() });
        assert_eq!(recent(100), None);
        cache.remember(&scope, &snapshot(1), Millis(100));
        assert_eq!((recent(109), recent(110)), (Some(1), None));
        let as_of = |at| cache.as_of(&scope, Millis(at), age).is_some();
        assert!(as_of(109) && as_of(5) && !as_of(110));
        cache.changed(&scope, Millis(105));
        assert!(recent(106).is_none() && !as_of(5));
        cache.remember(&scope, &snapshot(1), Millis(105));
        assert_eq!(recent(106), None, "the look may have come before the change");
        cache.remember(&scope, &snapshot(2), Millis(106));
        cache.remember(&scope, &snapshot(1), Millis(104));
        assert_eq!(recent(107), Some(2), "a slow look came last");
    }
}
