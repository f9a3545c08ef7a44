//! How many calls are under way at a system, over all runs: each run holds some slots of its profile for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::store::{Db, Key, StoreError};

/// A holder that has died loses its slots after this time.
const HELD: Duration = Duration::from_secs(150);
/// The longest pause before a contended item is tried again.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a contended item is tried.
const TRIES: usize = 10;

#[derive(Default, Serialize, Deserialize)]
struct Held {
    holders: BTreeMap<String, Holder>,
    revision: u64,
    expires_at: i64,
}

#[derive(Serialize, Deserialize)]
struct Holder {
    slots: u32,
    until: Millis,
}

/// The slots of every profile.
#[derive(Clone, Debug)]
pub struct Slots {
    db: Db,
}

fn key(scope: &Scope, profile: &str) -> Key {
    Key::new(&scope.partition(ScopeFamily::SyncSlots), profile)
}

impl Slots {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Takes or renews up to `wanted` of a profile's slots for a holder; gives how many it has. 0: none is free.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take(
        &self,
        scope: &Scope,
        (profile, most): (&str, u32),
        holder: &str,
        wanted: u32,
    ) -> Result<u32, StoreError> {
        let now = self.db.ports.now();
        let run_out = self.db.run_out(HELD, now);
        let mut granted = 0;
        self.change(scope, profile, |held| {
            held.holders.retain(|name, known| known.until > run_out && name != holder);
            let others: u32 = held.holders.values().map(|holder| holder.slots).sum();
            granted = wanted.min(most.saturating_sub(others));
            if granted > 0 {
                held.holders.insert(holder.to_owned(), Holder { slots: granted, until: now.plus(HELD) });
            }
        })
        .await?;
        Ok(granted)
    }

    /// Gives a holder's slots back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn give_back(&self, scope: &Scope, profile: &str, holder: &str) -> Result<(), StoreError> {
        self.change(scope, profile, |held| {
            held.holders.remove(holder);
        })
        .await
    }

    async fn change(&self, scope: &Scope, profile: &str, mut change: impl FnMut(&mut Held)) -> Result<(), StoreError> {
        let (table, key) = (&self.db.tables.activity, key(scope, profile));
        for _ in 0..TRIES {
            let known: Option<Held> = self.db.get(table, &key).await?;
            let read = known.as_ref().map(|held| held.revision);
            let mut held = known.unwrap_or_default();
            change(&mut held);
            held.revision += 1;
            held.expires_at = self.db.ports.now().plus(24 * HELD).as_secs();
            let written = match read {
                Some(read) => self.db.replace(table, &key, &held, read).await,
                None => self.db.create(table, &key, &held).await,
            };
            match written {
                Err(StoreError::Conflict) => tokio::time::sleep(PAUSE.mul_f64(self.db.ports.fraction())).await,
                other => return other,
            }
        }
        Err(StoreError::Conflict)
    }
}
