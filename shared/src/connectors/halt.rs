//! When a target is sent no more of a batch.

use std::sync::{Mutex, PoisonError};

use super::{ConnectorError, Written};

/// Why nothing more is sent in this write: the target is throttled, down, or refuses the credentials. Records that were
/// not sent may be sent later.
#[derive(Default)]
pub(super) struct Halt(Mutex<Option<ConnectorError>>);

impl Halt {
    /// What becomes of a record that is not sent any more.
    pub(super) fn check(&self) -> Result<(), Written> {
        let halted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halted.as_ref().map_or(Ok(()), |error| Err(postponed(error.clone())))
    }

    /// Sends no more.
    pub(super) fn set(&self, error: ConnectorError) -> Written {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        postponed(error)
    }

    /// The result of a write: an error if nothing came of it.
    pub(super) fn finish(self, written: Vec<Written>) -> Result<Vec<Written>, ConnectorError> {
        let nothing = written.iter().all(|written| matches!(written, Written::Failed(_) | Written::Throttled { .. }));
        match self.0.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) if nothing => Err(error),
            _ => Ok(written),
        }
    }
}

/// A record that fails for a reason which is not its own.
fn postponed(error: ConnectorError) -> Written {
    match error {
        ConnectorError::Permanent(reason) => Written::Failed(reason),
        transient => transient.written(),
    }
}
