//! Finds an event of the log by its id, whether Sluice or its publisher gave the id.

use super::EngineError;
use crate::domain::event::{Event, is_event_id};
use crate::domain::ids::chunk_of;
use crate::domain::scope::Scope;
use crate::store::event_ids::EventIdClaims;
use crate::store::log::EventLog;

/// Finds events.
#[derive(Clone)]
pub struct EventFinder {
    log: EventLog,
    claims: EventIdClaims,
}

impl EventFinder {
    /// Over the log and the claims on publishers' ids.
    #[must_use]
    pub fn new(log: EventLog, claims: EventIdClaims) -> Self {
        Self { log, claims }
    }

    /// The event of that id.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Event>, EngineError> {
        if !is_event_id(id) {
            return Ok(None);
        }
        if let Some(first) = chunk_of(id)
            && let Some(event) = self.log.event(scope, first, id).await?
        {
            return Ok(Some(event));
        }
        // Also if it looks like one of ours: events that are copied from elsewhere keep their ids.
        match self.claims.claimed_by(scope, id).await? {
            Some(first) => Ok(self.log.event(scope, first, id).await?),
            None => Ok(None),
        }
    }
}
