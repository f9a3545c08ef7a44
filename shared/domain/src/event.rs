//! Events: what a publisher hands in, what stands in the log, what a target gets.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::scope::TenantId;
use super::time::Millis;

/// Bytes of one event, payload and name together.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;
/// Events of one publish.
pub const MAX_BATCH_EVENTS: usize = 1_000;
/// Bytes of one publish.
pub const MAX_BATCH_BYTES: usize = 5 * 1024 * 1024;

/// An event as the log keeps it. The payload stays the publisher's own text, so numbers keep every digit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Unique within the scope.
    pub id: String,
    /// `entity.event`.
    pub name: String,
    /// When it happened, as the publisher says; else when it was logged.
    pub published_at: Millis,
    /// When it was logged: what ranges, replay and the seams between ways go by.
    pub logged_at: Millis,
    /// A JSON object, compact.
    pub payload: Box<RawValue>,
    /// The partner it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner_id: Option<String>,
    /// The kind of business document it carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_type: Option<String>,
    /// Integrations with `"ordering": "key"` send events of one key in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordering_key: Option<String>,
}

/// The body that a target receives: the contract's event envelope.
#[derive(Serialize)]
struct Envelope<'a> {
    tenant: &'a TenantId,
    name: &'a str,
    published_at: Millis,
    payload: &'a RawValue,
}

impl Event {
    /// The entity: what stands before the first dot of the name.
    #[must_use]
    pub fn entity(&self) -> &str {
        entity(&self.name)
    }

    /// The envelope as one line of JSON, without a line end.
    #[must_use]
    pub fn envelope(&self, tenant: &TenantId) -> Vec<u8> {
        let mut line = Vec::with_capacity(self.payload.get().len() + self.name.len() + 128);
        self.write_envelope(tenant, &mut line);
        line
    }

    /// Appends the envelope to `line`.
    pub fn write_envelope(&self, tenant: &TenantId, line: &mut Vec<u8>) {
        let envelope = Envelope { tenant, name: &self.name, published_at: self.published_at, payload: &self.payload };
        // Strings, a time and text that was parsed before, into memory: there is nothing that can fail.
        let written = serde_json::to_writer(line, &envelope);
        debug_assert!(written.is_ok());
    }
}

/// The entity of an event name.
#[must_use]
pub fn entity(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// The names of Sluice's own events about its work.
pub const OPERATIONAL_EVENTS: [&str; 8] = [
    "transaction.failed",
    "transaction.rejected",
    "integration.stopped",
    "integration.suspended",
    "dead_letter.added",
    "sla.violated",
    "mdn.received",
    "mdn.timeout",
];

/// The entities whose events are Sluice's own, those above and those to come: nobody else may publish them, for others
/// act on them.
const RESERVED_ENTITIES: [&str; 6] = ["integration", "transaction", "dead_letter", "sla", "mdn", "document"];

/// What is wrong with the name of an event that a user publishes.
#[must_use]
pub fn name_fault(name: &str) -> Option<&'static str> {
    if !is_event_name(name) {
        return Some("must be 1 to 128 of [A-Za-z0-9_.-]");
    }
    let reserved = name.contains('.') && RESERVED_ENTITIES.contains(&entity(name));
    reserved.then_some("is reserved for Sluice's own events, as is every name that begins like it")
}

/// Whether an event of that name is one of Sluice's own, about its work.
#[must_use]
pub fn is_operational(name: &str) -> bool {
    OPERATIONAL_EVENTS.contains(&name)
}

/// Whether `name` is 1–128 of `[A-Za-z0-9_.-]`.
#[must_use]
pub fn is_event_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// Whether `id` can be an event's id: 1–100 of `[A-Za-z0-9_:-]`.
///
/// API Gateway decodes paths, and a dot separates the parts of a webhook's signed text: both must stay unambiguous.
#[must_use]
pub fn is_event_id(id: &str) -> bool {
    (1..=100).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ChunkId, event_id};

    #[test]
    fn names_and_entities() {
        assert_eq!(entity("order.created.late"), "order");
        assert_eq!(entity("order"), "order");
        assert!(is_event_name("order.created") && !is_event_name("") && !is_event_name("a b"));
        assert!(is_event_name(&"a".repeat(128)) && !is_event_name(&"a".repeat(129)));
        assert!(is_event_name("A-z_0.9"));
    }

    #[test]
    fn names_of_our_own_events_are_reserved() {
        for name in OPERATIONAL_EVENTS.into_iter().chain(["document.received", "sla.", "mdn.x.y", "a b", ""]) {
            assert!(name_fault(name).is_some(), "{name}");
        }
        for name in ["Document", "document", "order.document", "documents.received", "integration", "order.created"] {
            assert_eq!(name_fault(name), None, "{name}");
        }
    }

    #[test]
    fn the_limits_are_the_contracts() {
        assert_eq!((MAX_EVENT_BYTES, MAX_BATCH_BYTES, MAX_BATCH_EVENTS), (262_144, 5_242_880, 1_000));
    }

    #[test]
    fn ids() {
        let ours = event_id(ChunkId::floor(Millis(0)), 7);
        for good in ["a", "A-z_0:9", &ours, &"a".repeat(100)] {
            assert!(is_event_id(good), "{good}");
        }
        for bad in ["", "a.b", "a/b", "a b", "a%2fb", "a#b", "a~b", "ü", "a\n", &"a".repeat(101)] {
            assert!(!is_event_id(bad), "{bad}");
        }
    }

    #[test]
    fn the_envelope_keeps_every_digit() {
        let event = Event {
            id: "1".into(),
            name: "order.created".into(),
            published_at: Millis(0),
            logged_at: Millis(5),
            payload: RawValue::from_string(r#"{"n":1.000000000000000000001}"#.into()).expect("json"),
            partner_id: None,
            document_type: None,
            ordering_key: None,
        };
        let line = event.envelope(&"acme".parse().expect("tenant"));
        assert_eq!(
            String::from_utf8(line).expect("utf-8"),
            r#"{"tenant":"acme","name":"order.created","published_at":"1970-01-01T00:00:00.000Z","payload":{"n":1.000000000000000000001}}"#
        );
    }
}
