//! Events: publishing, and reading the log.

pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod poll;
pub(crate) mod publish;

use serde::Serialize;
use serde_json::value::RawValue;
use sluice::domain::event::Event;
use sluice::domain::time::Millis;

/// An event of the log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventView {
    /// Unique within the tenant and environment.
    #[schema(pattern = "^[A-Za-z0-9_:-]{1,100}$")]
    id: String,
    /// `entity.event`
    #[schema(example = "order.created", pattern = "^[A-Za-z0-9_.-]{1,128}$")]
    name: String,
    /// The time of the event as its publisher gave it, or else the time it was logged.
    published_at: Millis,
    /// The time it was logged; ranges and replays use it.
    logged_at: Millis,
    /// A JSON object.
    #[schema(value_type = Object)]
    payload: Box<RawValue>,
    /// The partner it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 256)]
    partner_id: Option<String>,
    /// The kind of business document it carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 256)]
    document_type: Option<String>,
    /// The key that orders it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 256)]
    ordering_key: Option<String>,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            name: event.name,
            published_at: event.published_at,
            logged_at: event.logged_at,
            payload: event.payload,
            partner_id: event.partner_id,
            document_type: event.document_type,
            ordering_key: event.ordering_key,
        }
    }
}
