//! Conformance: whether published payloads are as their event types say.

use std::sync::Arc;

use super::EngineError;
use super::submission::NewEvent;
use crate::deep;
use crate::domain::schema::Fault;
use crate::store::event_types::Schemas;

/// The most faults told about one request.
const MAX_FAULTS: usize = 100;

/// Events and what is wrong with them: the place of an event, and a fault of its payload.
pub type Checked = (Vec<NewEvent>, Vec<(usize, Fault)>);

/// Checks the payloads of events that have a schema; the others are not even parsed.
///
/// # Errors
/// [`EngineError::Interrupted`] where there is no thread to do it.
pub async fn check(schemas: Arc<Schemas>, events: Vec<NewEvent>) -> Result<Checked, EngineError> {
    if !events.iter().any(|event| schemas.schema(&event.name).is_some()) {
        return Ok((events, Vec::new()));
    }
    let check = move || {
        let mut faults = Vec::new();
        for (place, event) in events.iter().enumerate() {
            let Some(schema) = schemas.schema(&event.name) else { continue };
            faults.extend(schema.faults(event.payload.get()).into_iter().map(|fault| (place, fault)));
            if faults.len() >= MAX_FAULTS {
                break;
            }
        }
        (events, faults)
    };
    deep::run(check).await.map_err(|_| EngineError::Interrupted)
}
