//! Records that become events. An event's id follows from its record, so a repetition finds the first.

use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::connectors::key::key_of;
use crate::connectors::{Batch, ConnectorError, Record, Target, Written};
use crate::domain::event::{MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES, name_fault};
use crate::domain::json::{MAX_PAYLOAD_DEPTH, Scanner};
use crate::domain::pipeline::load::EventLoad;
use crate::domain::scope::Scope;
use crate::engine::allowances::EventQuota;
use crate::engine::conform;
use crate::engine::publish::{Acceptance, NewEvent, Publisher};
use crate::store::event_types::EventTypes;

/// The longest ordering key, in bytes.
const MAX_KEY: usize = 256;

/// Publishes records.
pub(super) struct Publication {
    pub(super) publisher: Publisher,
    pub(super) types: EventTypes,
    pub(super) quota: EventQuota,
    pub(super) scope: Scope,
    pub(super) pipeline: String,
    pub(super) load: EventLoad,
}

/// Events, each with the place of its record.
type Placed = Vec<(usize, NewEvent)>;

impl Publication {
    async fn write(&self, records: &[Record]) -> Result<Vec<Written>, ConnectorError> {
        let mut written = vec![Written::Done; records.len()];
        let (mut events, mut scanner) = (Placed::with_capacity(records.len()), Scanner::within(MAX_PAYLOAD_DEPTH));
        for (place, record) in records.iter().enumerate() {
            match self.event(record, &mut scanner) {
                Ok(event) => events.push((place, event)),
                Err(refused) => written[place] = refused,
            }
        }
        let events = self.conforming(events, &mut written).await?;
        let mut groups = groups(events).into_iter();
        let mut any = false;
        for group in groups.by_ref() {
            let allowed = self.quota.spend_of(&self.scope.tenant, group.len()).await;
            let published = match allowed {
                Ok(Ok(())) => self.publish(group, &mut written).await,
                Ok(Err(day_ends_in)) => {
                    group.into_iter().for_each(|(place, _)| written[place] = over_quota(day_ends_in));
                    continue;
                }
                Err(_) => Err(group.into_iter().map(|(place, _)| place).collect()),
            };
            match published {
                Ok(()) => any = true,
                Err(places) if any => places.into_iter().for_each(|place| written[place] = unavailable().written()),
                Err(_) => return Err(unavailable()),
            }
        }
        Ok(written)
    }

    /// The event that a record becomes.
    fn event(&self, record: &Record, scanner: &mut Scanner) -> Result<NewEvent, Written> {
        let refused = |reason: String| Written::Refused(reason);
        if record.body.as_object().is_none() {
            return Err(refused(format!("an event's payload is an object, and the record is {}", record.body.kind())));
        }
        // An instance may be older than the rule.
        if let Some(message) = name_fault(&self.load.name) {
            return Err(refused(format!("the name {} {message}", self.load.name)));
        }
        let payload = record.body.to_json();
        if payload.len() > MAX_EVENT_BYTES {
            return Err(refused(format!("an event may take 256 KiB, and the record has {} bytes", payload.len())));
        }
        scanner.check(&payload).map_err(|fault| refused(format!("the record {fault}")))?;
        let ordering_key = if self.load.ordered { Some(key_of(record)?.to_owned()) } else { None };
        if ordering_key.as_ref().is_some_and(|key| key.len() > MAX_KEY) {
            return Err(refused(format!("the key of an ordered event has at most {MAX_KEY} bytes")));
        }
        Ok(NewEvent {
            id: Some(self.id(record, &payload)),
            name: self.load.name.clone(),
            payload: RawValue::from_string(payload).map_err(|_| refused("the record is not JSON".to_owned()))?,
            published_at: None,
            partner_id: self.load.partner_id.clone(),
            document_type: self.load.document_type.clone(),
            ordering_key,
        })
    }

    /// The same record with another content is another event.
    fn id(&self, record: &Record, payload: &str) -> String {
        let mut digest = Sha256::new();
        for part in [&self.pipeline, &self.load.name, &record.source_id, payload] {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        format!("rec_{}", &hex::encode(digest.finalize())[..40])
    }

    /// The events whose payloads are as their event type says.
    async fn conforming(&self, mut events: Placed, written: &mut [Written]) -> Result<Placed, ConnectorError> {
        let schemas = self.types.schemas(&self.scope).await.map_err(|_| unavailable())?;
        loop {
            let (places, all): (Vec<usize>, Vec<NewEvent>) = events.into_iter().unzip();
            let (all, faults) = conform::check(schemas.clone(), all).await.map_err(|_| unavailable())?;
            for (index, fault) in &faults {
                let reason = format!("the event's payload {}: {}", fault.pointer, fault.message);
                written[places[*index]] = Written::Refused(reason);
            }
            events = places.into_iter().zip(all).filter(|(place, _)| written[*place] == Written::Done).collect();
            // A check ends after so many faults: what comes after them is checked next.
            if faults.is_empty() {
                return Ok(events);
            }
        }
    }

    /// Publishes some events; gives the places of all if none was accepted.
    async fn publish(&self, group: Placed, written: &mut [Written]) -> Result<(), Vec<usize>> {
        let bytes = group.iter().map(|(_, event)| event.payload.get().len()).sum();
        let (places, events): (Vec<usize>, Vec<NewEvent>) = group.into_iter().unzip();
        let _room = self.publisher.entrance().admit(bytes).await;
        match self.publisher.publish(&self.scope, events).await {
            Ok(receipts) => {
                for (place, (_, acceptance)) in places.into_iter().zip(receipts) {
                    if acceptance == Acceptance::Duplicate {
                        written[place] = Written::Unchanged;
                    }
                }
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, "records of a pipeline were not published");
                Err(places)
            }
        }
    }
}

/// What one publish takes.
fn groups(events: Placed) -> Vec<Placed> {
    let (mut groups, mut bytes) = (Vec::<Placed>::new(), 0);
    for (place, event) in events {
        let size = event.payload.get().len() + 512;
        match groups.last_mut().filter(|group| group.len() < MAX_BATCH_EVENTS && bytes + size <= MAX_BATCH_BYTES) {
            Some(group) => {
                bytes += size;
                group.push((place, event));
            }
            None => {
                bytes = size;
                groups.push(vec![(place, event)]);
            }
        }
    }
    groups
}

/// What goes over the tenant's quota waits for another day.
fn over_quota(day_ends_in: Duration) -> Written {
    let reason = "the tenant's quota of events for this day is used up".to_owned();
    Written::Throttled { reason, retry_after: Some(day_ends_in) }
}

fn unavailable() -> ConnectorError {
    ConnectorError::transient("events cannot be published now")
}

impl Target for Publication {
    fn write<'a>(&'a self, batch: &'a Batch<'a>) -> BoxFuture<'a, Result<Vec<Written>, ConnectorError>> {
        Box::pin(self.write(batch.records))
    }

    fn batch_size(&self) -> usize {
        MAX_BATCH_EVENTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_bounded() {
        let event = |bytes: usize| NewEvent {
            id: None,
            name: "a.b".into(),
            payload: RawValue::from_string(format!("\"{}\"", "x".repeat(bytes))).expect("JSON"),
            published_at: None,
            partner_id: None,
            document_type: None,
            ordering_key: None,
        };
        let sizes = |events: Placed| groups(events).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes((0..2_500).map(|place| (place, event(1))).collect()), [1_000, 1_000, 500]);
        assert_eq!(sizes((0..50).map(|place| (place, event(250_000))).collect()), [20, 20, 10]);
        assert!(sizes(Vec::new()).is_empty());
    }
}
