//! Consumers: pollers of the log whose position the server keeps.

pub(crate) mod ack;
pub(crate) mod delete;
pub(crate) mod events;
pub(crate) mod list;

use serde::Serialize;
use sluice::domain::consumer;
use sluice::domain::time::Millis;

/// A consumer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Consumer {
    /// Unique within the tenant and environment.
    #[schema(example = "erp", pattern = "^[a-z0-9-]{1,50}$")]
    name: String,
    /// Every event logged before this time is acknowledged.
    position: Millis,
    created_at: Millis,
    /// When it was created, or last acknowledged something.
    updated_at: Millis,
}

impl From<consumer::Consumer> for Consumer {
    fn from(stored: consumer::Consumer) -> Self {
        let consumer::Consumer { name, position, created_at, updated_at, .. } = stored;
        Self { name, position: position.chunk.at(), created_at, updated_at }
    }
}
