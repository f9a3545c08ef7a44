//! How many connections are kept open for further requests, to all targets together.
//!
//! The pool of the HTTP client bounds those to one host alone, and a tenant may have any number of hosts. So every request
//! takes a place, and gives it back to its host; where there is none, its connection is closed after it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The places. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Kept(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    idle: Duration,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    /// All that are taken, by requests under way and by idle connections.
    taken: usize,
    /// When the connections to each host fell idle, the latest last: the pool uses that one first.
    idle: HashMap<String, Vec<Instant>>,
}

/// The place of a request; its connection is idle when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    kept: Kept,
    /// `None` if there is no connection any more.
    host: Option<String>,
}

impl Kept {
    /// So many, and how long each is kept without use.
    pub(super) fn new(most: usize, idle: Duration) -> Self {
        Self(Arc::new(Shared { most, idle, places: Mutex::default() }))
    }

    /// A place for a request to a host; `None` if all are taken.
    pub(super) fn place(&self, host: &str) -> Option<Place> {
        let mut places = self.places();
        if let Some(idle) = places.idle.get_mut(host) {
            idle.pop();
            if idle.is_empty() {
                places.idle.remove(host);
            }
        } else {
            if places.taken >= self.0.most {
                places.forget_older(self.0.idle);
            }
            if places.taken >= self.0.most {
                return None;
            }
            places.taken += 1;
        }
        Some(Place { kept: self.clone(), host: Some(host.to_owned()) })
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// Frees the places of connections that the pool has closed by now.
    fn forget_older(&mut self, idle: Duration) {
        let before: usize = self.idle.values().map(Vec::len).sum();
        self.idle.retain(|_, since| {
            since.retain(|since| since.elapsed() < idle);
            !since.is_empty()
        });
        let after: usize = self.idle.values().map(Vec::len).sum();
        self.taken -= before - after;
    }
}

impl Place {
    /// Its connection is not open any more, or never was.
    pub(super) fn close(mut self) {
        self.host = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.kept.places();
        match self.host.take() {
            Some(host) => places.idle.entry(host).or_default().push(Instant::now()),
            None => places.taken -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_uses_its_places_again_and_others_find_those_that_are_left() {
        let kept = Kept::new(2, Duration::from_secs(3_600));
        drop(kept.place("a"));
        let again = kept.place("a");
        assert_eq!(kept.places().taken, 1, "the same connection");
        let other = kept.place("b");
        assert!(again.is_some() && other.is_some() && kept.place("a").is_none() && kept.place("c").is_none());
        drop(other);
        assert!(kept.place("c").is_none(), "an idle connection is open too");
        assert!(kept.place("b").is_some());
    }

    #[test]
    fn a_connection_that_failed_has_no_place() {
        let kept = Kept::new(1, Duration::from_secs(3_600));
        kept.place("a").expect("a place").close();
        assert!(kept.place("b").is_some());
    }

    #[test]
    fn connections_that_were_idle_for_long_have_no_place() {
        let kept = Kept::new(2, Duration::ZERO);
        drop((kept.place("a"), kept.place("b")));
        let (c, d) = (kept.place("c"), kept.place("d"));
        assert!(c.is_some() && d.is_some() && kept.place("e").is_none());
    }
}
