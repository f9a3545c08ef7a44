//! The bodies that a subscription can have: the event's envelope, or what a chat or a pager wants.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Letterhead, write_json};
use crate::event::Event;
use crate::time::Millis;

/// The body that a subscription's target receives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The event's envelope.
    #[default]
    Standard,
    /// A message for a Slack incoming webhook.
    Slack,
    /// An alert for PagerDuty's Events API v2.
    Pagerduty {
        /// The integration key of the PagerDuty service.
        routing_key: RoutingKey,
    },
}

impl Format {
    /// Whether it is the default.
    #[must_use]
    pub fn is_standard(&self) -> bool {
        *self == Self::Standard
    }

    /// Appends an event's body.
    pub(super) fn write(&self, letterhead: &Letterhead<'_>, event: &Event, body: &mut Vec<u8>) {
        match self {
            Self::Standard => event.write_envelope(letterhead.tenant, body),
            Self::Slack => write_json(&SlackMessage::of(letterhead, event), body),
            Self::Pagerduty { routing_key } => write_json(&Alert::of(routing_key, letterhead, event), body),
        }
    }
}

/// A PagerDuty integration key: 32 letters and digits, and a secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoutingKey(String);

impl RoutingKey {
    /// The key of that text.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let plain = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        plain.then(|| Self(text.to_owned()))
    }
}

impl fmt::Debug for RoutingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoutingKey")
    }
}

/// Slack's limit on the text of a section is 3,000 characters.
const MAX_SLACK_PAYLOAD: usize = 2_800;
/// PagerDuty's limit on a summary.
const MAX_SUMMARY: usize = 1_024;

/// A message for a Slack incoming webhook: `text` is what notifications show, `blocks` what the channel shows.
#[derive(Serialize)]
struct SlackMessage {
    text: String,
    blocks: [Section; 2],
}

#[derive(Serialize)]
struct Section {
    #[serde(rename = "type")]
    kind: &'static str,
    text: Markdown,
}

#[derive(Serialize)]
struct Markdown {
    #[serde(rename = "type")]
    kind: &'static str,
    text: String,
}

impl Section {
    fn of(text: String) -> Self {
        Self { kind: "section", text: Markdown { kind: "mrkdwn", text } }
    }
}

impl SlackMessage {
    fn of(letterhead: &Letterhead<'_>, event: &Event) -> Self {
        let text = escape(&summary(event));
        let head = format!("*{}* in `{}`: {text}", escape(&event.name), letterhead.tenant);
        let payload = format!("```{}```", escape(&shortened(event.payload.get(), MAX_SLACK_PAYLOAD / 5)));
        Self { text: format!("{}: {text}", escape(&event.name)), blocks: [Section::of(head), Section::of(payload)] }
    }
}

/// Slack reads `&`, `<` and `>` as its own.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// An alert of PagerDuty's Events API v2.
#[derive(Serialize)]
struct Alert<'a> {
    routing_key: &'a RoutingKey,
    event_action: &'static str,
    dedup_key: &'a str,
    client: &'static str,
    payload: AlertPayload<'a>,
}

#[derive(Serialize)]
struct AlertPayload<'a> {
    summary: String,
    source: &'a str,
    severity: &'static str,
    timestamp: Millis,
    class: &'a str,
    custom_details: &'a RawValue,
}

impl<'a> Alert<'a> {
    fn of(routing_key: &'a RoutingKey, letterhead: &Letterhead<'a>, event: &'a Event) -> Self {
        let payload = AlertPayload {
            summary: shortened(&format!("{}: {}", event.name, summary(event)), MAX_SUMMARY),
            source: letterhead.tenant.as_str(),
            severity: "error",
            timestamp: event.published_at,
            class: &event.name,
            custom_details: &event.payload,
        };
        Self { routing_key, event_action: "trigger", dedup_key: &event.id, client: "Sluice", payload }
    }
}

/// An event in one line: its payload's `message`, as operational events have it, or its id.
fn summary(event: &Event) -> String {
    #[derive(Deserialize)]
    struct Brief {
        message: String,
    }
    let brief = serde_json::from_str::<Brief>(event.payload.get());
    brief.map_or_else(|_| format!("event {}", event.id), |brief| shortened(&brief.message, 500))
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::chunk::tests::event;
    use crate::scope::TenantId;

    fn body(format: &Format, payload: &str) -> Value {
        let tenant: TenantId = "acme".parse().expect("a tenant");
        let mut body = Vec::new();
        format.write(&Letterhead { tenant: &tenant, route: "sub_1" }, &event("evt_1", payload), &mut body);
        serde_json::from_slice(&body).expect("JSON")
    }

    #[test]
    fn a_slack_message_says_what_happened_and_shows_the_payload() {
        let shown = body(&Format::Slack, r#"{"message":"a < b & c","n":1.10}"#);
        assert_eq!(shown["text"], "order.created: a &lt; b &amp; c");
        assert_eq!(shown["blocks"][0]["text"]["text"], "*order.created* in `acme`: a &lt; b &amp; c");
        assert_eq!(shown["blocks"][1]["text"]["text"], "```{\"message\":\"a &lt; b &amp; c\",\"n\":1.10}```");
        let long = format!("{{\"text\":\"{}\"}}", "&".repeat(5_000));
        let shown = body(&Format::Slack, &long);
        assert_eq!(shown["text"], "order.created: event evt_1");
        let section = shown["blocks"][1]["text"]["text"].as_str().expect("text").chars().count();
        assert!(section <= 3_000, "{section}");
    }

    #[test]
    fn an_alert_has_what_pagerduty_asks_for() {
        let key = RoutingKey::of(&"a1".repeat(16)).expect("a key");
        assert!(!format!("{key:?}").contains("a1"));
        let shown = body(&Format::Pagerduty { routing_key: key }, r#"{"message":"out of retries"}"#);
        assert_eq!(shown["routing_key"], "a1".repeat(16));
        assert_eq!((&shown["event_action"], &shown["dedup_key"]), (&"trigger".into(), &"evt_1".into()));
        assert_eq!(shown["payload"]["summary"], "order.created: out of retries");
        assert_eq!((&shown["payload"]["source"], &shown["payload"]["severity"]), (&"acme".into(), &"error".into()));
        assert_eq!(shown["payload"]["custom_details"]["message"], "out of retries");
        for bad in ["", "short", &"-".repeat(32), &"a".repeat(33)] {
            assert!(RoutingKey::of(bad).is_none(), "{bad}");
        }
    }
}
