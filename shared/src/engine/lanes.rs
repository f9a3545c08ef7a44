//! Room for everybody: one route's slow target must not take every place of this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Work in which nothing has come to an end for so long counts as slow: a target that answers is not to blame for
/// how long a large message takes on a busy machine.
const SLOW: Duration = Duration::from_millis(500);
/// So many slow pieces of work may one route have at once.
const MAX_SLOW: usize = 6;

/// When something last came to an end in a piece of work.
type Moved = Arc<Mutex<Instant>>;

/// What is under way, by the route's uid.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lanes(Arc<Mutex<HashMap<String, Vec<Moved>>>>);

/// A place taken; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    lanes: Lanes,
    route: String,
    moved: Moved,
}

impl Place {
    /// Something came to an end.
    pub(crate) fn moved(&self) {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

fn is_slow(moved: &Moved) -> bool {
    moved.lock().unwrap_or_else(PoisonError::into_inner).elapsed() > SLOW
}

impl Lanes {
    /// Takes a place, unless too much of the route's work here is slow already.
    pub(crate) fn enter(&self, route: &str) -> Option<Place> {
        self.enter_below(route, |under_way| under_way.iter().filter(|moved| is_slow(moved)).count() < MAX_SLOW)
    }

    /// Takes the one place there is for a route.
    pub(crate) fn enter_alone(&self, route: &str) -> Option<Place> {
        self.enter_below(route, <[Moved]>::is_empty)
    }

    fn enter_below(&self, route: &str, has_room: impl Fn(&[Moved]) -> bool) -> Option<Place> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = lanes.entry(route.to_owned()).or_default();
        let moved = Arc::new(Mutex::new(Instant::now()));
        has_room(under_way).then(|| {
            under_way.push(Arc::clone(&moved));
            Place { lanes: self.clone(), route: route.to_owned(), moved }
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lanes = self.lanes.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(under_way) = lanes.get_mut(&self.route) else { return };
        if let Some(mine) = under_way.iter().position(|moved| Arc::ptr_eq(moved, &self.moved)) {
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
        let slow: Vec<Place> = (0..MAX_SLOW).filter_map(|_| lanes.enter("slow")).collect();
        slow.iter().for_each(|place| *place.moved.lock().expect("no panic") = long_ago);
        assert!(lanes.enter("slow").is_none());
        assert!(lanes.enter("other").is_some());
        slow[0].moved();
        assert!(lanes.enter("slow").is_some(), "what goes on is not slow");
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
