//! Events that did not arrive: the rejected ones of a route, and the dead letters of a scope.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Db, Key, StoreError};
use crate::domain::event::Event;
use crate::domain::partition::{Partition, RouteFamily};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;

/// How many rejected events of a route are kept and shown.
pub const SHOWN: usize = 30;
const KEPT: Duration = Duration::from_secs(31 * 86_400);

/// An event that a target did not take, with what the target said last.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The uid of the route it was for.
    pub route: String,
    /// The event.
    pub event: Event,
    /// The target's last status, where it answered.
    pub status: Option<u16>,
    /// The beginning of the target's last answer, or what went wrong.
    pub error: String,
    /// How many attempts were made.
    pub attempts: u32,
    /// When it was given up.
    pub at: Millis,
}

/// The event's JSON goes as one string: DynamoDB's numbers would lose digits.
#[derive(Serialize, Deserialize)]
struct Record {
    route: String,
    event: String,
    status: Option<u16>,
    error: String,
    attempts: u32,
    at: Millis,
    expires_at: i64,
}

/// Which of the two collections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The target answered 400.
    Rejected,
    /// Out of retries.
    Dead,
}

/// Rejected events and dead letters.
#[derive(Clone, Debug)]
pub struct Letters {
    db: Db,
}

fn partition(scope: &Scope, route: &str, fate: Fate) -> Partition {
    match fate {
        Fate::Rejected => scope.route_partition(RouteFamily::Rejected, route),
        Fate::Dead => scope.route_partition(RouteFamily::Dead, route),
    }
}

fn key(scope: &Scope, fate: Fate, letter: &Letter) -> Key {
    Key::new(&partition(scope, &letter.route, fate), format!("{:013}#{}", letter.at.0, letter.event.id))
}

impl Letters {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Keeps a letter; the same event of the same route replaces the one kept before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep(&self, scope: &Scope, fate: Fate, letter: &Letter) -> Result<(), StoreError> {
        let event = serde_json::to_string(&letter.event).map_err(|e| StoreError::Malformed(e.to_string()))?;
        let record = Record {
            route: letter.route.clone(),
            event,
            status: letter.status,
            error: letter.error.clone(),
            attempts: letter.attempts,
            at: letter.at,
            expires_at: letter.at.plus(KEPT).as_secs(),
        };
        self.db.put(&self.db.tables.activity, &key(scope, fate, letter), &record).await
    }

    /// The newest letters of a route.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn newest(&self, scope: &Scope, fate: Fate, route: &str) -> Result<Vec<Letter>, StoreError> {
        let pk = partition(scope, route, fate);
        let records: Vec<Record> = self.db.newest(&self.db.tables.activity, &pk, SHOWN).await?;
        records.into_iter().map(letter).collect()
    }

    /// Deletes the oldest letters of a route until only as many are left as are shown; gives those deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn trim(&self, scope: &Scope, fate: Fate, route: &str) -> Result<Vec<Letter>, StoreError> {
        let pk = partition(scope, route, fate);
        let records: Vec<Record> = self.db.newest(&self.db.tables.activity, &pk, 2 * SHOWN).await?;
        let mut dropped = Vec::new();
        for record in records.into_iter().skip(SHOWN) {
            let letter = letter(record)?;
            if self.discard(scope, fate, &letter).await? {
                dropped.push(letter);
            }
        }
        Ok(dropped)
    }

    /// The letter of an event, if it is among the newest.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn of_event(
        &self,
        scope: &Scope,
        fate: Fate,
        route: &str,
        event: &str,
    ) -> Result<Option<Letter>, StoreError> {
        let letters = self.newest(scope, fate, route).await?;
        Ok(letters.into_iter().find(|letter| letter.event.id == event))
    }

    /// Deletes a letter; `false` where somebody else was first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn discard(&self, scope: &Scope, fate: Fate, letter: &Letter) -> Result<bool, StoreError> {
        self.db.delete(&self.db.tables.activity, &key(scope, fate, letter)).await
    }
}

fn letter(record: Record) -> Result<Letter, StoreError> {
    let event: Box<RawValue> = RawValue::from_string(record.event).map_err(|e| StoreError::Malformed(e.to_string()))?;
    Ok(Letter {
        route: record.route,
        event: serde_json::from_str(event.get()).map_err(|e| StoreError::Malformed(e.to_string()))?,
        status: record.status,
        error: record.error,
        attempts: record.attempts,
        at: record.at,
    })
}
