//! Room for everybody: one route's slow target must not take every place of this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Work in which nothing has come to an end for so long counts as slow: a target that answers is not to blame for
/// how long a large message takes on a busy machine.
const SLOW: Duration = Duration::from_millis(500);
/// So many slow pieces of work may one route have at once.
const MAX_SLOW: usize = 6;
/// So many may a route begin before it is known whether they are slow: others begin meanwhile.
const MAX_FRESH: usize = 10;
/// How often it is looked whether they are.
const LOOK: Duration = Duration::from_millis(20);

/// A piece of work under way.
#[derive(Clone, Copy, Debug)]
struct Work {
    /// When something last came to an end in it, or when it began.
    moved_at: Instant,
    /// Nothing has come to an end yet.
    fresh: bool,
}

type Shared = Arc<Mutex<Work>>;

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    /// Too much is slow.
    Slow,
    /// Too much has just begun.
    Fresh,
}

/// What is under way, by the route's uid.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lanes(Arc<Mutex<HashMap<String, Vec<Shared>>>>);

/// A place taken; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    lanes: Lanes,
    route: String,
    work: Shared,
}

impl Place {
    /// Something came to an end.
    pub(crate) fn moved(&self) {
        let now = Work { moved_at: Instant::now(), fresh: false };
        *self.work.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

/// Whether one more may begin beside these.
fn room(under_way: &[Shared]) -> Result<(), Full> {
    let (mut slow, mut fresh) = (0, 0);
    for work in under_way {
        let work = *work.lock().unwrap_or_else(PoisonError::into_inner);
        slow += usize::from(work.moved_at.elapsed() > SLOW);
        fresh += usize::from(work.fresh);
    }
    match (slow, fresh) {
        (MAX_SLOW.., _) => Err(Full::Slow),
        (_, MAX_FRESH..) => Err(Full::Fresh),
        _ => Ok(()),
    }
}

impl Lanes {
    /// Takes a place, unless too much of the route's work here is slow already.
    pub(crate) async fn enter(&self, route: &str) -> Option<Place> {
        loop {
            match self.enter_if(route, room) {
                Ok(place) => return Some(place),
                Err(Full::Slow) => return None,
                // Soon it has moved, or is slow.
                Err(Full::Fresh) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// Takes the one place there is for a route.
    pub(crate) fn enter_alone(&self, route: &str) -> Option<Place> {
        self.enter_if(route, |under_way| under_way.is_empty().then_some(()).ok_or(Full::Slow)).ok()
    }

    fn enter_if(&self, route: &str, room: impl Fn(&[Shared]) -> Result<(), Full>) -> Result<Place, Full> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = lanes.entry(route.to_owned()).or_default();
        room(under_way)?;
        let work = Arc::new(Mutex::new(Work { moved_at: Instant::now(), fresh: true }));
        under_way.push(Arc::clone(&work));
        Ok(Place { lanes: self.clone(), route: route.to_owned(), work })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lanes = self.lanes.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(under_way) = lanes.get_mut(&self.route) else { return };
        if let Some(mine) = under_way.iter().position(|work| Arc::ptr_eq(work, &self.work)) {
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
        let enter = |route| lanes.enter_if(route, room);
        let quick: Vec<Place> = (0..20).filter_map(|_| enter("busy").inspect(Place::moved).ok()).collect();
        assert_eq!(quick.len(), 20, "quick work is not held up");
        let long_ago = Instant::now().checked_sub(2 * SLOW).expect("the machine is up that long");
        let slow: Vec<Place> = (0..MAX_SLOW).filter_map(|_| enter("slow").ok()).collect();
        slow.iter().for_each(|place| place.work.lock().expect("no panic").moved_at = long_ago);
        assert_eq!(enter("slow").err(), Some(Full::Slow));
        assert!(enter("other").is_ok());
        slow[0].moved();
        assert!(enter("slow").is_ok(), "what goes on is not slow");
        drop(quick);
        assert!(!lanes.0.lock().expect("no panic").contains_key("busy"));
    }

    #[tokio::test]
    async fn what_may_be_slow_does_not_begin_all_at_once() {
        let lanes = Lanes::default();
        let fresh: Vec<Place> = (0..MAX_FRESH + 5).filter_map(|_| lanes.enter_if("new", room).ok()).collect();
        assert_eq!(fresh.len(), MAX_FRESH);
        let (entered, ()) = tokio::join!(lanes.enter("new"), async { fresh[0].moved() });
        assert!(entered.is_some(), "one has shown that it is quick");
        assert!(lanes.enter("new").await.is_none(), "the others have not");
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
