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
    /// Events of one key keep their order on routes that ask for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordering_key: Option<String>,
}

/// What a target receives: the contract's event envelope.
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

/// Whether `name` is 1–128 of `[A-Za-z0-9_.-]`.
#[must_use]
pub fn is_event_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// Whether `id` can be an event's id: 1–128 visible ASCII characters, as it travels in a header.
#[must_use]
pub fn is_event_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic() && b != b'/')
}

/// The same JSON without white space between tokens: one event must stay one line.
#[must_use]
pub fn compact(json: &RawValue) -> Box<RawValue> {
    let text = json.get();
    let (mut out, mut copied, mut in_string, mut escaped) = (String::new(), 0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        if in_string {
            (in_string, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
        } else if byte.is_ascii_whitespace() {
            out.push_str(&text[copied..at]);
            copied = at + 1;
        } else {
            in_string = byte == b'"';
        }
    }
    if copied == 0 {
        return json.to_owned();
    }
    out.push_str(&text[copied..]);
    RawValue::from_string(out).unwrap_or_else(|_| json.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_entities() {
        assert_eq!(entity("order.created.late"), "order");
        assert_eq!(entity("order"), "order");
        assert!(is_event_name("order.created") && !is_event_name("") && !is_event_name("a b"));
        assert!(is_event_name(&"a".repeat(128)) && !is_event_name(&"a".repeat(129)));
        assert!(is_event_name("A-z_0.9"));
    }

    #[test]
    fn the_limits_are_the_contracts() {
        assert_eq!((MAX_EVENT_BYTES, MAX_BATCH_BYTES, MAX_BATCH_EVENTS), (262_144, 5_242_880, 1_000));
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

    proptest! {
        #[test]
        fn compacting_changes_layout_only(text in "[ -~\\n]{0,40}", number: i32) {
            let value = serde_json::json!({"a b": [text, number, {"c": null}], "d\"\\": " \n"});
            let pretty = RawValue::from_string(serde_json::to_string_pretty(&value).expect("json")).expect("json");
            let small = compact(&pretty);
            prop_assert_eq!(small.get(), serde_json::to_string(&value).expect("json"));
        }
    }
}
