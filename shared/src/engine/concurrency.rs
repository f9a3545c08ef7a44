//! Concurrency slots: one route's slow target must not take all of this process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Work without progress for this long counts as slow. A target that responds is not to blame for how long a large message
/// takes on a busy machine.
const SLOW: Duration = Duration::from_millis(500);
/// How many slow pieces of work one route may have at once.
const MAX_SLOW: usize = 6;
/// How many a route may begin before it is known whether they are slow.
const MAX_FRESH: usize = 10;
/// How often to check whether they are.
pub(super) const CHECK_EVERY: Duration = Duration::from_millis(20);

/// A piece of work under way.
#[derive(Clone, Copy, Debug)]
struct Work {
    /// When it last made progress, or when it began.
    progressed_at: Instant,
    /// It has made no progress yet.
    fresh: bool,
}

type Shared = Arc<Mutex<Work>>;

/// Why there is no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    /// Too much is slow.
    Slow,
    /// Too much has just begun.
    Fresh,
}

/// The slots of this process, by the route's uid.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConcurrencySlots(Arc<Mutex<HashMap<String, Vec<Shared>>>>);

/// A slot that is taken; free again when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: ConcurrencySlots,
    route: String,
    work: Shared,
    ended: AtomicBool,
}

impl Slot {
    /// Has the work end with what it has begun.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Whether nothing more is to be begun.
    pub(super) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    pub(super) fn route(&self) -> &str {
        &self.route
    }

    /// Whether the work has made no progress for a while.
    pub(super) fn is_slow(&self) -> bool {
        self.work.lock().unwrap_or_else(PoisonError::into_inner).progressed_at.elapsed() > SLOW
    }

    /// The work has made progress.
    pub(crate) fn progressed(&self) {
        let now = Work { progressed_at: Instant::now(), fresh: false };
        *self.work.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

/// Whether one more may begin beside these.
fn room(under_way: &[Shared]) -> Result<(), Full> {
    let (mut slow, mut fresh) = (0, 0);
    for work in under_way {
        let work = *work.lock().unwrap_or_else(PoisonError::into_inner);
        slow += usize::from(work.progressed_at.elapsed() > SLOW);
        fresh += usize::from(work.fresh);
    }
    match (slow, fresh) {
        (MAX_SLOW.., _) => Err(Full::Slow),
        (_, MAX_FRESH..) => Err(Full::Fresh),
        _ => Ok(()),
    }
}

impl ConcurrencySlots {
    /// Takes a slot, unless too much of the route's work here is slow already.
    pub(crate) async fn enter(&self, route: &str) -> Option<Slot> {
        loop {
            match self.enter_if(route, room) {
                Ok(slot) => return Some(slot),
                Err(Full::Slow) => return None,
                // Soon it has made progress, or is slow.
                Err(Full::Fresh) => tokio::time::sleep(CHECK_EVERY).await,
            }
        }
    }

    fn enter_if(&self, route: &str, room: impl Fn(&[Shared]) -> Result<(), Full>) -> Result<Slot, Full> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = slots.entry(route.to_owned()).or_default();
        room(under_way)?;
        let work = Arc::new(Mutex::new(Work { progressed_at: Instant::now(), fresh: true }));
        under_way.push(Arc::clone(&work));
        Ok(Slot { slots: self.clone(), route: route.to_owned(), work, ended: AtomicBool::new(false) })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut slots = self.slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(under_way) = slots.get_mut(&self.route) else { return };
        if let Some(mine) = under_way.iter().position(|work| Arc::ptr_eq(work, &self.work)) {
            under_way.swap_remove(mine);
        }
        if under_way.is_empty() {
            slots.remove(&self.route);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_work_takes_only_its_routes_slots() {
        let slots = ConcurrencySlots::default();
        let enter = |route| slots.enter_if(route, room);
        let quick: Vec<Slot> = (0..20).filter_map(|_| enter("busy").inspect(Slot::progressed).ok()).collect();
        assert_eq!(quick.len(), 20, "quick work is not held up");
        let long_ago = Instant::now().checked_sub(2 * SLOW).expect("the machine is up that long");
        let slow: Vec<Slot> = (0..MAX_SLOW).filter_map(|_| enter("slow").ok()).collect();
        slow.iter().for_each(|slot| slot.work.lock().expect("no panic").progressed_at = long_ago);
        assert_eq!(enter("slow").err(), Some(Full::Slow));
        assert!(enter("other").is_ok());
        slow[0].progressed();
        assert!(enter("slow").is_ok(), "what goes on is not slow");
        drop(quick);
        assert!(!slots.0.lock().expect("no panic").contains_key("busy"));
    }

    #[tokio::test]
    async fn what_may_be_slow_does_not_begin_all_at_once() {
        let slots = ConcurrencySlots::default();
        let fresh: Vec<Slot> = (0..MAX_FRESH + 5).filter_map(|_| slots.enter_if("new", room).ok()).collect();
        assert_eq!(fresh.len(), MAX_FRESH);
        let (entered, ()) = tokio::join!(slots.enter("new"), async { fresh[0].progressed() });
        assert!(entered.is_some(), "one has shown that it is quick");
        assert!(slots.enter("new").await.is_none(), "the others have not");
    }
}
