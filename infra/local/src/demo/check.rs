//! Checks each delivery and each line of each file against what was published.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice::domain::json::Scanner;
use sluice::outbound::{SignatureHeaders, SigningKey, verify};
use sluice::ports::{Clock as _, System};

use super::client::API_KEY;
use super::{DemoError, DemoEvent};
use crate::receiver::Received;

/// The requests that the receiver got so far.
pub(super) struct Checks {
    key: SigningKey,
    ids: HashSet<String>,
    envelopes: Vec<String>,
    repeated: usize,
    unsigned: usize,
    unauthorized: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    tenant: String,
    name: String,
    #[serde(rename = "published_at")]
    _published_at: String,
    payload: Box<RawValue>,
}

impl Checks {
    pub(super) fn new(secret: &str) -> Result<Self, DemoError> {
        let key = secret.parse().map_err(|e| DemoError::Failed(format!("signing secret: {e}")))?;
        Ok(Self { key, ids: HashSet::new(), envelopes: Vec::new(), repeated: 0, unsigned: 0, unauthorized: 0 })
    }

    /// Takes in one delivery.
    pub(super) fn webhook(&mut self, received: &Received) {
        let headers = SignatureHeaders {
            id: received.header("webhook-id"),
            timestamp: received.header("webhook-timestamp"),
            signature: received.header("webhook-signature"),
        };
        let now = System.now().as_secs();
        let signed = verify(&self.key, &headers, &received.body, now, Duration::from_secs(300)).is_ok();
        self.unsigned += usize::from(!signed);
        self.unauthorized += usize::from(received.header("authorization") != format!("Bearer {API_KEY}"));
        if self.ids.insert(headers.id.to_owned()) {
            self.envelopes.push(String::from_utf8_lossy(&received.body).into_owned());
        } else {
            self.repeated += 1;
        }
    }

    /// Different events that came.
    pub(super) fn deliveries(&self) -> usize {
        self.ids.len()
    }

    /// Everything that is not as it should be.
    pub(super) fn faults(&self, tenant: &str, events: &[DemoEvent], files: &[(String, String)]) -> Vec<String> {
        let mut faults = Vec::new();
        let counted = [
            (self.unsigned, "deliveries without a valid signature"),
            (self.unauthorized, "deliveries without the api_key"),
            (self.repeated, "deliveries came twice"),
        ];
        faults.extend(counted.iter().filter(|(n, _)| *n > 0).map(|(n, words)| format!("{n} {words}")));
        let lines = files.iter().flat_map(|(_, text)| text.lines());
        let ways: [(&str, Vec<&str>); 2] =
            [("webhook", self.envelopes.iter().map(String::as_str).collect()), ("S3", lines.collect())];
        for (way, texts) in ways {
            let (missing, extra) = compare(tenant, events, &texts);
            if missing + extra > 0 {
                faults.push(format!("by {way}, {missing} events are missing and {extra} are not ours"));
            }
        }
        faults
    }
}

/// How many events have no envelope, and how many envelopes no event: each as often as the other.
fn compare(tenant: &str, events: &[DemoEvent], texts: &[&str]) -> (usize, usize) {
    let (mut open, mut scanner) = (HashMap::<(String, String), isize>::new(), Scanner::default());
    for event in events {
        let payload = scanner.compact(&event.payload).unwrap_or_else(|_| event.payload.clone());
        *open.entry((event.name.clone(), payload.get().to_owned())).or_default() += 1;
    }
    let mut unreadable = 0;
    for text in texts {
        match serde_json::from_str::<Envelope>(text).ok().filter(|envelope| envelope.tenant == tenant) {
            Some(envelope) => *open.entry((envelope.name, envelope.payload.get().to_owned())).or_default() -= 1,
            None => unreadable += 1,
        }
    }
    let missing = open.values().filter(|n| **n > 0).map(|n| n.unsigned_abs()).sum();
    let extra: usize = open.values().filter(|n| **n < 0).map(|n| n.unsigned_abs()).sum();
    (missing, extra + unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_and_what_is_not_ours_is_counted() {
        let event: DemoEvent = serde_json::from_str(r#"{"name":"a.b","payload":{"n": 1.50}}"#).expect("event");
        let ours = r#"{"tenant":"t","name":"a.b","published_at":"2026-01-01T00:00:00.000Z","payload":{"n":1.50}}"#;
        let other = r#"{"tenant":"t","name":"a.b","published_at":"2026-01-01T00:00:00.000Z","payload":{"n":1.5}}"#;
        let events = [event];
        assert_eq!(compare("t", &events, &[ours]), (0, 0));
        assert_eq!(compare("t", &events, &[other]), (1, 1));
        assert_eq!(compare("u", &events, &[ours]), (1, 1));
        assert_eq!(compare("t", &events, &[ours, ours, "x"]), (0, 2));
    }
}
