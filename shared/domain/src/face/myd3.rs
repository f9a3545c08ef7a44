//! MyD3 subscriptions: the notification that their targets receive.

use serde::Serialize;
use serde_json::value::RawValue;

use super::Letterhead;
use crate::event::Event;
use crate::time::Millis;

/// How many MyD3 subscriptions one scope may have.
pub(super) const MAX_MYD3_SUBSCRIPTIONS: usize = 200;

/// The body of a notification.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Notification<'a> {
    event_id: &'a str,
    event_type: &'a str,
    subscription_id: &'a str,
    timestamp: Millis,
    data: &'a RawValue,
}

/// Appends the notification of an event to `body`.
pub(super) fn write(letterhead: &Letterhead<'_>, event: &Event, body: &mut Vec<u8>) {
    super::write_json(
        &Notification {
            event_id: &event.id,
            event_type: &event.name,
            subscription_id: letterhead.route,
            timestamp: event.published_at,
            data: &event.payload,
        },
        body,
    );
}
