//! The pages that were read, so that a source which leads in a circle is an error and no endless run.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::ConnectorError;

/// The most pages of one reading.
pub(super) const MAX_PAGES: u32 = 100_000;

/// Where a page begins: its number, from 1, and what the source calls the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) page: u32,
    pub(super) at: &'a str,
}

impl<'a> Place<'a> {
    /// Reads a position; the first page if there is none.
    pub(super) fn read(position: Option<&'a str>) -> Result<Self, ConnectorError> {
        let Some(position) = position else { return Ok(Self { page: 1, at: "" }) };
        let parts = position.split_once(' ').and_then(|(page, at)| Some((page.parse().ok()?, at)));
        let (page, at) = parts.ok_or_else(|| ConnectorError::Permanent("the position cannot be read".to_owned()))?;
        Ok(Self { page, at })
    }

    /// The position of the page after it, which begins `at`.
    pub(super) fn next(self, at: &str) -> String {
        format!("{} {at}", self.page + 1)
    }
}

/// The pages that were read by this process. A page that is read again after a failure is no circle: it has the number
/// that it had.
#[derive(Default)]
pub(super) struct Trail(Mutex<Pages>);

#[derive(Default)]
struct Pages {
    /// The number under which a place was read, by the hash of the place.
    places: HashMap<u64, u32>,
    /// The last page and the hash of its content.
    last: Option<(u32, u64)>,
}

impl Trail {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a page with its content, and checks that the next one, if there is any, is not one of those before.
    pub(super) fn note(&self, place: Place<'_>, content: &[u8], next: Option<&str>) -> Result<(), ConnectorError> {
        if next.is_some() && place.page >= MAX_PAGES {
            return Err(ConnectorError::Permanent(format!("the source has more than {MAX_PAGES} pages")));
        }
        let (content, mut pages) = (hash(content), self.pages());
        pages.places.insert(hash(place.at), place.page);
        let before = pages.last.replace((place.page, content));
        if next.is_some_and(|next| pages.places.get(&hash(next)).is_some_and(|page| *page <= place.page)) {
            return Err(ConnectorError::Permanent(format!(
                "the pages of the source lead in a circle: page {} is followed by one that was read before",
                place.page
            )));
        }
        if next.is_some() && place.page > 1 && before == Some((place.page - 1, content)) {
            return Err(ConnectorError::Permanent(format!(
                "the source gave the same content as pages {} and {}",
                place.page - 1,
                place.page
            )));
        }
        Ok(())
    }
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_seen_and_a_repetition_is_not_one() {
        let trail = Trail::default();
        let note = |page, at, content: &str, next| trail.note(Place { page, at }, content.as_bytes(), next);
        assert!(note(1, "", "a", Some("b")).is_ok());
        assert!(note(2, "b", "b", Some("c")).is_ok());
        assert!(note(2, "b", "b", Some("c")).is_ok(), "read again after a failure");
        assert!(note(1, "", "a", Some("b")).is_ok(), "read again from the beginning");
        assert!(note(3, "c", "c", Some("b")).is_err(), "back to the second page");
        assert!(note(4, "d", "d", Some("d")).is_err(), "to itself");
        assert!(note(5, "e", "d", Some("f")).is_err(), "the same content again");
        assert!(note(MAX_PAGES, "z", "z", Some("zz")).is_err(), "endless");
        assert!(note(MAX_PAGES, "z", "z", None).is_ok());
    }

    #[test]
    fn positions_are_read_as_they_were_written() {
        let first = Place::read(None).expect("the beginning");
        let next = first.next("https://a.example/?b c");
        assert_eq!(Place::read(Some(&next)).ok(), Some(Place { page: 2, at: "https://a.example/?b c" }));
        assert!(Place::read(Some("x")).is_err() && Place::read(Some("x y")).is_err());
    }

    mod fuzz {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn any_position_is_read_or_refused(text in "\\PC{0,40}", page in 1_u32..1_000) {
                let _ = Place::read(Some(&text));
                let next = Place { page, at: "" }.next(&text);
                prop_assert_eq!(Place::read(Some(&next)).ok(), Some(Place { page: page + 1, at: &text }));
            }
        }
    }
}
