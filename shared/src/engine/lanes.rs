//! Room for everybody: one route's slow target must not take every place of this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Work that has gone on for so long counts as slow.
const SLOW: Duration = Duration::from_millis(500);
/// So many slow pieces of work may one route have at once.
const MAX_SLOW: usize = 6;

/// What is under way, by the route's uid.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lanes(Arc<Mutex<HashMap<String, Vec<Instant>>>>);

/// A place taken; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    lanes: Lanes,
    route: String,
    since: Instant,
}

impl Lanes {
    /// Takes a place, unless too much of the route's work here is slow already.
    pub(crate) fn enter(&self, route: &str) -> Option<Place> {
        self.enter_below(route, |under_way| under_way.iter().filter(|since| since.elapsed() > SLOW).count() < MAX_SLOW)
    }

    /// Takes the one place there is for a route.
    pub(crate) fn enter_alone(&self, route: &str) -> Option<Place> {
        self.enter_below(route, <[Instant]>::is_empty)
    }

    fn enter_below(&self, route: &str, has_room: impl Fn(&[Instant]) -> bool) -> Option<Place> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = lanes.entry(route.to_owned()).or_default();
        let since = Instant::now();
        has_room(under_way).then(|| {
            under_way.push(since);
            Place { lanes: self.clone(), route: route.to_owned(), since }
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lanes = self.lanes.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(under_way) = lanes.get_mut(&self.route) else { return };
        if let Some(mine) = under_way.iter().position(|since| *since == self.since) {
            under_way.swap_remove(mine);
        }
        if under_way.is_empty() {
            lanes.remove(&self.route);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_work_fills_a_lane_and_no_other() {
        let lanes = Lanes::default();
        let quick: Vec<Place> = (0..20).filter_map(|_| lanes.enter("busy")).collect();
        assert_eq!(quick.len(), 20, "quick work is not held up");
        let long_ago = Instant::now().checked_sub(2 * SLOW).expect("the machine is up that long");
        lanes.0.lock().expect("no panic").insert("slow".into(), vec![long_ago; MAX_SLOW]);
        assert!(lanes.enter("slow").is_none());
        assert!(lanes.enter("other").is_some());
        drop(quick);
        assert!(!lanes.0.lock().expect("no panic").contains_key("busy"));
    }

    #[test]
    fn a_place_of_ones_own_is_free_again_when_dropped() {
        let lanes = Lanes::default();
        let place = lanes.enter_alone("one");
        assert!(place.is_some() && lanes.enter_alone("one").is_none() && lanes.enter_alone("two").is_some());
        drop(place);
        assert!(lanes.enter_alone("one").is_some());
    }
}
