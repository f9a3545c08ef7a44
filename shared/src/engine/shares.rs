//! A share of all workers: one route's slow target, and one tenant's slow targets, must not take all of them.
//!
//! Work that is slow takes a place of its route and of its tenant while it goes on. Where all places are taken, further
//! work comes again later, and work that turns out to be slow ends with what it has begun. Quick work, and that of a quick
//! target, takes no place and writes nothing.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::EngineError;
use super::concurrency::{CHECK_EVERY, Slot};
use crate::domain::scope::Scope;
use crate::ports::Ports;
use crate::store::shares::{Shares as Store, Taken};

/// The subject of the places that all routes of a scope share.
const ALL_ROUTES: &str = "all";
/// How long a look at the places is good: of a target that is not slow, longer.
const BELIEVED: Duration = Duration::from_secs(2);
const BELIEVED_FREE: Duration = Duration::from_secs(10);
/// The most routes of which a look is remembered.
const MAX_REMEMBERED: usize = 10_000;

type Looks = HashMap<String, (Instant, Arc<Taken>)>;

/// How many pieces of slow work may be under way at once, over all workers.
#[derive(Clone, Copy, Debug)]
pub struct ShareSizes {
    /// Of one route.
    pub route: usize,
    /// Of one tenant's environment.
    pub tenant: usize,
}

/// The shares of every route and tenant.
#[derive(Clone)]
pub(crate) struct Shares {
    store: Store,
    sizes: ShareSizes,
    ports: Ports,
    looks: Arc<Mutex<Looks>>,
}

impl Shares {
    pub(super) fn new(store: Store, sizes: ShareSizes, ports: Ports) -> Self {
        Self { store, sizes, ports, looks: Arc::default() }
    }

    /// Whether there is room for work on a route that may turn out to be slow.
    pub(super) async fn has_room(&self, scope: &Scope, route: &str) -> Result<bool, EngineError> {
        let (of_route, of_all) = tokio::try_join!(self.taken(scope, route), self.taken(scope, ALL_ROUTES))?;
        Ok(of_route.count < self.sizes.route && of_all.count < self.sizes.tenant)
    }

    /// Does some work; while it is slow, it has a place.
    pub(super) async fn during<T>(&self, scope: &Scope, slot: &Slot, work: impl Future<Output = T>) -> T {
        let mut place = None;
        let watch = async {
            while !slot.is_slow() {
                tokio::time::sleep(CHECK_EVERY).await;
            }
            place = Some(self.take(scope, slot).await);
            std::future::pending::<Infallible>().await
        };
        let done = tokio::select! {
            done = work => done,
            never = watch => match never {},
        };
        if let Some(holder) = place {
            self.give_back(scope, slot.route(), &holder).await;
        }
        done
    }

    async fn take(&self, scope: &Scope, slot: &Slot) -> String {
        let holder = hex::encode(self.ports.bytes::<8>());
        for (subject, most) in [(slot.route(), self.sizes.route), (ALL_ROUTES, self.sizes.tenant)] {
            let taken = async {
                let known = self.taken(scope, subject).await?;
                Ok::<_, EngineError>(self.store.take(scope, subject, &holder, &known).await?)
            };
            match taken.await {
                // Many began at once, before it was known that they are slow.
                Ok(taken) if taken > most => slot.end(),
                Ok(_) => {}
                Err(error) => tracing::warn!(%scope, subject, %error, "slow work goes on without a place"),
            }
        }
        holder
    }

    /// Who cannot give a place back loses it in time.
    async fn give_back(&self, scope: &Scope, route: &str, holder: &str) {
        for subject in [route, ALL_ROUTES] {
            if let Err(error) = self.store.give_back(scope, subject, holder).await {
                tracing::warn!(%scope, route, %error, "a place was not given back");
            }
        }
    }

    async fn taken(&self, scope: &Scope, subject: &str) -> Result<Arc<Taken>, EngineError> {
        let name = format!("{scope}#{subject}");
        let known = self.looks().get(&name).cloned();
        let good = |taken: &Taken| if taken.count == 0 { BELIEVED_FREE } else { BELIEVED };
        if let Some((_, taken)) = known.filter(|(at, taken)| at.elapsed() < good(taken)) {
            return Ok(taken);
        }
        let (at, taken) = (Instant::now(), Arc::new(self.store.taken(scope, subject).await?));
        let mut looks = self.looks();
        if looks.len() >= MAX_REMEMBERED {
            looks.clear();
        }
        looks.insert(name, (at, Arc::clone(&taken)));
        Ok(taken)
    }

    fn looks(&self) -> std::sync::MutexGuard<'_, Looks> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
