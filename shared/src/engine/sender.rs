//! The parcel of one event: the integration's envelope, under the event's id.

use crate::domain::event::Event;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::outbound::Parcel;

/// What a destination is handed for one event; `replay` marks one that the user asked for again.
#[must_use]
pub fn parcel<'a>(scope: &Scope, event: &'a Event, sent_at: Millis, replay: bool) -> Parcel<'a> {
    let body = event.envelope(&scope.tenant).into();
    Parcel { id: &event.id, content_type: "application/json", body, sent_at, replay }
}
