//! Events that did not arrive: the rejected ones of a route, and its dead letters.
//!
//! Each has two records: a summary, sorted by time, and the event itself, under its id. So a list reads no payloads,
//! and one event is found without a search.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, ReturnValue};
use serde::{Deserialize, Serialize};

use super::{Db, Key, StoreError, binary, read};
use crate::domain::chunk;
use crate::domain::event::Event;
use crate::domain::partition::{Partition, RouteFamily};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;

/// How many rejected events of a route are kept and shown.
pub const SHOWN: usize = 30;
const KEPT: Duration = Duration::from_secs(31 * 86_400);
/// No event's id is longer.
const MAX_ID_BYTES: usize = 256;
/// The attribute of the event, compressed.
const BODY: &str = "body";

/// An event that a target did not accept, with the last response.
#[derive(Clone, Debug)]
pub struct UndeliveredEvent {
    /// The uid of the route it was for.
    pub route: String,
    /// The event.
    pub event: Event,
    /// The target's last status, if it responded.
    pub status: Option<u16>,
    /// The beginning of the target's last response, or what went wrong.
    pub error: String,
    /// How many attempts were made.
    pub attempts: u32,
    /// When it was given up.
    pub at: Millis,
}

/// An [`UndeliveredEvent`] without its payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndeliveredSummary {
    /// The event's id.
    pub event_id: String,
    /// The event's name.
    pub name: String,
    /// When the event happened.
    pub published_at: Millis,
    /// The target's last status, if it responded.
    pub status: Option<u16>,
    /// The beginning of the target's last response, or what went wrong.
    pub error: String,
    /// How many attempts were made.
    pub attempts: u32,
    /// When it was given up.
    pub at: Millis,
}

#[derive(Serialize, Deserialize)]
struct Record {
    #[serde(flatten)]
    summary: UndeliveredSummary,
    expires_at: i64,
}

impl UndeliveredEvent {
    fn summary(&self) -> UndeliveredSummary {
        UndeliveredSummary {
            event_id: self.event.id.clone(),
            name: self.event.name.clone(),
            published_at: self.event.published_at,
            status: self.status,
            error: self.error.clone(),
            attempts: self.attempts,
            at: self.at,
        }
    }
}

/// Which of the two collections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndeliveredKind {
    /// The target responded 400.
    Rejected,
    /// Out of retries.
    DeadLetter,
}

impl UndeliveredKind {
    fn summaries(self, scope: &Scope, route: &str) -> Partition {
        let family = match self {
            Self::Rejected => RouteFamily::Rejected,
            Self::DeadLetter => RouteFamily::Dead,
        };
        scope.route_partition(family, route)
    }

    fn summary_key(self, scope: &Scope, route: &str, event: &str, at: Millis) -> Key {
        Key::new(&self.summaries(scope, route), format!("{:013}#{event}", at.0))
    }

    fn event_key(self, scope: &Scope, route: &str, event: &str) -> Key {
        let family = match self {
            Self::Rejected => RouteFamily::RejectedEvents,
            Self::DeadLetter => RouteFamily::DeadEvents,
        };
        Key::new(&scope.route_partition(family, route), event)
    }
}

/// Rejected events and dead letters.
#[derive(Clone, Debug)]
pub struct UndeliveredEvents {
    db: Db,
}

impl UndeliveredEvents {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Keeps an event; it replaces what was kept of the same event and route before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep(&self, scope: &Scope, kind: UndeliveredKind, event: &UndeliveredEvent) -> Result<(), StoreError> {
        let (route, id) = (&event.route, &event.event.id);
        let record = Record { summary: event.summary(), expires_at: event.at.plus(KEPT).as_secs() };
        // The event first: every event that is listed can be read.
        let before = self.put_event(&kind.event_key(scope, route, id), &record, &event.event).await?;
        let key = kind.summary_key(scope, route, id, event.at);
        self.db.put(&self.db.tables.activity, &key, &record).await?;
        match before.filter(|before| before.at != event.at) {
            Some(UndeliveredSummary { at, .. }) => self.delete_summary(scope, kind, (route, id), at).await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// Puts the event; gives what was there before.
    async fn put_event(
        &self,
        key: &Key,
        record: &Record,
        event: &Event,
    ) -> Result<Option<UndeliveredSummary>, StoreError> {
        let body = chunk::encode(std::slice::from_ref(event));
        let mut item = key.item(record)?;
        item.insert(BODY.to_owned(), binary(body.map_err(|e| StoreError::Malformed(e.to_string()))?));
        let put = self.db.client.put_item().table_name(&self.db.tables.activity).set_item(Some(item));
        let put = put.return_values(ReturnValue::AllOld).return_consumed_capacity(ReturnConsumedCapacity::Total);
        put.send().await?.attributes.map(|item| Ok(read::<Record>(item)?.summary)).transpose()
    }

    /// The newest of a route.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn newest(
        &self,
        scope: &Scope,
        kind: UndeliveredKind,
        route: &str,
    ) -> Result<Vec<UndeliveredSummary>, StoreError> {
        self.summaries(scope, kind, route, SHOWN).await
    }

    async fn summaries(
        &self,
        scope: &Scope,
        kind: UndeliveredKind,
        route: &str,
        limit: usize,
    ) -> Result<Vec<UndeliveredSummary>, StoreError> {
        let records: Vec<Record> =
            self.db.newest(&self.db.tables.activity, &kind.summaries(scope, route), limit).await?;
        Ok(records.into_iter().map(|record| record.summary).collect())
    }

    /// Deletes the oldest of a route until only as many are left as are shown; gives those deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn trim(
        &self,
        scope: &Scope,
        kind: UndeliveredKind,
        route: &str,
    ) -> Result<Vec<UndeliveredSummary>, StoreError> {
        let mut dropped = Vec::new();
        for old in self.summaries(scope, kind, route, 2 * SHOWN).await?.into_iter().skip(SHOWN) {
            if self.delete(scope, kind, (route, &old.event_id), old.at).await? {
                dropped.push(old);
            }
        }
        Ok(dropped)
    }

    /// The records kept of an event.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn of_event(
        &self,
        scope: &Scope,
        kind: UndeliveredKind,
        route: &str,
        event: &str,
    ) -> Result<Option<UndeliveredEvent>, StoreError> {
        // The id may come from a path: the database refuses keys that are empty or too long.
        if !(1..=MAX_ID_BYTES).contains(&event.len()) {
            return Ok(None);
        }
        let item = self.db.item(&self.db.tables.activity, &kind.event_key(scope, route, event)).await?;
        let Some(item) = item else { return Ok(None) };
        let body = item.get(BODY).and_then(|body| body.as_b().ok());
        let body = body.ok_or_else(|| StoreError::Malformed("no event".to_owned()))?;
        let events = chunk::decode(body.as_ref()).map_err(|e| StoreError::Malformed(e.to_string()))?;
        let event = events.into_iter().next().ok_or_else(|| StoreError::Malformed("no event".to_owned()))?;
        let UndeliveredSummary { status, error, attempts, at, .. } = read::<Record>(item)?.summary;
        Ok(Some(UndeliveredEvent { route: route.to_owned(), event, status, error, attempts, at }))
    }

    /// Deletes what is kept of an event; `false` if it was deleted already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn discard(
        &self,
        scope: &Scope,
        kind: UndeliveredKind,
        event: &UndeliveredEvent,
    ) -> Result<bool, StoreError> {
        self.delete(scope, kind, (&event.route, &event.event.id), event.at).await
    }

    async fn delete(
        &self,
        scope: &Scope,
        kind: UndeliveredKind,
        (route, event): (&str, &str),
        at: Millis,
    ) -> Result<bool, StoreError> {
        let delete = self.db.client.delete_item().table_name(&self.db.tables.activity);
        let deleted = delete
            .set_key(Some(kind.event_key(scope, route, event).attributes()))
            // It may have been given up once more meanwhile.
            .condition_expression("#at = :at")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":at", AttributeValue::S(at.to_string()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match deleted.map_err(StoreError::from) {
            Ok(_) | Err(StoreError::Conflict) => self.delete_summary(scope, kind, (route, event), at).await,
            Err(error) => Err(error),
        }
    }

    async fn delete_summary(
        &self,
        scope: &Scope,
        kind: UndeliveredKind,
        (route, event): (&str, &str),
        at: Millis,
    ) -> Result<bool, StoreError> {
        self.db.delete(&self.db.tables.activity, &kind.summary_key(scope, route, event, at)).await
    }
}
